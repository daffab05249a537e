// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the geometry as a whole, and the paper machines they run on.

mod boot;
mod checks;
mod dump;
mod maps;
mod placing;
mod sizes;
mod table;

use std::vec;
use std::vec::Vec;

use super::{Geometry, GeometryError, Group, Placement, Setup, Storage, StorageNeeds, Topology};
use crate::{Config, CpuId, NodeId};

/// A machine on paper: for each CPU id its node, or `None` where no CPU is possible.
#[derive(Clone, Debug)]
struct Machine {
    nodes: Vec<Option<u32>>,
    /// CPUs that are remote to the others and see them as local.
    one_way: Vec<u32>,
}

impl Machine {
    /// CPUs without gaps, on one node.
    fn flat(cpus: u32) -> Self {
        Self::of((0..cpus).map(|_| Some(0)))
    }

    /// CPUs without gaps, `per_node` neighbours on each node.
    fn blocks(cpus: u32, per_node: u32) -> Self {
        Self::of((0..cpus).map(|cpu| Some(cpu / per_node)))
    }

    /// CPUs without gaps, dealt out to the nodes in turn.
    fn dealt(cpus: u32, nodes: u32) -> Self {
        Self::of((0..cpus).map(|cpu| Some(cpu % nodes)))
    }

    fn of(nodes: impl Iterator<Item = Option<u32>>) -> Self {
        Self { nodes: nodes.collect(), one_way: Vec::new() }
    }

    fn node(&self, cpu: CpuId) -> Option<u32> {
        *self.nodes.get(cpu.index())?
    }

    fn possible(&self) -> impl Iterator<Item = CpuId> {
        let ids = (0..self.nodes.len() as u32).map(CpuId::new);
        ids.filter(|&cpu| self.is_possible(cpu))
    }
}

impl Topology for Machine {
    fn nr_cpu_ids(&self) -> u32 {
        self.nodes.len() as u32
    }

    fn is_possible(&self, cpu: CpuId) -> bool {
        self.node(cpu).is_some()
    }

    fn node_of(&self, cpu: CpuId) -> Option<NodeId> {
        self.node(cpu).map(NodeId::new)
    }

    fn is_local(&self, from: CpuId, to: CpuId) -> bool {
        self.node(from) == self.node(to) && !self.one_way.contains(&to.get())
    }
}

/// Exactly as much storage as a geometry says it needs, full of rubbish.
struct Memory {
    cpus: Vec<Placement>,
    slots: Vec<Option<CpuId>>,
    groups: Vec<Group>,
}

impl Memory {
    fn for_machine(machine: &Machine) -> Self {
        Self::of(Geometry::needs(machine))
    }

    fn of(needs: StorageNeeds) -> Self {
        Self {
            cpus: vec![Placement::in_group(3); needs.cpus],
            slots: vec![Some(CpuId::new(12345)); needs.slots],
            groups: vec![Group::default(); needs.groups],
        }
    }

    fn plan(
        &mut self,
        setup: Setup,
        config: &Config,
        machine: &Machine,
    ) -> Result<Geometry<'_>, GeometryError> {
        let storage =
            Storage { cpus: &mut self.cpus, slots: &mut self.slots, groups: &mut self.groups };
        Geometry::plan(setup, config, machine, storage)
    }
}

/// Plans once and looks at the outcome.
fn plan<R>(
    setup: Setup,
    config: &Config,
    machine: &Machine,
    look: impl FnOnce(Result<Geometry<'_>, GeometryError>) -> R,
) -> R {
    let mut memory = Memory::for_machine(machine);
    look(memory.plan(setup, config, machine))
}

/// Linux's numbers for 4 KiB pages with these regions and this atom.
fn regions(static_size: usize, reserved_size: usize, dyn_size: usize, atom_size: usize) -> Config {
    Config { static_size, reserved_size, dyn_size, atom_size, ..Config::LINUX }
}

/// The smallest pool that may be configured.
const TINY: Config = Config {
    page_size: 256,
    min_unit_size: 1024,
    dyn_size: 0,
    early_size: 0,
    atom_size: 256,
    ..Config::LINUX
};

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shape of a machine: which CPUs are possible, on which nodes, how far apart.

use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, NodeId};

type Distance = Box<dyn Fn(CpuId, CpuId) -> bool + Send + Sync>;

/// The answers of a machine's [`Topology`], fixed when it is built.
pub(crate) struct Shape {
    pub(crate) possible: Vec<bool>,
    pub(crate) nodes: Vec<Option<NodeId>>,
    /// `None`: local is whoever is on the same node.
    pub(crate) is_local: Option<Distance>,
}

impl Shape {
    pub(crate) fn first_possible(&self) -> CpuId {
        let first = self.possible.iter().position(|&possible| possible);
        CpuId::new(first.expect("a machine has a possible CPU") as u32)
    }

    pub(crate) fn nr_possible(&self) -> usize {
        self.possible.iter().filter(|&&possible| possible).count()
    }
}

impl Topology for Shape {
    fn nr_cpu_ids(&self) -> u32 {
        self.possible.len() as u32
    }

    fn is_possible(&self, cpu: CpuId) -> bool {
        self.possible.get(cpu.index()).copied().unwrap_or(false)
    }

    fn node_of(&self, cpu: CpuId) -> Option<NodeId> {
        self.nodes.get(cpu.index()).copied().flatten()
    }

    fn is_local(&self, from: CpuId, to: CpuId) -> bool {
        match &self.is_local {
            Some(is_local) => is_local(from, to),
            None => self.node_of(from) == self.node_of(to),
        }
    }
}

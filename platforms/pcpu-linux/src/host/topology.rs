// SPDX-License-Identifier: MIT OR Apache-2.0
//! The processors: those the system has, or those a replay wants.
//!
//! A program may be built for more CPUs than there are: then a CPU is no more than a place in
//! the layout, and the thread that asks who it is gets one of them, by remainder. The answers
//! are taken once, when the machine is built, and never change: the list of *possible* CPUs is
//! fixed from boot on.

use std::fs;
use std::path::Path;

use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, IndexBy, NodeId};

use crate::MAX_CPUS;

const CPU_DIR: &str = "/sys/devices/system/cpu";
const NODE_DIR: &str = "/sys/devices/system/node";

/// Possible CPUs and their nodes.
#[derive(Debug)]
pub(super) struct CpuMap {
    /// In ascending order, never empty.
    possible: Vec<CpuId>,
    /// By CPU id; `None` where the CPU is not possible or its node unknown.
    node_of: Vec<Option<NodeId>>,
}

impl CpuMap {
    /// The CPUs `0..nr_cpus`, with unknown nodes.
    pub(super) fn pretend(nr_cpus: u32) -> Self {
        Self::from_ids((0..nr_cpus).collect())
    }

    /// The system's possible CPUs, or as many as may run at once where it does not say.
    pub(super) fn of_system() -> Self {
        let listed = fs::read_to_string(Path::new(CPU_DIR).join("possible"));
        let listed = listed.ok().and_then(|list| parse_list(&list));
        listed.filter(|ids| !ids.is_empty()).map_or_else(
            || {
                let running = std::thread::available_parallelism().map_or(1, usize::from);
                Self::pretend((running as u32).min(MAX_CPUS))
            },
            Self::from_ids,
        )
    }

    /// One for each number that copies can be indexed by, from 0 on and without gaps, and one more
    /// for strays. CPUs are on the system's nodes; nodes are themselves; concurrency ids, which move
    /// about, are nowhere.
    pub(super) fn of_copies(by: IndexBy) -> Self {
        match by {
            IndexBy::Cpu => {
                let system = Self::of_system().on_system_nodes();
                let mut map = Self::pretend(system.nr_cpu_ids() + 1);
                map.node_of[..system.node_of.len()].copy_from_slice(&system.node_of);
                map
            }
            IndexBy::Node => {
                let nr_nodes = system_nodes().iter().map(|(node, _)| node.get() + 1).max();
                let nr_nodes = nr_nodes.unwrap_or(1);
                let mut map = Self::pretend(nr_nodes + 1);
                (0..nr_nodes).for_each(|n| map.node_of[n as usize] = Some(NodeId::new(n)));
                map
            }
            _ => Self::pretend(Self::of_system().nr_cpu_ids() + 1),
        }
    }

    /// Puts the CPUs on the nodes that the system says they are on.
    pub(super) fn on_system_nodes(mut self) -> Self {
        let nodes = system_nodes();
        // A CPU that is possible but offline is listed nowhere: it may come up on any node.
        let lowest = nodes.iter().map(|(node, _)| *node).min();
        for cpu in &self.possible {
            let listed = nodes.iter().find(|(_, cpus)| cpus.contains(&cpu.get()));
            self.node_of[cpu.index()] = listed.map(|(node, _)| *node).or(lowest);
        }
        self
    }

    /// Puts the CPUs on `nr_nodes` nodes, a block of neighbours on each. At least one, and at
    /// most as many as CPUs.
    pub(super) fn on_pretended_nodes(mut self, nr_nodes: u32) -> Self {
        let nr_cpus = self.possible.len();
        for (idx, cpu) in self.possible.iter().enumerate() {
            let node = idx * nr_nodes as usize / nr_cpus;
            self.node_of[cpu.index()] = Some(NodeId::new(node as u32));
        }
        self
    }

    /// Returns how many CPUs are possible.
    pub(super) fn nr_possible(&self) -> u32 {
        self.possible.len() as u32
    }

    /// Says whether CPUs are on different nodes.
    pub(super) fn has_nodes(&self) -> bool {
        let mut nodes = self.node_of.iter().flatten();
        let first = nodes.next();
        nodes.any(|node| Some(node) != first)
    }

    /// Returns the CPU that stands for `running`, a number of the system's.
    pub(super) fn standing_for(&self, running: usize) -> CpuId {
        match self.possible.binary_search_by_key(&running, |cpu| cpu.index()) {
            Ok(idx) => self.possible[idx],
            Err(_) => self.possible[running % self.possible.len()],
        }
    }

    fn from_ids(ids: Vec<u32>) -> Self {
        let nr_cpu_ids = ids.last().map_or(0, |last| last + 1);
        Self {
            possible: ids.into_iter().map(CpuId::new).collect(),
            node_of: vec![None; nr_cpu_ids as usize],
        }
    }
}

impl Topology for CpuMap {
    fn nr_cpu_ids(&self) -> u32 {
        self.node_of.len() as u32
    }

    fn is_possible(&self, cpu: CpuId) -> bool {
        self.possible.binary_search(&cpu).is_ok()
    }

    fn node_of(&self, cpu: CpuId) -> Option<NodeId> {
        self.node_of.get(cpu.index()).copied().flatten()
    }

    fn is_local(&self, from: CpuId, to: CpuId) -> bool {
        self.node_of(from) == self.node_of(to)
    }
}

/// Reads the nodes and the CPUs that are online on each; none where the system has no such
/// directory.
fn system_nodes() -> Vec<(NodeId, Vec<u32>)> {
    let entries = fs::read_dir(NODE_DIR).into_iter().flatten().flatten();
    let node = |entry: fs::DirEntry| {
        let number = entry.file_name().to_str()?.strip_prefix("node")?.parse().ok()?;
        let cpus = fs::read_to_string(entry.path().join("cpulist")).ok()?;
        Some((NodeId::new(number), parse_list(&cpus)?))
    };
    entries.filter_map(node).collect()
}

/// Reads a list of numbers and ranges that include their ends, as `0-3,8,10-11`. `None` if it is
/// not one, is not in ascending order, or reaches [`MAX_CPUS`].
fn parse_list(text: &str) -> Option<Vec<u32>> {
    let mut ids: Vec<u32> = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
        let follows = ids.last().is_none_or(|before| *before < first);
        if !follows || last < first || last >= MAX_CPUS {
            return None;
        }
        ids.extend(first..=last);
    }
    Some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_the_system_writes_them() {
        assert_eq!(parse_list("0-3,8,10-11\n"), Some(vec![0, 1, 2, 3, 8, 10, 11]));
        assert_eq!(parse_list("0\n"), Some(vec![0]));
        assert_eq!(parse_list("\n"), Some(vec![]));
        for bad in ["x", "3-1", "0-", "1,1", "4,2", "0-4294967295", "0-65536"] {
            assert_eq!(parse_list(bad), None, "{bad}");
        }
    }

    #[test]
    fn copies_have_no_gaps_and_one_more_for_strays() {
        let system = CpuMap::of_system().on_system_nodes();
        let map = CpuMap::of_copies(IndexBy::Cpu);
        assert_eq!(map.nr_possible(), system.nr_cpu_ids() + 1);
        for cpu in (0..system.nr_cpu_ids()).map(CpuId::new) {
            assert_eq!(map.node_of(cpu), system.node_of(cpu));
        }
        assert_eq!(CpuMap::of_copies(IndexBy::ConcurrencyId).nr_possible(), map.nr_possible());
        let nodes = CpuMap::of_copies(IndexBy::Node);
        assert!(nodes.nr_possible() >= 2 && nodes.node_of(CpuId::new(0)).is_some());
    }

    #[test]
    fn gaps_are_not_possible_cpus() {
        let map = CpuMap::from_ids(vec![0, 1, 4]);
        assert_eq!((map.nr_cpu_ids(), map.nr_possible()), (5, 3));
        assert!(map.is_possible(CpuId::new(4)) && !map.is_possible(CpuId::new(2)));
        assert!(!map.is_possible(CpuId::new(5)));
    }

    #[test]
    fn every_running_cpu_is_stood_for_by_a_possible_one() {
        let map = CpuMap::from_ids(vec![0, 1, 4]);
        for running in 0..100 {
            assert!(map.is_possible(map.standing_for(running)));
        }
        assert_eq!(map.standing_for(4), CpuId::new(4));
        assert_eq!(CpuMap::pretend(3).standing_for(7), CpuId::new(1));
    }

    #[test]
    fn pretended_nodes_are_blocks_of_neighbours() {
        let map = CpuMap::pretend(5).on_pretended_nodes(2);
        let nodes: Vec<_> =
            (0..5).map(|cpu| map.node_of(CpuId::new(cpu)).map(NodeId::get)).collect();
        assert_eq!(nodes, [0, 0, 0, 1, 1].map(Some));
        assert!(map.is_local(CpuId::new(0), CpuId::new(2)));
        assert!(!map.is_local(CpuId::new(2), CpuId::new(3)));
    }

    #[test]
    fn the_system_s_cpus_include_the_one_that_runs_this() {
        let map = CpuMap::of_system().on_system_nodes();
        let running = rustix::thread::sched_getcpu();
        assert_eq!(map.standing_for(running), CpuId::new(running as u32));
    }
}

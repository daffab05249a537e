// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making a machine to measure.

use pcpu_layout::{CpuId, NodeId};

use crate::Machine;
use crate::machine::Parts;
use crate::shape::Shape;

/// Most CPU ids that a machine may have.
const MAX_CPUS: u32 = 8192;

/// A machine in the making; see [`Machine::builder`].
///
/// Unless told otherwise it has 2 CPUs, all possible, and no nodes; pages of 4096 bytes, 2^20
/// frames, and 2^26 pages of address space, none of which cost memory before they are used.
pub struct Builder {
    cpus: u32,
    possible: Option<Vec<u32>>,
    nodes: u32,
    node_map: Option<Vec<Option<NodeId>>>,
    shape_distance: Option<Box<dyn Fn(CpuId, CpuId) -> bool + Send + Sync>>,
    page_size: usize,
    frames_per_node: usize,
    space_pages: usize,
    tlb_entries: usize,
    strict_caches: bool,
    seed: u64,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            cpus: 2,
            possible: None,
            nodes: 0,
            node_map: None,
            shape_distance: None,
            page_size: 4096,
            frames_per_node: 1 << 20,
            space_pages: 1 << 26,
            tlb_entries: 1024,
            strict_caches: false,
            seed: 0,
        }
    }
}

impl Builder {
    /// Gives the machine CPUs 0 to `nr - 1`, all possible; 1 to 8192.
    #[must_use]
    pub fn cpus(mut self, nr: u32) -> Self {
        self.cpus = nr;
        self.possible = None;
        self
    }

    /// Makes exactly these CPU ids possible, in any order. Ids below the highest that are not
    /// named are gaps.
    #[must_use]
    pub fn possible(mut self, cpus: impl IntoIterator<Item = u32>) -> Self {
        let cpus: Vec<u32> = cpus.into_iter().collect();
        self.cpus = cpus.iter().max().map_or(0, |highest| highest + 1);
        self.possible = Some(cpus);
        self
    }

    /// Spreads the CPU ids over `nr` nodes, in blocks of equal size as far as that goes.
    #[must_use]
    pub fn nodes(mut self, nr: u32) -> Self {
        self.nodes = nr;
        self.node_map = None;
        self
    }

    /// Says for each CPU id, in order, on which node it is; for ids beyond the list nobody knows.
    #[must_use]
    pub fn node_map(mut self, map: impl IntoIterator<Item = Option<u32>>) -> Self {
        let map: Vec<_> = map.into_iter().map(|node| node.map(NodeId::new)).collect();
        self.nodes = map.iter().flatten().map(|node| node.get() + 1).max().unwrap_or(0);
        self.node_map = Some(map);
        self
    }

    /// Decides who is local to whom, seen from the first CPU; it need not be symmetric. Without
    /// it, CPUs are local to those on the same node.
    #[must_use]
    pub fn local_when(
        mut self,
        is_local: impl Fn(CpuId, CpuId) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.shape_distance = Some(Box::new(is_local));
        self
    }

    /// Sets the page size in bytes: a power of two from 256 to 65536.
    #[must_use]
    pub fn page_size(mut self, bytes: usize) -> Self {
        self.page_size = bytes;
        self
    }

    /// Sets how many frames each node has. The linear addresses of two nodes lie this many pages
    /// apart.
    #[must_use]
    pub fn frames_per_node(mut self, nr: usize) -> Self {
        self.frames_per_node = nr;
        self
    }

    /// Sets the size, in pages, of the address space that reservations are made in.
    #[must_use]
    pub fn address_space(mut self, pages: usize) -> Self {
        self.space_pages = pages;
        self
    }

    /// Sets how many translations each CPU remembers, a power of two. More of them find more
    /// missing flushes and cost 8 bytes each on every CPU that touches mapped memory.
    #[must_use]
    pub fn tlb_entries(mut self, nr: usize) -> Self {
        self.tlb_entries = nr;
        self
    }

    /// Makes the caches of the machine virtually tagged: mapped pages may not be touched before
    /// `flush_cache_after_map`, nor unmapped between a write and `flush_cache_before_unmap`.
    #[must_use]
    pub fn strict_caches(mut self) -> Self {
        self.strict_caches = true;
        self
    }

    /// Varies the junk that fresh frames are full of.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Builds the machine.
    ///
    /// # Panics
    /// When what was asked for is out of range; the message says what is possible.
    pub fn build(self) -> Machine {
        let Self { cpus, nodes, page_size, frames_per_node, .. } = self;
        assert!((1..=MAX_CPUS).contains(&cpus), "{cpus} CPUs wanted, 1 to {MAX_CPUS} are possible");
        assert!(
            page_size.is_power_of_two() && (256..=65536).contains(&page_size),
            "pages of {page_size} bytes wanted, a power of two from 256 to 65536 is possible"
        );
        let nr_frames = frames_per_node.checked_mul(nodes.max(1) as usize);
        assert!(
            nr_frames.is_some_and(|nr| nr > 0 && nr < u32::MAX as usize),
            "{frames_per_node} frames on each of {nodes} nodes wanted, 1 to 2^32 - 2 are possible"
        );
        assert!(
            self.space_pages > 0 && self.space_pages < u32::MAX as usize,
            "{} pages of address space wanted, 1 to 2^32 - 2 are possible",
            self.space_pages
        );
        Machine::assemble(Parts {
            shape: Shape {
                possible: self.possible_cpus(),
                nodes: self.nodes_of_cpus(),
                is_local: self.shape_distance,
            },
            page_size,
            nodes: nodes.max(1) as usize,
            frames_per_node,
            space_pages: self.space_pages,
            tlb_entries: self.tlb_entries,
            strict_caches: self.strict_caches,
            seed: self.seed,
        })
    }

    fn possible_cpus(&self) -> Vec<bool> {
        let Some(possible) = &self.possible else { return vec![true; self.cpus as usize] };
        let mut answers = vec![false; self.cpus as usize];
        for &cpu in possible {
            answers[cpu as usize] = true;
        }
        answers
    }

    fn nodes_of_cpus(&self) -> Vec<Option<NodeId>> {
        let node = |cpu: u32| match &self.node_map {
            Some(map) => map.get(cpu as usize).copied().flatten(),
            None if self.nodes == 0 => None,
            None => {
                let node = u64::from(cpu) * u64::from(self.nodes) / u64::from(self.cpus);
                Some(NodeId::new(node as u32))
            }
        };
        (0..self.cpus).map(node).collect()
    }
}

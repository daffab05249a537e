// SPDX-License-Identifier: MIT OR Apache-2.0
//! A board that can map, playing a machine that cannot.
//!
//! It is wrapped in a type without `Mapper`. The finished program has no function that maps,
//! unmaps or flushes, though the board has all three: nothing in the pool can call them.

#[path = "board/mod.rs"]
mod board;
#[path = "board/life.rs"]
mod life;

use core::alloc::Layout;
use core::ptr::NonNull;

use board::Board;
use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, NodeId, PageCount};
use pcpu_platform::{
    Addr, Cpus, Effort, Frames, Memory, Metadata, NoMetadata, NoPages, Observer, Platform, SmpNoMmu,
};

/// The board without its MMU.
struct Flat(Board);

impl Platform for Flat {
    type Cell = SmpNoMmu;
    type PagesLock = parking_lot::RawMutex;
    type IndexLock = parking_lot::RawMutex;
}

// SAFETY: the board's promises, passed on.
unsafe impl Frames for Flat {
    fn page_size(&self) -> usize {
        self.0.page_size()
    }

    fn take_run(
        &self,
        pages: PageCount,
        align: usize,
        node: Option<NodeId>,
        effort: Effort,
    ) -> Result<Addr, NoPages> {
        self.0.take_run(pages, align, node, effort)
    }

    unsafe fn give_run(&self, start: Addr, pages: PageCount) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.give_run(start, pages) };
    }
}

// SAFETY: the board's promises, passed on.
unsafe impl Memory for Flat {
    unsafe fn zero(&self, at: Addr, len: usize) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.zero(at, len) };
    }

    unsafe fn write(&self, at: Addr, bytes: &[u8]) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.write(at, bytes) };
    }

    unsafe fn read(&self, at: Addr, bytes: &mut [u8]) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.read(at, bytes) };
    }
}

// SAFETY: the board's promises, passed on.
unsafe impl Metadata for Flat {
    fn take_metadata(&self, layout: Layout) -> Result<NonNull<u8>, NoMetadata> {
        self.0.take_metadata(layout)
    }

    unsafe fn give_metadata(&self, at: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.give_metadata(at, layout) };
    }
}

impl Topology for Flat {
    fn nr_cpu_ids(&self) -> u32 {
        self.0.nr_cpu_ids()
    }

    fn is_possible(&self, cpu: CpuId) -> bool {
        self.0.is_possible(cpu)
    }

    fn node_of(&self, cpu: CpuId) -> Option<NodeId> {
        self.0.node_of(cpu)
    }

    fn is_local(&self, from: CpuId, to: CpuId) -> bool {
        self.0.is_local(from, to)
    }
}

impl Cpus for Flat {
    fn current(&self) -> CpuId {
        self.0.current()
    }
}

impl Observer for Flat {}

fn main() {
    life::live(Flat(Board));
    assert_eq!(Board.pages_in_use(), 0);
}

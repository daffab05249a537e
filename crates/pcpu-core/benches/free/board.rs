// SPDX-License-Identifier: MIT OR Apache-2.0
//! The simplest platform that can be timed: one buffer, no MMU, no system calls.
//!
//! Runs of pages come from the front of the buffer and never go back, so that what is measured
//! is the allocator.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::alloc::{Layout, alloc_zeroed, dealloc};

use parking_lot::RawMutex;
use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, NodeId, PageCount};
use pcpu_platform::{
    Addr, Cpus, Effort, Frames, Memory, Metadata, NoMetadata, NoPages, Observer, Platform,
    SmpNoMmu, Up,
};

const PAGE: usize = 4096;
const BUFFER: usize = 64 << 20;

fn buffer() -> Layout {
    Layout::from_size_align(BUFFER, PAGE).expect("a buffer of whole pages")
}

/// A machine of the cell `C`.
pub struct Board<C> {
    memory: NonNull<u8>,
    taken: AtomicUsize,
    nr_cpus: u32,
    cell: PhantomData<C>,
}

impl<C> Board<C> {
    /// Makes a machine.
    pub fn new(nr_cpus: u32) -> Self {
        // SAFETY: the layout has a size.
        let memory = unsafe { alloc_zeroed(buffer()) };
        let memory = NonNull::new(memory).expect("64 MiB of memory");
        Self { memory, taken: AtomicUsize::new(0), nr_cpus, cell: PhantomData }
    }

    /// The byte at an address that the board gave out.
    #[inline]
    fn byte(&self, at: Addr) -> *mut u8 {
        self.memory.as_ptr().with_addr(at.get())
    }
}

impl<C> Drop for Board<C> {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout; the allocator that used it is gone.
        unsafe { dealloc(self.memory.as_ptr(), buffer()) };
    }
}

// SAFETY: runs are cut from the buffer one after the other, at the alignment asked for.
unsafe impl<C> Frames for Board<C> {
    fn page_size(&self) -> usize {
        PAGE
    }

    fn take_run(
        &self,
        pages: PageCount,
        align: usize,
        _: Option<NodeId>,
        _: Effort,
    ) -> Result<Addr, NoPages> {
        let base = self.memory.addr().get();
        let start = (base + self.taken.load(Ordering::Relaxed)).next_multiple_of(align) - base;
        let end = start + pages.get() * PAGE;
        if end > BUFFER {
            return Err(NoPages);
        }
        self.taken.store(end, Ordering::Relaxed);
        Addr::new(base + start).ok_or(NoPages)
    }

    unsafe fn give_run(&self, _: Addr, _: PageCount) {}
}

// SAFETY: each does to the bytes named what its name says.
unsafe impl<C> Memory for Board<C> {
    #[inline]
    unsafe fn zero(&self, at: Addr, len: usize) {
        // SAFETY: in the buffer and the caller's alone, by its promise.
        unsafe { self.byte(at).write_bytes(0, len) };
    }

    unsafe fn write(&self, at: Addr, bytes: &[u8]) {
        // SAFETY: as in `zero`; a borrowed slice does not lie in the buffer.
        unsafe { self.byte(at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    unsafe fn read(&self, at: Addr, bytes: &mut [u8]) {
        // SAFETY: as in `write`.
        unsafe { self.byte(at).copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
    }
}

// SAFETY: the heap's memory, zeroed, the caller's alone until it is given back.
unsafe impl<C> Metadata for Board<C> {
    fn take_metadata(&self, layout: Layout) -> Result<NonNull<u8>, NoMetadata> {
        // SAFETY: the layout has a size, by the trait's contract.
        NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(NoMetadata)
    }

    unsafe fn give_metadata(&self, at: NonNull<u8>, layout: Layout) {
        // SAFETY: taken above with this layout, by the caller's promise.
        unsafe { dealloc(at.as_ptr(), layout) };
    }
}

impl<C> Topology for Board<C> {
    fn nr_cpu_ids(&self) -> u32 {
        self.nr_cpus
    }

    fn is_possible(&self, cpu: CpuId) -> bool {
        cpu.get() < self.nr_cpus
    }

    fn node_of(&self, _: CpuId) -> Option<NodeId> {
        None
    }

    fn is_local(&self, _: CpuId, _: CpuId) -> bool {
        true
    }
}

impl<C> Cpus for Board<C> {
    fn current(&self) -> CpuId {
        CpuId::new(0)
    }
}

impl<C> Observer for Board<C> {}

impl Platform for Board<Up> {
    type Cell = Up;
    type PagesLock = RawMutex;
    type IndexLock = RawMutex;
}

impl Platform for Board<SmpNoMmu> {
    type Cell = SmpNoMmu;
    type PagesLock = RawMutex;
    type IndexLock = RawMutex;
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine as a platform: one type per cell of the table, all over the same machine.
//!
//! Hardware that can map pages but is to play a machine without an MMU is a type without
//! [`Mapper`]. Here only [`Smp`] has it.
//!
//! # Why the `unsafe impl`s hold
//! - **P1** memory is a model: no simulated address is ever turned into a pointer. What a caller
//!   gets wrong is checked (`operations.rs`) and panics.
//! - **P2** the ledger hands a frame to one owner at a time, and the space an address range to
//!   one reservation at a time.
//! - **P3** every access goes through the page table and the lock around all state.
#![allow(unsafe_code)]

use std::alloc::{self, Layout};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, NodeId, PageCount, Span};
use pcpu_platform::{
    Addr, Cpus, Effort, Event, Frames, MapFailed, Mapper, Memory, Metadata, NoMetadata, NoPages,
    NoSpace, Observer, Platform, SmpMmu, SmpNoMmu, ThisCpu, Up, Word,
};

use crate::faults::{Attempt, Fallible};
use crate::{Frame, IndexLock, Machine, Violation};

/// A [`Machine`] as a platform of the cell `C`. Clones are handles to the same machine.
pub struct Sim<C> {
    machine: Machine,
    cell: PhantomData<C>,
}

/// More than one CPU possible, pages can be mapped: the vm back end.
pub type Smp = Sim<SmpMmu>;
/// More than one CPU possible, no way to map pages: the km back end.
pub type NoMmu = Sim<SmpNoMmu>;
/// One CPU.
pub type Uni = Sim<Up>;

impl<C> Sim<C> {
    pub(crate) fn new(machine: &Machine) -> Self {
        Self { machine: machine.clone(), cell: PhantomData }
    }

    /// Returns the machine, to look at it and to make it fail.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }
}

impl<C> Clone for Sim<C> {
    fn clone(&self) -> Self {
        Self::new(&self.machine)
    }
}

impl<C> fmt::Debug for Sim<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sim").field(&self.machine).finish()
    }
}

macro_rules! cells {
    ($($cell:ty),*) => {$(
        impl Platform for Sim<$cell> {
            type Cell = $cell;
            type PagesLock = parking_lot::RawMutex;
            type IndexLock = IndexLock;
        }
    )*};
}
cells!(SmpMmu, SmpNoMmu, Up);

// SAFETY: by P2 a run belongs to the caller alone, by P1 and P3 it can be read and written in
// full. `Physical::take_run` aligns the first frame's number, and the linear addresses start at
// a multiple of any alignment that fits below them. The page size is set once.
unsafe impl<C> Frames for Sim<C> {
    fn page_size(&self) -> usize {
        self.machine.inner.page_size
    }

    fn take_run(
        &self,
        pages: PageCount,
        align: usize,
        node: Option<NodeId>,
        effort: Effort,
    ) -> Result<Addr, NoPages> {
        self.machine.take_run(pages, align, node, effort)
    }

    unsafe fn give_run(&self, start: Addr, pages: PageCount) {
        self.machine.give_run(start, pages);
    }
}

// SAFETY: by P2 reservations do not overlap; by P3 a page shows its frame on every CPU, and
// `frame_at` reads the table that accesses use. After a flush no TLB holds the pages
// (`Tlbs::flush`), and an access that a stale entry would serve panics before any byte moves.
unsafe impl Mapper for Smp {
    type Frame = Frame;

    fn take_frame(&self, node: Option<NodeId>, effort: Effort) -> Result<Frame, NoPages> {
        self.machine.take_frame(node, effort)
    }

    unsafe fn give_frame(&self, frame: Frame) {
        self.machine.give_frame(frame);
    }

    fn reserve(&self, areas: &[Span<usize>], align: usize) -> Result<Addr, NoSpace> {
        self.machine.reserve(areas, align)
    }

    unsafe fn release(&self, base: Addr, areas: &[Span<usize>]) {
        self.machine.release(base, areas);
    }

    unsafe fn map(&self, at: Addr, frames: &[Frame]) -> Result<(), MapFailed> {
        self.machine.map(at, frames)
    }

    unsafe fn unmap(&self, at: Addr, pages: PageCount) {
        self.machine.unmap(at, pages);
    }

    fn frame_at(&self, at: Addr) -> Option<Frame> {
        self.machine.frame_at(at)
    }

    fn flush_cache_after_map(&self, range: Span<Addr>) {
        self.machine.flush_cache_after_map(range);
    }

    fn flush_cache_before_unmap(&self, range: Span<Addr>) {
        self.machine.flush_cache_before_unmap(range);
    }

    fn flush_tlb(&self, range: Span<Addr>) {
        self.machine.flush_tlb(range);
    }
}

// SAFETY: `State::each_page` walks exactly the bytes named, and `Content` does to each part what
// the function's name says (its tests compare it with plain bytes).
unsafe impl<C> Memory for Sim<C> {
    #[inline]
    unsafe fn zero(&self, at: Addr, len: usize) {
        self.machine.zero(at, len);
    }

    unsafe fn write(&self, at: Addr, bytes: &[u8]) {
        self.machine.write(at, bytes);
    }

    unsafe fn read(&self, at: Addr, bytes: &mut [u8]) {
        self.machine.read(at, bytes);
    }
}

// SAFETY: the global allocator's `alloc_zeroed` returns memory of its own for this layout,
// aligned and zeroed, and it is freed only by `give_metadata`, which checks the ledger.
unsafe impl<C> Metadata for Sim<C> {
    fn take_metadata(&self, layout: Layout) -> Result<NonNull<u8>, NoMetadata> {
        let machine = &self.machine;
        let size = layout.size();
        if size == 0 {
            let refused = Violation::BadRequest("metadata of no size was asked for");
            machine.state().books.accept(Err(refused))
        }
        if machine.strikes(&Attempt { size, ..machine.attempt(Fallible::TakeMetadata) }) {
            return Err(NoMetadata);
        }
        // SAFETY: the layout has a size, as checked above.
        let at = NonNull::new(unsafe { alloc::alloc_zeroed(layout) }).ok_or(NoMetadata)?;
        machine.note_metadata_taken(at, layout);
        Ok(at)
    }

    unsafe fn give_metadata(&self, at: NonNull<u8>, layout: Layout) {
        self.machine.note_metadata_given(at, layout);
        // SAFETY: the line above panics unless `at` came from `alloc_zeroed` with this layout
        // and is outstanding; the caller does not use it any more.
        unsafe { alloc::dealloc(at.as_ptr(), layout) };
    }
}

impl<C> Topology for Sim<C> {
    fn nr_cpu_ids(&self) -> u32 {
        self.machine.nr_cpu_ids()
    }

    fn is_possible(&self, cpu: CpuId) -> bool {
        self.machine.is_possible(cpu)
    }

    fn node_of(&self, cpu: CpuId) -> Option<NodeId> {
        self.machine.node_of(cpu)
    }

    fn is_local(&self, from: CpuId, to: CpuId) -> bool {
        self.machine.is_local(from, to)
    }
}

impl<C> Cpus for Sim<C> {
    #[inline]
    fn current(&self) -> CpuId {
        self.machine.current()
    }
}

impl<C> Observer for Sim<C> {
    fn event(&self, event: &Event) {
        self.machine.hear(event);
    }
}

// SAFETY: a thread plays a CPU until the end of `run_on`, which encloses the body; the CPU's
// lock keeps out every other thread that plays it. The operations run inside `pinned`.
unsafe impl<C> ThisCpu for Sim<C> {
    fn pinned<R>(&self, body: impl FnOnce(CpuId) -> R) -> R {
        let cpu = self.current();
        let lock = &self.machine.inner.cpu_locks[cpu.index()];
        assert!(
            !lock.is_owned_by_current_thread(),
            "CPU {cpu} was pinned inside `pinned`, which is not promised to work"
        );
        let _guard = lock.lock();
        body(cpu)
    }

    unsafe fn load<W: Word>(&self, copy_of: impl Fn(CpuId) -> Addr) -> W {
        self.pinned(|cpu| self.get(copy_of(cpu)))
    }

    unsafe fn add_return<W: Word>(&self, copy_of: impl Fn(CpuId) -> Addr, value: W) -> W {
        self.pinned(|cpu| {
            let at = copy_of(cpu);
            self.put(at, self.get::<W>(at).wrapping_plus(value))
        })
    }

    unsafe fn exchange<W: Word>(&self, copy_of: impl Fn(CpuId) -> Addr, value: W) -> W {
        self.pinned(|cpu| {
            let at = copy_of(cpu);
            let old = self.get(at);
            self.put(at, value);
            old
        })
    }

    unsafe fn compare_exchange<W: Word>(
        &self,
        copy_of: impl Fn(CpuId) -> Addr,
        expected: W,
        value: W,
    ) -> Result<W, W> {
        self.pinned(|cpu| {
            let at = copy_of(cpu);
            let old = self.get(at);
            if old != expected {
                return Err(old);
            }
            self.put(at, value);
            Ok(old)
        })
    }
}

impl<C> Sim<C> {
    fn get<W: Word>(&self, at: Addr) -> W {
        W::default().through_bytes(|bytes| self.machine.read(at, bytes))
    }

    fn put<W: Word>(&self, at: Addr, value: W) -> W {
        value.through_bytes(|bytes| self.machine.write(at, bytes))
    }
}

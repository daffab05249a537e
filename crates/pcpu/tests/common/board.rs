// SPDX-License-Identifier: MIT OR Apache-2.0
//! A machine with nothing under it: pages from one buffer, and a CPU that the test says is running.
//!
//! Small enough for an interpreter that checks every access. One thread plays all CPUs, in turns;
//! so the machine is not `Sync`.
#![allow(dead_code)]

use core::alloc::Layout;
use core::cell::Cell;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use std::alloc::{alloc_zeroed, dealloc};
use std::rc::Rc;

use pcpu::layout::geometry::Topology;
use pcpu::layout::{CpuId, NodeId, PageCount};
use pcpu::platform::{
    Addr, Addressable, Cpus, Effort, Frames, Memory, Metadata, NoMetadata, NoPages, Observer,
    Platform, SmpNoMmu, ThisCpu, Up, Word,
};

pub const PAGE: usize = 256;
const BUFFER: usize = 64 << 10;

fn buffer() -> Layout {
    Layout::from_size_align(BUFFER, 4096).unwrap()
}

/// What is counted of a board's metadata, for those who outlive the board.
#[derive(Debug, Default)]
pub struct Loans {
    /// Not given back.
    pub live: Cell<usize>,
    /// Loans that will be granted before all others are refused; `None` for no limit.
    pub left: Cell<Option<usize>>,
}

/// A machine of the cell `C`.
pub struct Board<C> {
    memory: NonNull<u8>,
    used: Cell<usize>,
    nr_cpus: u32,
    running: Cell<CpuId>,
    unmaskable: Cell<bool>,
    pub loans: Rc<Loans>,
    cell: PhantomData<C>,
}

impl<C> Board<C> {
    pub fn new(nr_cpus: u32) -> Self {
        // SAFETY: the layout has a size.
        let memory = NonNull::new(unsafe { alloc_zeroed(buffer()) }).unwrap();
        let _ = memory.as_ptr().expose_provenance();
        Self {
            memory,
            used: Cell::new(0),
            nr_cpus,
            running: Cell::new(CpuId::new(0)),
            unmaskable: Cell::new(false),
            loans: Rc::default(),
            cell: PhantomData,
        }
    }

    /// Goes on as another CPU. Not to be called by pinned code.
    pub fn run_on(&self, cpu: u32) {
        self.running.set(CpuId::new(cpu));
    }

    /// Runs `handler` as if nothing could have held it off.
    pub fn unmaskable<R>(&self, handler: impl FnOnce() -> R) -> R {
        self.unmaskable.set(true);
        let result = handler();
        self.unmaskable.set(false);
        result
    }

    pub fn end_unmaskable(&self) {
        self.unmaskable.set(false);
    }
}

fn byte(at: Addr) -> *mut u8 {
    ptr::with_exposed_provenance_mut(at.get())
}

impl<C> Drop for Board<C> {
    fn drop(&mut self) {
        // SAFETY: from `new`, with this layout; the pool that used it is gone.
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
        let start = (base + self.used.get()).next_multiple_of(align) - base;
        let end = start + pages.get() * PAGE;
        if end > BUFFER {
            return Err(NoPages);
        }
        self.used.set(end);
        Addr::new(base + start).ok_or(NoPages)
    }

    unsafe fn give_run(&self, _: Addr, _: PageCount) {}
}

// SAFETY: each does to the bytes named what its name says; the buffer's provenance is exposed.
unsafe impl<C> Memory for Board<C> {
    unsafe fn zero(&self, at: Addr, len: usize) {
        // SAFETY: in the buffer and the caller's alone, by its promise.
        unsafe { byte(at).write_bytes(0, len) };
    }

    unsafe fn write(&self, at: Addr, bytes: &[u8]) {
        // SAFETY: as in `zero`; the slice does not lie in the buffer.
        unsafe { byte(at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    unsafe fn read(&self, at: Addr, bytes: &mut [u8]) {
        // SAFETY: as in `write`.
        unsafe { byte(at).copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
    }
}

// SAFETY: addresses are the program's own.
unsafe impl<C> Addressable for Board<C> {}

// SAFETY: the heap's memory, zeroed, the caller's alone until it is given back.
unsafe impl<C> Metadata for Board<C> {
    fn take_metadata(&self, layout: Layout) -> Result<NonNull<u8>, NoMetadata> {
        if let Some(left) = self.loans.left.get() {
            self.loans.left.set(Some(left.checked_sub(1).ok_or(NoMetadata)?));
        }
        self.loans.live.set(self.loans.live.get() + 1);
        // SAFETY: the layout has a size, by the trait's contract.
        NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(NoMetadata)
    }

    unsafe fn give_metadata(&self, at: NonNull<u8>, layout: Layout) {
        self.loans.live.set(self.loans.live.get() - 1);
        // SAFETY: taken above with this layout, by the caller's promise.
        unsafe { dealloc(at.as_ptr(), layout) };
    }
}

// SAFETY: one thread plays all CPUs, and changes which between bodies; a handler that nothing
// holds off is refused.
unsafe impl<C> ThisCpu for Board<C> {
    fn pinned<R>(&self, body: impl FnOnce(CpuId) -> R) -> R {
        assert!(!self.unmaskable.get(), "in a handler that cannot be masked");
        body(self.running.get())
    }

    unsafe fn load<W: Word>(&self, copy_of: impl Fn(CpuId) -> Addr) -> W {
        let at = self.pinned(copy_of);
        // SAFETY: a word of the running CPU's, by the caller's contract.
        W::default().through_bytes(|bytes| unsafe { self.read(at, bytes) })
    }

    unsafe fn add_return<W: Word>(&self, copy_of: impl Fn(CpuId) -> Addr, value: W) -> W {
        // SAFETY: the caller's contract is passed on.
        let sum = unsafe { self.load::<W>(&copy_of) }.wrapping_plus(value);
        // SAFETY: the same.
        unsafe { self.exchange(copy_of, sum) };
        sum
    }

    unsafe fn exchange<W: Word>(&self, copy_of: impl Fn(CpuId) -> Addr, value: W) -> W {
        // SAFETY: the caller's contract is passed on.
        let old = unsafe { self.load::<W>(&copy_of) };
        let at = self.pinned(copy_of);
        // SAFETY: a word of the running CPU's, by the caller's contract.
        let _ = value.through_bytes(|bytes| unsafe { self.write(at, bytes) });
        old
    }

    unsafe fn compare_exchange<W: Word>(
        &self,
        copy_of: impl Fn(CpuId) -> Addr,
        expected: W,
        value: W,
    ) -> Result<W, W> {
        // SAFETY: the caller's contract is passed on.
        let old = unsafe { self.load::<W>(&copy_of) };
        if old != expected {
            return Err(old);
        }
        // SAFETY: the same.
        Ok(unsafe { self.exchange(copy_of, value) })
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
        self.running.get()
    }
}

impl<C> Observer for Board<C> {}

impl Platform for Board<SmpNoMmu> {
    type Cell = SmpNoMmu;
    type PagesLock = parking_lot::RawMutex;
    type IndexLock = parking_lot::RawMutex;
}

impl Platform for Board<Up> {
    type Cell = Up;
    type PagesLock = parking_lot::RawMutex;
    type IndexLock = parking_lot::RawMutex;
}

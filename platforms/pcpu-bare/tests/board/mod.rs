// SPDX-License-Identifier: MIT OR Apache-2.0
//! A board in a test: threads play CPUs, each with a mask of its own, and may pretend to be in an NMI.
#![allow(dead_code, reason = "each test uses a part")]

use std::alloc::{Layout, alloc_zeroed};
use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Range;

use bitmap_allocator::BitAlloc256;
use pcpu_bare::{Board, CpuBlock, Interrupts};
use pcpu_layout::CpuId;

thread_local! {
    static BLOCK: Cell<&'static CpuBlock> = Cell::new(fresh(0));
    static MASKED: Cell<bool> = const { Cell::new(false) };
    static IN_NMI: Cell<bool> = const { Cell::new(false) };
    static ASKED_UNMASKED: Cell<bool> = const { Cell::new(false) };
}

fn fresh(number: u32) -> &'static CpuBlock {
    Box::leak(Box::new(CpuBlock::new(CpuId::new(number))))
}

/// Remembers whether interrupts are masked, as one bit in a register does.
pub enum Flag {}

impl Flag {
    pub fn masked() -> bool {
        MASKED.get()
    }

    /// Says whether this thread ever asked for NMIs with interrupts on, when it could have gone on
    /// elsewhere.
    pub fn asked_unmasked() -> bool {
        ASKED_UNMASKED.get()
    }

    /// Runs `body` as the handler of an NMI.
    pub fn in_nmi<R>(body: impl FnOnce() -> R) -> R {
        IN_NMI.set(true);
        let result = body();
        IN_NMI.set(false);
        result
    }

    /// Says whether `body` panics as it must in an NMI, and leaves interrupts as they were.
    pub fn refuses(body: impl FnOnce() + std::panic::UnwindSafe) -> bool {
        let before = MASKED.get();
        let result = Self::in_nmi(|| std::panic::catch_unwind(body));
        let message = result.err().and_then(|why| why.downcast::<&str>().ok());
        message.is_some_and(|message| message.contains("cannot be masked"))
            && MASKED.get() == before
    }
}

// SAFETY: nothing interrupts the tests; a thread is a CPU and stays one.
unsafe impl Interrupts for Flag {
    fn mask() -> usize {
        usize::from(MASKED.replace(true))
    }

    unsafe fn restore(saved: usize) {
        MASKED.set(saved != 0);
    }

    fn in_unmaskable() -> bool {
        ASKED_UNMASKED.set(ASKED_UNMASKED.get() || !MASKED.get());
        IN_NMI.get()
    }
}

/// A board of the cell `C` with `CPUS` CPUs and pages of `PAGE` bytes.
pub struct TestBoard<C, const CPUS: u32, const PAGE: usize>(PhantomData<fn() -> C>);

impl<C, const CPUS: u32, const PAGE: usize> TestBoard<C, CPUS, PAGE> {
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

// SAFETY: each thread has a block of its own, by `play` with a number below `CPUS` that no other
// thread of the test has.
unsafe impl<C: 'static, const CPUS: u32, const PAGE: usize> Board for TestBoard<C, CPUS, PAGE> {
    type Cell = C;
    type Interrupts = Flag;
    type Pages = BitAlloc256;

    const NR_CPUS: u32 = CPUS;
    const PAGE_SIZE: usize = PAGE;

    fn block() -> &'static CpuBlock {
        BLOCK.get()
    }
}

/// Makes this thread the CPU `number`; one that holds no lock.
pub fn play(number: u32) {
    BLOCK.set(fresh(number));
}

/// Returns memory of its own for good, `size` bytes from a multiple of `align`.
pub fn memory(size: usize, align: usize) -> Range<usize> {
    let layout = Layout::from_size_align(size, align).unwrap();
    // SAFETY: the tests ask for some bytes.
    let start = unsafe { alloc_zeroed(layout) };
    assert!(!start.is_null());
    let start = start.expose_provenance();
    start..start + size
}

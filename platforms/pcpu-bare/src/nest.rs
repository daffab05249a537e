// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interrupts stay masked until the last of locks and pins has gone, in whatever order they go.
//!
//! Guards of [`Masking`](crate::lock::Masking) are values: safe code drops them in any order, or
//! inside the body of `pinned` though they were taken before it. If each put back what it found, the
//! wrong one would let interrupts in. So each CPU counts, and only the last puts back:
//!
//! ```text
//!                                  depth   saved
//!  let guard = lock.lock();        0 → 1   on     what the first found is remembered
//!  platform.pinned(|_| {           1 → 2
//!      drop(guard);                2 → 1          masked still: this body relies on it
//!  });                             1 → 0          on again
//! ```
//!
//! Everything in this crate that masks interrupts does so by [`enter`] and [`leave`].
//!
//! # Invariants
//! - **N1** depth and saved state of a CPU are touched by that CPU alone, with interrupts masked.
//! - **N2** while the depth is not 0, interrupts are masked, and `saved` is how they were
//!   when it became 1.
//!
//! So code stays on its CPU from `enter` to the matching `leave`. A guard that is leaked leaves the
//! depth above 0, and interrupts masked for good.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicUsize, Ordering};

use pcpu_layout::CpuId;

use crate::{Board, CpuBlock, Interrupts};

/// How deeply interrupts are masked on one CPU.
///
/// Atomic only because it is in a static: by N1 loads and stores suffice. Those of `core`, which
/// are single instructions also where `portable-atomic` enters a critical section for each.
#[derive(Debug)]
pub(crate) struct Nest {
    /// Locks held and bodies pinned.
    depth: AtomicUsize,
    /// What the first of them found.
    saved: AtomicUsize,
}

impl Nest {
    pub(crate) const fn new() -> Self {
        Self { depth: AtomicUsize::new(0), saved: AtomicUsize::new(0) }
    }

    /// Counts one more. `found` is how interrupts were, and remembered if it is the first.
    #[inline]
    fn add(&self, found: usize) {
        let depth = self.depth.load(Ordering::Relaxed);
        let deeper = depth.checked_add(1).expect("more locks and pins on a CPU than it can count");
        if depth == 0 {
            self.saved.store(found, Ordering::Relaxed);
        }
        self.depth.store(deeper, Ordering::Relaxed);
    }

    /// Counts one less. Returns what is to be put back if it was the last.
    #[inline]
    fn remove(&self) -> Option<usize> {
        let depth = self.depth.load(Ordering::Relaxed);
        let left = depth.checked_sub(1).expect("a lock was released on a CPU that holds none");
        self.depth.store(left, Ordering::Relaxed);
        (left == 0).then(|| self.saved.load(Ordering::Relaxed))
    }
}

/// Masks interrupts on this CPU until the matching [`leave`], and returns the CPU's block.
///
/// # Panics
/// In a handler that cannot be masked, before anything is touched and with interrupts as they were.
#[inline]
#[track_caller]
pub(crate) fn enter<B: Board>() -> &'static CpuBlock {
    let found = B::Interrupts::mask();
    // After masking: before, a kernel may move this code to a CPU that such a handler does not run on.
    if B::Interrupts::in_unmaskable() {
        // SAFETY: `mask` above returned it, and nothing has come to rely on that one.
        unsafe { B::Interrupts::restore(found) };
        refuse();
    }
    // Now this is the block of the CPU that goes on.
    let block = B::block();
    block.nest.add(found);
    block
}

#[cold]
#[track_caller]
fn refuse() -> ! {
    panic!("per-CPU data was used in a handler that cannot be masked (NMI, hard fault)")
}

/// Puts back interrupts if this is the last.
///
/// # Safety
/// - `block` is what an [`enter`] of this CPU returned, and this `leave` is the only one for it.
/// - Nothing that relies on it runs any more.
#[inline]
pub(crate) unsafe fn leave<B: Board>(block: &CpuBlock) {
    if let Some(saved) = block.nest.remove() {
        // SAFETY: N2, and all boards of a program have the same `Interrupts`: a `mask` of this CPU
        // returned it, and those since have counted down to 0.
        unsafe { B::Interrupts::restore(saved) };
    }
}

/// Interrupts masked until dropped, in whatever way. It stays on its CPU.
pub(crate) struct Masked<B: Board> {
    block: &'static CpuBlock,
    stays: PhantomData<(*const (), B)>,
}

impl<B: Board> Masked<B> {
    /// Masks interrupts.
    ///
    /// # Panics
    /// In a handler that cannot be masked.
    #[inline]
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self { block: enter::<B>(), stays: PhantomData }
    }

    /// The CPU that executes this.
    #[inline]
    pub(crate) fn cpu(&self) -> CpuId {
        self.block.cpu()
    }
}

impl<B: Board> Drop for Masked<B> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `new` entered, on this CPU, and a value is dropped once.
        unsafe { leave::<B>(self.block) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_to_go_puts_back_what_the_first_found() {
        let nest = Nest::new();
        for first in [7, 8] {
            nest.add(first);
            nest.add(100);
            assert_eq!(nest.remove(), None);
            nest.add(101);
            assert_eq!(nest.remove(), None);
            assert_eq!(nest.remove(), Some(first));
        }
    }

    #[test]
    #[should_panic(expected = "holds none")]
    fn more_cannot_go_than_came() {
        let nest = Nest::new();
        nest.add(1);
        nest.remove();
        nest.remove();
    }

    #[test]
    #[should_panic(expected = "than it can count")]
    fn the_count_does_not_start_anew_at_its_end() {
        let nest = Nest { depth: AtomicUsize::new(usize::MAX), saved: AtomicUsize::new(1) };
        nest.add(2);
    }
}

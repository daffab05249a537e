// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which CPU of which machine a thread plays.
//!
//! A thread may play a CPU of one machine inside a CPU of another, so each thread keeps a stack
//! of (machine, CPU). A machine that is not on it is played on its first possible CPU.

use std::cell::RefCell;

use pcpu_layout::CpuId;

thread_local! {
    static PLAYED: RefCell<Vec<(usize, CpuId)>> = const { RefCell::new(Vec::new()) };
}

/// Returns the CPU that this thread plays of the machine, if any.
#[inline]
pub(crate) fn played(machine: usize) -> Option<CpuId> {
    PLAYED.with_borrow(|stack| {
        stack.iter().rev().find(|&&(of, _)| of == machine).map(|&(_, cpu)| cpu)
    })
}

/// Runs `body` as that CPU of that machine.
pub(crate) fn play<R>(machine: usize, cpu: CpuId, body: impl FnOnce() -> R) -> R {
    /// Takes the top off the stack, also when `body` panics.
    struct Top;
    impl Drop for Top {
        fn drop(&mut self) {
            PLAYED.with_borrow_mut(Vec::pop);
        }
    }
    PLAYED.with_borrow_mut(|stack| stack.push((machine, cpu)));
    let _top = Top;
    body()
}

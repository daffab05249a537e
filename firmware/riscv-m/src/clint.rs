// SPDX-License-Identifier: MIT OR Apache-2.0
//! The CLINT: inter-processor interrupts.
//!
//! A hart's software interrupt is pending for as long as its `msip` word is 1. There is no queue:
//! two requests that meet are one interrupt.
//!
//! # Source
//! SiFive FU540-C000 manual, "Core-Local Interruptor", whose device the virt machine models.

use core::ptr::with_exposed_provenance_mut;

use crate::MAX_HARTS;

/// `msip` of hart 0; the others follow, 4 bytes apart.
const MSIP: usize = 0x0200_0000;

/// Makes `hart`'s software interrupt pending. What this hart wrote before is visible to the
/// handler.
pub fn raise(hart: usize) {
    set(hart, 1);
}

/// Takes `hart`'s software interrupt back. Requests that came before are served by what follows.
pub fn clear(hart: usize) {
    set(hart, 0);
}

fn set(hart: usize, pending: u32) {
    assert!(hart < MAX_HARTS, "hart {hart} asked for, there are {MAX_HARTS}");
    let word = with_exposed_provenance_mut::<u32>(MSIP + 4 * hart);
    device_fence();
    // SAFETY: `msip` of a hart that exists (asserted above), a word; writing it does nothing but
    // make an interrupt pending or not.
    unsafe { word.write_volatile(pending) };
    device_fence();
}

/// Orders memory and devices. Rust's own fences order memory alone.
fn device_fence() {
    // SAFETY: a fence has no operands and no effect but order; it is a barrier to the compiler
    // too, for it is not said to leave memory alone.
    unsafe { core::arch::asm!("fence iorw, iorw", options(nostack, preserves_flags)) };
}

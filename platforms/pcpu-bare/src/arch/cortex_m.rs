// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arm Cortex-M: PRIMASK masks every interrupt; NMI and HardFault come all the same.
//!
//! IPSR numbers the exception that runs, so the two can be told apart from all others: NMI is 2,
//! HardFault 3. With PRIMASK set, other faults become HardFaults. There is no register for a base:
//! a board with two cores has a memory-mapped one that numbers them.
//!
//! # Source
//! Armv7-M and Armv8-M Architecture Reference Manuals, "Special-purpose mask registers" and
//! "Exception numbers".

use core::arch::asm;

use crate::Interrupts;

const NMI: u32 = 2;
const HARD_FAULT: u32 = 3;

/// Masks interrupts by PRIMASK.
#[derive(Clone, Copy, Debug)]
pub enum Primask {}

// SAFETY: with PRIMASK set only NMI and HardFault run, which IPSR names; masking again leaves it set;
// neither block is `nomem`, so the compiler moves no access to memory across.
unsafe impl Interrupts for Primask {
    #[inline]
    fn mask() -> usize {
        let saved;
        // SAFETY: both instructions are always allowed in privileged code, and change nothing else.
        unsafe {
            asm!("mrs {}, PRIMASK", "cpsid i", out(reg) saved, options(nostack, preserves_flags))
        };
        saved
    }

    #[inline]
    unsafe fn restore(saved: usize) {
        if saved & 1 == 0 {
            // SAFETY: interrupts were on before the `mask` that returned `saved`, by the caller's word.
            unsafe { asm!("cpsie i", options(nostack, preserves_flags)) };
        }
    }

    #[inline]
    fn in_unmaskable() -> bool {
        let ipsr: u32;
        // SAFETY: reads a register, no more.
        unsafe { asm!("mrs {}, IPSR", out(reg) ipsr, options(nomem, nostack, preserves_flags)) };
        matches!(ipsr & 0x1FF, NMI | HARD_FAULT)
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! AArch64 at EL1: DAIF masks, TPIDR_EL1 is the base.
//!
//! DAIF.I masks interrupts and DAIF.F fast interrupts. System errors, synchronous exceptions and,
//! with FEAT_NMI, interrupts with superpriority come all the same. Nothing that can be read says
//! that one of their handlers runs, so the board's handlers say it with
//! [`CpuBlock::enter_unmaskable`](crate::CpuBlock).
//!
//! # Source
//! Arm Architecture Reference Manual for A-profile, "DAIF, Interrupt Mask Bits" and "TPIDR_EL1".

use core::arch::asm;

use super::base::BaseRegister;
use crate::{CpuBlock, Interrupts};

/// TPIDR_EL1.
pub(super) enum Base {}

impl BaseRegister for Base {
    #[inline]
    unsafe fn set_base(base: usize) {
        // SAFETY: the caller owns the register; EL1 may write it.
        unsafe { asm!("msr tpidr_el1, {}", in(reg) base, options(nostack, preserves_flags)) };
    }

    #[inline]
    fn base() -> usize {
        let base;
        // SAFETY: reads a register, no more.
        unsafe {
            asm!("mrs {}, tpidr_el1", out(reg) base, options(nomem, nostack, preserves_flags))
        };
        base
    }
}

/// Masks interrupts and fast interrupts by DAIF.
#[derive(Clone, Copy, Debug)]
pub enum Daif {}

// SAFETY: with I and F set only exceptions that the board reports get in; masking again leaves them
// set; neither block is `nomem`, so the compiler moves no access to memory across.
unsafe impl Interrupts for Daif {
    #[inline]
    fn mask() -> usize {
        let saved;
        // SAFETY: always allowed at EL1, and changes nothing but the two bits.
        unsafe {
            asm!("mrs {}, daif", "msr daifset, #3", out(reg) saved, options(nostack, preserves_flags))
        };
        saved
    }

    #[inline]
    unsafe fn restore(saved: usize) {
        // SAFETY: a `mask` read `saved` from the register, by the caller's word.
        unsafe { asm!("msr daif, {}", in(reg) saved, options(nostack, preserves_flags)) };
    }

    #[inline]
    fn in_unmaskable() -> bool {
        CpuBlock::in_unmaskable()
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arm A and R profile, 32 bits: CPSR masks, TPIDRPRW is the base.
//!
//! CPSR.I masks interrupts and CPSR.F fast interrupts. Aborts and undefined instructions come all
//! the same; while their handlers stay in the mode that the processor entered, the mode says so.
//! What cannot be read off a mode (fast interrupts where SCTLR.NMFI is set, a handler that
//! went over to another mode) is for [`CpuBlock::enter_unmaskable`](crate::CpuBlock).
//!
//! # Source
//! Armv7-A/R Architecture Reference Manual, "The Current Program Status Register" and "TPIDRPRW".

use core::arch::asm;

use super::base::BaseRegister;
use crate::{CpuBlock, Interrupts};

const IRQ: usize = 1 << 7;
const FIQ: usize = 1 << 6;
const MODE: usize = 0x1F;
const ABORT: usize = 0x17;
const UNDEFINED: usize = 0x1B;

/// TPIDRPRW.
pub(super) enum Base {}

impl BaseRegister for Base {
    #[inline]
    unsafe fn set_base(base: usize) {
        // SAFETY: the caller owns the register; privileged code may write it.
        unsafe {
            asm!("mcr p15, 0, {}, c13, c0, 4", in(reg) base, options(nostack, preserves_flags))
        };
    }

    #[inline]
    fn base() -> usize {
        let base;
        // SAFETY: reads a register, no more.
        unsafe {
            asm!("mrc p15, 0, {}, c13, c0, 4", out(reg) base, options(nomem, nostack, preserves_flags))
        };
        base
    }
}

/// Masks interrupts and fast interrupts by CPSR.
#[derive(Clone, Copy, Debug)]
pub enum Cpsr {}

fn cpsr() -> usize {
    let cpsr;
    // SAFETY: reads a register, no more.
    unsafe { asm!("mrs {}, cpsr", out(reg) cpsr, options(nomem, nostack, preserves_flags)) };
    cpsr
}

// SAFETY: with I and F set only aborts and undefined instructions get in, whose modes are asked
// for, and what the board reports; masking again leaves them set; the blocks that change bits are
// not `nomem`, so the compiler moves no access to memory across.
unsafe impl Interrupts for Cpsr {
    #[inline]
    fn mask() -> usize {
        let saved = cpsr();
        // SAFETY: always allowed in privileged code, and changes nothing but the two bits.
        unsafe { asm!("cpsid if", options(nostack, preserves_flags)) };
        saved
    }

    #[inline]
    unsafe fn restore(saved: usize) {
        if saved & FIQ == 0 {
            // SAFETY: they were on before the `mask` that returned `saved`, by the caller's word.
            unsafe { asm!("cpsie f", options(nostack, preserves_flags)) };
        }
        if saved & IRQ == 0 {
            // SAFETY: as above.
            unsafe { asm!("cpsie i", options(nostack, preserves_flags)) };
        }
    }

    #[inline]
    fn in_unmaskable() -> bool {
        matches!(cpsr() & MODE, ABORT | UNDEFINED) || CpuBlock::in_unmaskable()
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! x86-64: RFLAGS.IF masks, the base of GS is the base.
//!
//! NMIs, machine checks and faults come all the same. Nothing that can be read says that one of
//! their handlers runs, so the board's handlers say it with
//! [`CpuBlock::enter_unmaskable`](crate::CpuBlock).
//!
//! The base is read from its MSR: an access through `gs:` would be quicker but cannot ask whether
//! the base was set. A kernel with user programs executes `swapgs` when it enters.
//!
//! # Source
//! Intel SDM volume 3, "Masking Maskable Hardware Interrupts" and "IA32_GS_BASE".

use core::arch::asm;

use super::base::BaseRegister;
use crate::{CpuBlock, Interrupts};

const IA32_GS_BASE: u32 = 0xC000_0101;
const INTERRUPT_FLAG: usize = 1 << 9;

/// The base of GS.
pub(super) enum Base {}

impl BaseRegister for Base {
    #[inline]
    unsafe fn set_base(base: usize) {
        let (high, low) = ((base >> 32) as u32, base as u32);
        // SAFETY: the caller owns the register; ring 0 may write it, and an address is canonical.
        unsafe {
            asm!("wrmsr", in("ecx") IA32_GS_BASE, in("edx") high, in("eax") low, options(nostack, preserves_flags));
        };
    }

    #[inline]
    fn base() -> usize {
        let (high, low): (u32, u32);
        // SAFETY: the register exists on every x86-64 processor; reads it, no more.
        unsafe {
            asm!("rdmsr", in("ecx") IA32_GS_BASE, out("edx") high, out("eax") low, options(nomem, nostack, preserves_flags));
        };
        (high as usize) << 32 | low as usize
    }
}

/// Masks interrupts by RFLAGS.IF.
#[derive(Clone, Copy, Debug)]
pub enum Eflags {}

// SAFETY: with IF clear only NMIs, machine checks and faults get in, which the board reports; masking
// again leaves it clear; neither block is `nomem`, so the compiler moves no access to memory across.
unsafe impl Interrupts for Eflags {
    #[inline]
    fn mask() -> usize {
        let saved;
        // SAFETY: allowed in ring 0, changes nothing but IF; the stack is as it was.
        unsafe { asm!("pushfq", "pop {}", "cli", out(reg) saved, options(preserves_flags)) };
        saved
    }

    #[inline]
    unsafe fn restore(saved: usize) {
        if saved & INTERRUPT_FLAG != 0 {
            // SAFETY: interrupts were on before the `mask` that returned `saved`, by the caller's word.
            unsafe { asm!("sti", options(nostack, preserves_flags)) };
        }
    }

    #[inline]
    fn in_unmaskable() -> bool {
        CpuBlock::in_unmaskable()
    }
}

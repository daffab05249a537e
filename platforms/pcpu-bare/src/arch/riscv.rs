// SPDX-License-Identifier: MIT OR Apache-2.0
//! RISC-V, 32 and 64 bits: MIE or SIE masks, `tp` is the base.
//!
//! Code in machine mode masks by mstatus.MIE, a kernel in supervisor mode by sstatus.SIE. Faults
//! and resumable NMIs come all the same. Nothing that can be read says that one of their handlers
//! runs, so the board's handlers say it with [`CpuBlock::enter_unmaskable`](crate::CpuBlock).
//!
//! `tp` is an ordinary register that compiled code leaves alone. It is not zero at reset by the
//! book, so start-up code sets it to zero first. A kernel with user programs swaps it with
//! `mscratch` or `sscratch` when it enters.
//!
//! # Source
//! RISC-V Privileged Architecture, "Machine Status Registers"; RISC-V ABIs, "Integer Register
//! Convention".

use core::arch::asm;

use super::base::BaseRegister;
use crate::{CpuBlock, Interrupts};

const MIE: usize = 1 << 3;
const SIE: usize = 1 << 1;

/// `tp`.
pub(super) enum Base {}

impl BaseRegister for Base {
    #[inline]
    unsafe fn set_base(base: usize) {
        // SAFETY: the caller owns the register.
        unsafe { asm!("mv tp, {}", in(reg) base, options(nostack, preserves_flags)) };
    }

    #[inline]
    fn base() -> usize {
        let base;
        // SAFETY: reads a register, no more.
        unsafe { asm!("mv {}, tp", out(reg) base, options(nomem, nostack, preserves_flags)) };
        base
    }
}

/// Masks interrupts of machine mode by mstatus.MIE.
#[derive(Clone, Copy, Debug)]
pub enum MachineMode {}

// SAFETY: in machine mode with MIE clear only traps that the board reports get in; masking again
// leaves it clear; neither block is `nomem`, so the compiler moves no access to memory across.
unsafe impl Interrupts for MachineMode {
    #[inline]
    fn mask() -> usize {
        let saved;
        // SAFETY: allowed in machine mode, and changes nothing but MIE.
        unsafe { asm!("csrrci {}, mstatus, 8", out(reg) saved, options(nostack, preserves_flags)) };
        saved
    }

    #[inline]
    unsafe fn restore(saved: usize) {
        if saved & MIE != 0 {
            // SAFETY: interrupts were on before the `mask` that returned `saved`, by the caller's word.
            unsafe { asm!("csrsi mstatus, 8", options(nostack, preserves_flags)) };
        }
    }

    #[inline]
    fn in_unmaskable() -> bool {
        CpuBlock::in_unmaskable()
    }
}

/// Masks interrupts of supervisor mode by sstatus.SIE.
#[derive(Clone, Copy, Debug)]
pub enum SupervisorMode {}

// SAFETY: as for `MachineMode`, in supervisor mode and with SIE.
unsafe impl Interrupts for SupervisorMode {
    #[inline]
    fn mask() -> usize {
        let saved;
        // SAFETY: allowed in supervisor mode, and changes nothing but SIE.
        unsafe { asm!("csrrci {}, sstatus, 2", out(reg) saved, options(nostack, preserves_flags)) };
        saved
    }

    #[inline]
    unsafe fn restore(saved: usize) {
        if saved & SIE != 0 {
            // SAFETY: interrupts were on before the `mask` that returned `saved`, by the caller's word.
            unsafe { asm!("csrsi sstatus, 2", options(nostack, preserves_flags)) };
        }
    }

    #[inline]
    fn in_unmaskable() -> bool {
        CpuBlock::in_unmaskable()
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The memory protection unit: what the image has no business with faults.
//!
//! ```text
//!  code and constants      read-only, executable     Normal, shareable
//!  data, pages, records    read and write            Normal, shareable
//!  stack of each core      read and write            Normal, shareable
//!  GIC                     read and write            Device
//!  all else, and a hole below each stack             faults
//! ```
//!
//! Each core has an MPU of its own, and both get the same map. Caches stay off; QEMU has none.
//!
//! `aarch32-cpu` has a driver for this MPU, but only where the target is an Armv8-R one; here its
//! register traits are used, which work everywhere.
//!
//! # Source
//! Armv8-R AArch32 supplement (DDI 0568), "Protected Memory System Architecture".

use core::ops::Range;

use aarch32_cpu::asm::{dsb, isb};
use aarch32_cpu::register::{Mair0, Sctlr, SysReg, SysRegWrite};

use crate::{MAX_CORES, gic, start};

/// PRBAR: accesses allowed, and sharing. Inner shareable throughout.
const READ_ONLY: u32 = 0b11 << 3 | 0b10 << 1;
const READ_WRITE_NO_EXECUTE: u32 = 0b11 << 3 | 1;

/// PRLAR: number of the attribute in MAIR0, and the enable bit.
const NORMAL: u32 = 1;
const DEVICE: u32 = 1 << 1 | 1;
/// MAIR0: attribute 0 is Normal, write-back; attribute 1 is Device, nGnRE.
const ATTRIBUTES: u32 = 0x04_FF;

/// Declares a register of the MPU, by its number in `mcr p15, 0, _, c6, CRm, op2`.
macro_rules! register {
    ($name:ident, $crm:literal, $op2:literal) => {
        struct $name;

        impl SysReg for $name {
            const CP: u32 = 15;
            const OP1: u32 = 0;
            const CRN: u32 = 6;
            const CRM: u32 = $crm;
            const OP2: u32 = $op2;
        }

        impl SysRegWrite for $name {}
    };
}
register!(Prselr, 2, 1);
register!(Prbar, 3, 0);
register!(Prlar, 3, 1);

// Only the addresses of these mean anything.
unsafe extern "C" {
    static __code_start: u8;
    static __code_end: u8;
    static __data_start: u8;
    static __data_end: u8;
    static __bss_start: u8;
    static __records_end: u8;
}

/// Turns this core's MPU on.
pub fn enable() {
    let mut regions = 0..;
    let mut add = |range: Range<usize>, access, memory| {
        set(regions.next().expect("endless"), range, access, memory);
    };
    add(span(&raw const __code_start, &raw const __code_end), READ_ONLY, NORMAL);
    add(span(&raw const __data_start, &raw const __data_end), READ_WRITE_NO_EXECUTE, NORMAL);
    add(span(&raw const __bss_start, &raw const __records_end), READ_WRITE_NO_EXECUTE, NORMAL);
    for core in 0..MAX_CORES {
        add(start::stack(core), READ_WRITE_NO_EXECUTE, NORMAL);
    }
    add(gic::REGISTERS, READ_WRITE_NO_EXECUTE, DEVICE);

    // SAFETY: the attributes that the regions above name, before any is in use.
    unsafe { Mair0::write_raw(ATTRIBUTES) };
    dsb();
    Sctlr::modify(|sctlr| {
        // Without the background region, an address in no region faults.
        sctlr.set_br(false);
        sctlr.set_m(true);
    });
    isb();
}

/// Programs a region, whose ends are multiples of 64 bytes.
fn set(region: u32, range: Range<usize>, access: u32, memory: u32) {
    assert!((range.start | range.end).is_multiple_of(64), "{range:x?} cannot be a region");
    // SAFETY: selects the region that the two writes below are about; there are 16.
    unsafe { Prselr::write_raw(region) };
    // SAFETY: the MPU is off, so that the region takes effect only when all are there, and all
    // that the image uses is in one of them.
    unsafe { Prbar::write_raw(range.start as u32 | access) };
    // SAFETY: as above. The limit is that of the last 64 bytes.
    unsafe { Prlar::write_raw((range.end - 64) as u32 | memory) };
}

fn span(start: *const u8, end: *const u8) -> Range<usize> {
    start.addr()..end.addr()
}

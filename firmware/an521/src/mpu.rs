// SPDX-License-Identifier: MIT OR Apache-2.0
//! The memory protection unit: what the image has no business with faults.
//!
//! ```text
//!  code memory        read-only, executable     Normal
//!  RAM                read and write            Normal, shareable
//!  secure devices     read and write            Device
//!  all else           faults, but for the core's own registers, which no MPU guards
//! ```
//!
//! Stacks need no holes: their limits are in MSPLIM and PSPLIM (start.rs). Each core has an MPU of
//! its own, and both get the same map.
//!
//! # Source
//! Armv8-M Architecture Reference Manual (DDI 0553), "MPU_RBAR", "MPU_RLAR".

use core::ops::Range;

use cortex_m::asm::{dsb, isb};
use cortex_m::peripheral::MPU;

/// RBAR: sharing, accesses allowed, execution.
const READ_ONLY: u32 = 0b10 << 1;
const READ_WRITE_NO_EXECUTE: u32 = 0b11 << 3 | 1;
/// RLAR: number of the attribute in MAIR, and the enable bit.
const NORMAL: u32 = 1;
const DEVICE: u32 = 1 << 1 | 1;
/// MAIR0: attribute 0 is Normal, write-back; attribute 1 is Device, nGnRE.
const ATTRIBUTES: u32 = 0x04_FF;

/// The map.
const REGIONS: [(Range<u32>, u32, u32); 3] = [
    (0x1000_0000..0x1040_0000, READ_ONLY, NORMAL),
    (0x3800_0000..0x3840_0000, READ_WRITE_NO_EXECUTE, NORMAL),
    (0x5000_0000..0x6000_0000, READ_WRITE_NO_EXECUTE, DEVICE),
];

/// Turns this core's MPU on.
pub fn enable() {
    // SAFETY: the registers are the core's own, and nothing else touches them.
    let mpu = unsafe { &*MPU::PTR };
    // SAFETY: the attributes that the regions name, before any is in use.
    unsafe { mpu.mair[0].write(ATTRIBUTES) };
    for (number, (range, access, memory)) in (0..).zip(REGIONS) {
        // SAFETY: selects the region that the two writes below are about; there are at least 8.
        unsafe { mpu.rnr.write(number) };
        // SAFETY: the MPU is off, so that the region takes effect only when all are there, and
        // all that the image uses is in one of them.
        unsafe { mpu.rbar.write(range.start | access) };
        // SAFETY: as above. The limit is that of the last 32 bytes.
        unsafe { mpu.rlar.write((range.end - 32) | memory) };
    }
    dsb();
    // SAFETY: as above. On; off in HardFault, which has to report; no background region.
    unsafe { mpu.ctrl.write(1) };
    dsb();
    isb();
}

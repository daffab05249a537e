// SPDX-License-Identifier: MIT OR Apache-2.0
//! The local APIC, through which processors interrupt each other.
//!
//! By hand: four registers are used, and the crates for it set up timers and I/O APICs as well.
//! The memory-mapped form is used and not the newer one in MSRs (x2APIC), because every
//! processor model of QEMU has it.
//!
//! # Invariants
//! - **L1** A command is two registers, so interrupts are masked while one is written: a handler
//!   that sends another in between would take away its destination.
//!
//! # Source
//! Intel's Software Developer's Manual, volume 3: 11.4.4 (start), 11.6.1 (interrupt command).

use core::ops::Range;
use core::ptr;

use x86_64::instructions::interrupts;

use crate::start::MAX_PROCESSORS;

/// What has to be mapped for this module to work. Each processor finds its own APIC there.
pub const REGION: Range<usize> = 0xfee0_0000..0xfee0_1000;

/// The vector of the interrupt that processors send each other.
pub const CALL: u8 = 0xf0;

/// The vector of an interrupt that went away before it was taken.
pub const SPURIOUS: u8 = 0xff;

const END_OF_INTERRUPT: usize = 0xb0;
const SPURIOUS_VECTOR: usize = 0xf0;
const COMMAND_LOW: usize = 0x300;
const COMMAND_HIGH: usize = 0x310;

const ENABLED: u32 = 1 << 8;
const PENDING: u32 = 1 << 12;
const ASSERT: u32 = 1 << 14;
const INIT: u32 = 5 << 8;
const START_UP: u32 = 6 << 8;

/// Turns this processor's APIC on.
pub fn set_up() {
    write(SPURIOUS_VECTOR, ENABLED | u32::from(SPURIOUS));
}

/// Interrupts a processor. It sees what this one wrote before: a processor's stores reach others
/// in order, and this one's store to the APIC comes after them.
pub fn interrupt(processor: usize) {
    command(processor, ASSERT | u32::from(CALL));
}

/// Says that the interrupt that is being handled has been taken note of.
pub fn end_of_interrupt() {
    write(END_OF_INTERRUPT, 0);
}

/// Resets a processor, which then waits for [`start`].
pub fn initialise(processor: usize) {
    command(processor, ASSERT | INIT);
}

/// Starts a processor that was reset, in real mode at the beginning of a page.
pub fn start(processor: usize, page: u8) {
    command(processor, ASSERT | START_UP | u32::from(page));
}

fn command(processor: usize, what: u32) {
    assert!(processor < MAX_PROCESSORS, "processor {processor} does not exist");
    interrupts::without_interrupts(|| {
        while read(COMMAND_LOW) & PENDING != 0 {
            core::hint::spin_loop();
        }
        write(COMMAND_HIGH, (processor as u32) << 24); // L1
        write(COMMAND_LOW, what);
    });
}

fn read(register: usize) -> u32 {
    // SAFETY: a register of this processor's APIC, mapped as a device; reading has no effect.
    unsafe { at(register).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: a register of this processor's APIC, mapped as a device; the callers above know
    // what it does.
    unsafe { at(register).write_volatile(value) };
}

fn at(register: usize) -> *mut u32 {
    ptr::with_exposed_provenance_mut(REGION.start + register)
}

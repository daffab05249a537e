// SPDX-License-Identifier: MIT OR Apache-2.0
//! Inter-processor interrupts: a message handling unit, of which one bit for each core is used.
//!
//! A core's interrupt is pending for as long as its bit is set. There is no queue: two requests
//! that meet are one interrupt.
//!
//! # Source
//! Arm CoreLink SSE-200 TRM, "Message handling unit".

use core::ptr::with_exposed_provenance_mut;

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;

use crate::{MAX_CORES, image_interrupted, start::this_core};

/// MHU 0, by its secure address. Its registers for core 1 are 16 bytes on.
const MHU: usize = 0x5000_3000;
const SET: usize = 0x4;
const CLEAR: usize = 0x8;

/// MHU 0's interrupt, on each core.
#[derive(Clone, Copy)]
pub struct Line;

impl Line {
    /// Its number.
    pub const NUMBER: u16 = 6;
}

// SAFETY: the number never changes, and is within the vector table (vectors.rs).
unsafe impl InterruptNumber for Line {
    fn number(self) -> u16 {
        Self::NUMBER
    }
}

/// Lets this core's interrupt through to it. It still masks it by PRIMASK.
pub fn join() {
    // SAFETY: the handler is in the vector table, and no section of code relies on this line.
    unsafe { NVIC::unmask(Line) };
}

/// Interrupts `core`. What this core wrote before is visible to the handler.
pub fn send(core: usize) {
    write(core, SET);
}

/// The handler.
pub extern "C" fn received() {
    // First, so that a request that comes while this runs is served by the next run.
    write(this_core(), CLEAR);
    image_interrupted();
}

fn write(core: usize, register: usize) {
    assert!(core < MAX_CORES, "core {core} asked for, there are {MAX_CORES}");
    let register = with_exposed_provenance_mut::<u32>(MHU + 0x10 * core + register);
    cortex_m::asm::dsb();
    // SAFETY: the register exists for both cores (asserted above), and a write to it does nothing
    // but make an interrupt pending or not.
    unsafe { register.write_volatile(1) };
    cortex_m::asm::dsb();
}

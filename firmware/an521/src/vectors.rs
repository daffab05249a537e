// SPDX-License-Identifier: MIT OR Apache-2.0
//! The vector table of both cores, and what happens on a fault: a word about it, and the end.
//!
//! The faults of their own names are left disabled, so that each is a HardFault, which nothing
//! masks; the fault status register still says which it was.
//!
//! # Source
//! Armv8-M Architecture Reference Manual (DDI 0553), "Exception numbers", "Vector tables", "CFSR",
//! "BFAR".

use core::arch::naked_asm;
use core::ptr::with_exposed_provenance;

use cortex_m::peripheral::SCB;

use crate::mailbox::{self, Line};
use crate::{console, start};

/// Status of an image that ran into an exception.
const TRAPPED: u8 = 99;

/// CFSR: the fault's address is in BFAR.
const BFAR_VALID: u32 = 1 << 15;
/// CFSR: the fault's address is in MMFAR.
const MMFAR_VALID: u32 = 1 << 7;

type Handler = unsafe extern "C" fn();

/// What the table begins with.
#[repr(C, align(128))]
pub struct Vectors {
    /// `_start` sets a stack pointer for each core.
    stack: usize,
    reset: unsafe extern "C" fn() -> !,
    exceptions: [Handler; 14],
    interrupts: [Handler; Line::NUMBER as usize + 1],
}

/// The table. Of the interrupts, the mailbox's alone is ever enabled.
#[unsafe(link_section = ".vectors")]
#[unsafe(no_mangle)]
pub static VECTORS: Vectors = Vectors {
    stack: 0,
    reset: start::_start,
    exceptions: [exception; 14],
    interrupts: {
        let mut handlers: [Handler; _] = [exception; Line::NUMBER as usize + 1];
        handlers[Line::NUMBER as usize] = mailbox::received;
        handlers
    },
};

/// Passes on where the core stacked its registers.
///
/// # Safety
/// Entered by the core on an exception; called by nobody.
#[unsafe(naked)]
unsafe extern "C" fn exception() {
    naked_asm!(
        // EXC_RETURN says which stack that was.
        "tst lr, #4",
        "ite eq",
        "mrseq r0, msp",
        "mrsne r0, psp",
        "b {fault}",
        fault = sym fault,
    )
}

extern "C" fn fault(frame: usize) -> ! {
    // SAFETY: the registers are the core's own, and reading these has no effect.
    let scb = unsafe { &*SCB::PTR };
    let status = scb.cfsr.read();
    let address = match status {
        status if status & BFAR_VALID != 0 => scb.bfar.read(),
        status if status & MMFAR_VALID != 0 => scb.mmfar.read(),
        _ => 0,
    };
    let (number, pc) = (scb.icsr.read() & 0x1FF, stacked_pc(frame));
    console::die(
        TRAPPED,
        format_args!("exception {number} (cfsr {status:#x}) at pc {pc:#x}, address {address:#x}"),
    )
}

/// Returns the interrupted instruction, or 0 if the frame is in no stack: then the stack is what
/// went wrong, and there is no frame.
fn stacked_pc(frame: usize) -> usize {
    const PC: usize = 6 * size_of::<usize>();
    let stacks = start::stacks(start::this_core());
    if frame < stacks.start || frame + PC >= stacks.end || !frame.is_multiple_of(4) {
        return 0;
    }
    let pc = with_exposed_provenance::<usize>(frame + PC);
    // SAFETY: the address is aligned and in this core's own stack, whose bytes are all memory.
    unsafe { pc.read_volatile() }
}

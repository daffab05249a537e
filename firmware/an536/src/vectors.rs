// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exceptions: interrupts are served, anything else ends the machine with a word about it.
//!
//! An interrupt is served in SVC mode, on the stack that it interrupted: `srsdb` puts the return
//! state there, and `rfeia` takes it back. Its handler is ordinary compiled Rust, soft-float, so
//! the registers that the C ABI lets a function change are all there is to save.
//!
//! The others stay in the mode that the core entered, whose stack is good whatever happened to
//! that of SVC mode, and do not come back.

use core::arch::naked_asm;

use aarch32_cpu::register::{Dfar, Dfsr, Ifar, Ifsr};

use crate::{console, gic};

/// Status of an image that ran into an exception.
const TRAPPED: u8 = 99;

/// Where VBAR points.
///
/// # Safety
/// Entered by the core on an exception, with the stacks of start.rs; called by nobody.
#[unsafe(naked)]
#[unsafe(link_section = ".text.vectors")]
pub unsafe extern "C" fn vectors() {
    naked_asm!(
        // The first thing in its section, so this aligns the table: VBAR asks for it.
        ".balign 32",
        "b 7f", // reset: not through here
        "b 1f",
        "b 2f",
        "b 3f",
        "b 4f",
        "b 7f", // entry to HYP: not through here
        "b 6f",
        "b 7f", // fast interrupt: nobody sends one

        // How far lr is past the instruction is the manual's, for A32 code.
        "1: sub r0, lr, #4",
        "b {undefined}",
        "2: sub r0, lr, #4",
        "b {supervisor_call}",
        "3: sub r0, lr, #4",
        "b {prefetch_abort}",
        "4: sub r0, lr, #8",
        "b {data_abort}",
        "7: sub r0, lr, #4",
        "b {unexpected}",

        "6: sub lr, lr, #4",
        "srsdb sp!, #0x13",
        "cps #0x13",
        "push {{r0-r3, r12, lr}}",
        // The stack is a multiple of 8 wherever a function starts, and maybe not here.
        "and r1, sp, #4",
        "sub sp, sp, r1",
        "push {{r1, r2}}",
        "bl {interrupt}",
        "pop {{r1, r2}}",
        "add sp, sp, r1",
        "pop {{r0-r3, r12, lr}}",
        "clrex",
        "rfeia sp!",
        undefined = sym undefined,
        supervisor_call = sym supervisor_call,
        prefetch_abort = sym prefetch_abort,
        data_abort = sym data_abort,
        unexpected = sym unexpected,
        interrupt = sym interrupt,
    )
}

extern "C" fn interrupt() {
    gic::serve();
}

extern "C" fn undefined(pc: usize) -> ! {
    console::die(TRAPPED, format_args!("undefined instruction at pc {pc:#x}"))
}

extern "C" fn supervisor_call(pc: usize) -> ! {
    console::die(TRAPPED, format_args!("supervisor call at pc {pc:#x}"))
}

extern "C" fn prefetch_abort(pc: usize) -> ! {
    let (status, address) = (Ifsr::read().raw_value(), Ifar::read().0);
    console::die(
        TRAPPED,
        format_args!("prefetch abort (ifsr {status:#x}) at pc {pc:#x}, address {address:#x}"),
    )
}

extern "C" fn data_abort(pc: usize) -> ! {
    let (status, address) = (Dfsr::read().raw_value(), Dfar::read().0);
    console::die(
        TRAPPED,
        format_args!("data abort (dfsr {status:#x}) at pc {pc:#x}, address {address:#x}"),
    )
}

extern "C" fn unexpected(pc: usize) -> ! {
    console::die(TRAPPED, format_args!("unexpected exception at pc {pc:#x}"))
}

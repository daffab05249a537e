// SPDX-License-Identifier: MIT OR Apache-2.0
//! Traps: the software interrupt is served, anything else ends the machine with a word about it.
//!
//! The handler has a stack of its own, whose top is in `mscratch`. While it runs `mscratch` is 0,
//! so that a trap inside the handler is known for what it is: the end.
//!
//! It saves what the C ABI lets a function change, integer and floating-point registers both: the
//! interrupted code expects none of them to change, and the handler is ordinary compiled Rust.
//! `tp` stays: the handler runs on the same hart, and finds its per-CPU data by it.

use core::arch::naked_asm;

use riscv::register::{mcause, mepc, mhartid, mtval};

use crate::start::{self, HartStack, STACKS};
use crate::{clint, console, image_interrupted};

/// Status of an image that trapped.
const TRAPPED: u8 = 99;

/// `mcause` code of the machine software interrupt.
const SOFTWARE: usize = 3;

/// Bytes of an integer register.
const X: usize = size_of::<usize>();
/// Bytes of a floating-point register. Of the targets this is built for, the 64-bit one has the D
/// extension and the 32-bit one has no floating point; `cfg(target_feature)` does not tell.
const F: usize = if X == 8 { 8 } else { 0 };
/// The frame: 17 integer registers and 21 floating-point ones, rounded up to 16 bytes.
const FRAME: usize = (17 * X + 21 * F).next_multiple_of(16);

/// Where `mtvec` points.
///
/// # Safety
/// Entered by the hart when it traps, with `mscratch` set up by start.rs; called by nobody.
#[unsafe(naked)]
#[unsafe(link_section = ".text.trap")]
pub unsafe extern "C" fn trap_entry() {
    naked_asm!(
        // The first thing in its section, so this aligns the function: mtvec asks for it.
        ".balign 4",
        // The same list of registers is stored and loaded: `each sx` and `each lx`.
        ".if {X} == 8",
        // The assembler does not take the target's extensions over for naked functions.
        ".option push",
        ".option arch, +d",
        ".macro sx reg, n; sd \\reg, (\\n * 8)(sp); .endm",
        ".macro lx reg, n; ld \\reg, (\\n * 8)(sp); .endm",
        ".macro sf reg, n; fsd \\reg, (17 * 8 + \\n * 8)(sp); .endm",
        ".macro lf reg, n; fld \\reg, (17 * 8 + \\n * 8)(sp); .endm",
        ".else",
        ".macro sx reg, n; sw \\reg, (\\n * 4)(sp); .endm",
        ".macro lx reg, n; lw \\reg, (\\n * 4)(sp); .endm",
        ".endif",
        ".macro each op",
        "\\op ra, 1",
        "\\op t1, 2; \\op t2, 3; \\op t3, 4; \\op t4, 5; \\op t5, 6; \\op t6, 7",
        "\\op a0, 8; \\op a1, 9; \\op a2, 10; \\op a3, 11; \\op a4, 12; \\op a5, 13",
        "\\op a6, 14; \\op a7, 15",
        ".endm",
        ".macro eachf op",
        "\\op ft0, 0; \\op ft1, 1; \\op ft2, 2; \\op ft3, 3; \\op ft4, 4; \\op ft5, 5",
        "\\op ft6, 6; \\op ft7, 7; \\op ft8, 8; \\op ft9, 9; \\op ft10, 10; \\op ft11, 11",
        "\\op fa0, 12; \\op fa1, 13; \\op fa2, 14; \\op fa3, 15; \\op fa4, 16; \\op fa5, 17",
        "\\op fa6, 18; \\op fa7, 19",
        ".endm",

        "csrrw sp, mscratch, sp",
        "beqz  sp, 1f",
        "addi  sp, sp, -{FRAME}",
        "each  sx",
        "sx    t0, 16",
        "csrrw t0, mscratch, zero",
        "sx    t0, 0",
        ".if {F}",
        "eachf sf",
        "csrr  t0, fcsr",
        "sx    t0, 37",
        ".endif",

        "call  {handler}",

        ".if {F}",
        "lx    t0, 37",
        "csrw  fcsr, t0",
        "eachf lf",
        ".endif",
        "addi  t0, sp, {FRAME}",
        "csrw  mscratch, t0",
        "each  lx",
        "lx    t0, 16",
        "lx    sp, 0",
        "mret",

        // A trap in the handler: it does not come back, so its stack is used from the top again.
        "1: csrr a0, mhartid",
        "la    sp, {stacks}",
        "li    t1, {stack}",
        "2: beqz a0, 3f",
        "add   sp, sp, t1",
        "addi  a0, a0, -1",
        "j     2b",
        "3: li t1, {trap_size}",
        "add   sp, sp, t1",
        "csrw  mscratch, zero",
        "tail  {report}",
        ".purgem sx; .purgem lx; .purgem each; .purgem eachf",
        ".if {F}",
        ".purgem sf; .purgem lf",
        ".option pop",
        ".endif",
        X = const X,
        F = const F,
        FRAME = const FRAME,
        handler = sym handle,
        report = sym report,
        stacks = sym STACKS,
        stack = const size_of::<HartStack>(),
        trap_size = const start::TRAP,
    )
}

extern "C" fn handle() {
    let cause = mcause::read();
    match (cause.is_interrupt(), cause.code()) {
        (true, SOFTWARE) => {
            // First, so that a request that comes while this runs is served by the next run.
            clint::clear(mhartid::read());
            image_interrupted();
        }
        _ => report(),
    }
}

extern "C" fn report() -> ! {
    let cause = mcause::read();
    let (code, kind, pc, address) = (cause.code(), name(cause), mepc::read(), mtval::read());
    console::die(
        TRAPPED,
        format_args!("trap: {kind} (cause {code}) at pc {pc:#x}, address {address:#x}"),
    )
}

/// Names the exceptions that wrong code runs into.
fn name(cause: mcause::Mcause) -> &'static str {
    match (cause.is_interrupt(), cause.code()) {
        (true, _) => "unexpected interrupt",
        (_, 0) => "misaligned instruction",
        (_, 1) => "instruction access fault",
        (_, 2) => "illegal instruction",
        (_, 3) => "breakpoint",
        (_, 4) => "misaligned load",
        (_, 5) => "load access fault",
        (_, 6) => "misaligned store",
        (_, 7) => "store access fault",
        (_, 11) => "environment call",
        _ => "exception",
    }
}

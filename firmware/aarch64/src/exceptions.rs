// SPDX-License-Identifier: MIT OR Apache-2.0
//! What interrupts a core.
//!
//! ```text
//!  interrupt             let the image look
//!  fault of the probe    go on at the probe's second exit, which says "nothing there"
//!  anything else         say what, end the machine with status 99
//! ```
//!
//! The entry saves every register that a Rust function may change, vector registers included:
//! on this target the compiler uses them for copying. `ELR` and `SPSR` are saved too, because a
//! probe may fault inside an interrupt handler.

use core::arch::{global_asm, naked_asm};

use aarch64_cpu::registers::{ELR_EL1, ESR_EL1, FAR_EL1, Readable};
use pcpu_bare::CpuBlock;
use table_frames::SLOT;

use crate::{console, gic};

/// What the entry puts on the stack, lowest address first; a multiple of 16 bytes long.
#[repr(C)]
struct Frame {
    /// `x0`-`x18`, `x30`.
    general: [u64; 20],
    elr: u64,
    spsr: u64,
    fpsr: u64,
    fpcr: u64,
    vector: [u128; 32],
}

/// The places in the vector table that we expect to be used: those for exceptions from EL1 with
/// its own stack pointer.
const SYNCHRONOUS: u64 = 4;
const IRQ: u64 = 5;

unsafe extern "C" {
    /// The probe's load, for its address.
    static probe_load: u8;
    /// The probe's second exit, for its address.
    static probe_missed: u8;
}

unsafe extern "Rust" {
    /// The image's own interrupt handler; see [`scenario::image!`].
    safe fn image_interrupted();
}

/// Reads the byte at `at`, or returns `None` where that faults.
pub fn probe(at: usize) -> Option<u8> {
    u8::try_from(probe_raw(at)).ok()
}

/// The byte at `at`, or 256 if reading it faults: the handler knows the load by its address.
#[unsafe(naked)]
extern "C" fn probe_raw(at: usize) -> usize {
    naked_asm!(
        ".global probe_load, probe_missed",
        "probe_load:",
        "ldrb w0, [x0]",
        "ret",
        "probe_missed:",
        "mov x0, #256",
        "ret",
    )
}

extern "C" fn handle(frame: &mut Frame, place: u64) {
    match place {
        IRQ => gic::handle(image_interrupted),
        SYNCHRONOUS if is_probe(frame) => frame.elr = (&raw const probe_missed).addr() as u64,
        _ => fault(frame, place),
    }
}

fn is_probe(frame: &Frame) -> bool {
    ESR_EL1.matches_all(ESR_EL1::EC::DataAbortCurrentEL)
        && frame.elr == (&raw const probe_load).addr() as u64
}

fn fault(frame: &Frame, place: u64) -> ! {
    let _unmaskable = CpuBlock::enter_unmaskable();
    console::report(format_args!(
        "\n{:?}: exception {place}, class {:#x}, esr {:#x} at {:#x}, far {:#x}\n",
        CpuBlock::current().map(CpuBlock::cpu),
        ESR_EL1.read(ESR_EL1::EC),
        ESR_EL1.get(),
        frame.elr,
        FAR_EL1.get(),
    ));
    console::exit(console::FAULT)
}

/// Where a stack has run into the gap below it. On a stack of its own, good for one core.
extern "C" fn overflow(sp: usize) -> ! {
    let _unmaskable = CpuBlock::enter_unmaskable();
    console::report(format_args!(
        "\n{:?}: stack overflow at {:#x}, sp {sp:#x}\n",
        CpuBlock::current().map(CpuBlock::cpu),
        ELR_EL1.get(),
    ));
    console::exit(console::FAULT)
}

global_asm!(
    r#"
    .macro VECTOR place
    .balign 128
    sub     sp, sp, #{size}
    // Is there room? One bit tells a stack from the gap below. There is no register to spare yet.
    add     sp, sp, x0
    sub     x0, sp, x0
    tbz     x0, #{bit}, stack_overflow
    sub     x0, sp, x0
    sub     sp, sp, x0
    stp     x0, x1, [sp]
    mov     x1, #\place
    b       exception_entry
    .endm

    .section .text.exceptions, "ax"
    .balign 2048
    .global exception_vectors
exception_vectors:
    .irp place, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    VECTOR  \place
    .endr

exception_entry:
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x30, [sp, #144]
    mrs     x2, elr_el1
    mrs     x3, spsr_el1
    stp     x2, x3, [sp, #{elr}]
    mrs     x2, fpsr
    mrs     x3, fpcr
    stp     x2, x3, [sp, #{fpsr}]
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    str     q\n, [sp, #{vector} + 16 * \n]
    .endr
    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    str     q\n, [sp, #{vector} + 16 * \n]
    .endr
    mov     x0, sp
    bl      {handle}
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    ldr     q\n, [sp, #{vector} + 16 * \n]
    .endr
    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ldr     q\n, [sp, #{vector} + 16 * \n]
    .endr
    ldp     x2, x3, [sp, #{fpsr}]
    msr     fpsr, x2
    msr     fpcr, x3
    ldp     x2, x3, [sp, #{elr}]
    msr     elr_el1, x2
    msr     spsr_el1, x3
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x30, [sp, #144]
    ldp     x0, x1, [sp]
    add     sp, sp, #{size}
    eret

stack_overflow:
    ldr     x1, =emergency_stack_top
    mov     sp, x1
    bl      {overflow}

    .section .bss.emergency, "aw", @nobits
    .balign 16
    .zero   8192
emergency_stack_top:
    "#,
    size = const size_of::<Frame>(),
    elr = const core::mem::offset_of!(Frame, elr),
    fpsr = const core::mem::offset_of!(Frame, fpsr),
    vector = const core::mem::offset_of!(Frame, vector),
    bit = const (SLOT / 2).trailing_zeros(),
    handle = sym handle,
    overflow = sym overflow,
);

const _: () = assert!(size_of::<Frame>().is_multiple_of(16), "the stack stays aligned");

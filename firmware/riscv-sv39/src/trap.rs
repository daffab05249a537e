// SPDX-License-Identifier: MIT OR Apache-2.0
//! What interrupts a hart in supervisor mode.
//!
//! ```text
//!  software interrupt    serve shoot-downs, then let the image look
//!  fault of the probe    go on at the probe's second exit, which says "nothing there"
//!  anything else         say what, end the machine with status 99
//! ```
//!
//! The entry saves every register that a Rust function may change, floating point included, so
//! that what the image does in its interrupt handler is the image's affair. `sepc` and `sstatus`
//! are saved too: a probe may fault inside an interrupt handler.

use core::arch::{global_asm, naked_asm};

use pcpu_bare::CpuBlock;
use riscv::interrupt::Trap;
use riscv::interrupt::supervisor::{Exception, Interrupt};
use riscv::register::{scause, sepc, sip, stval, stvec};
use table_frames::SLOT;

use crate::supervisor::SHOOTDOWN;
use crate::{devices, paging};

/// What the entry puts on the stack, lowest address first; a multiple of 16 bytes long.
#[repr(C)]
struct Frame {
    /// `ra`, `t0`-`t6`, `a0`-`a7`.
    integer: [usize; 16],
    /// `ft0`-`ft11`, `fa0`-`fa7`.
    float: [u64; 20],
    fcsr: usize,
    sepc: usize,
    sstatus: usize,
    padding: usize,
}

unsafe extern "C" {
    /// The entry below. Called by the hart alone.
    fn supervisor_trap();
    /// The probe's load, for its address.
    static probe_load: u8;
    /// The probe's second exit, for its address.
    static probe_missed: u8;
}

unsafe extern "Rust" {
    /// The image's own interrupt handler; see [`scenario::image!`].
    safe fn image_interrupted();
}

/// Sends this hart's supervisor traps to this module.
pub fn set_up() {
    let vector = stvec::Stvec::new(supervisor_trap as *const () as usize, stvec::TrapMode::Direct);
    // SAFETY: `supervisor_trap` is aligned to 4 bytes and keeps what the hart was doing.
    unsafe { stvec::write(vector) };
}

/// Reads the byte at `at`, or returns `None` where that faults.
pub fn probe(at: usize) -> Option<u8> {
    u8::try_from(probe_raw(at)).ok()
}

/// The byte at `at`, or 256 if reading it faults: the trap handler knows the load by its address.
#[unsafe(naked)]
extern "C" fn probe_raw(at: usize) -> usize {
    naked_asm!(
        ".global probe_load, probe_missed",
        "probe_load:",
        "lbu a0, 0(a0)",
        "ret",
        "probe_missed:",
        "li a0, 256",
        "ret",
    )
}

extern "C" fn handle(frame: &mut Frame) {
    match scause::read().cause().try_into() {
        Ok(Trap::Interrupt(Interrupt::SupervisorSoft)) => software_interrupt(),
        Ok(Trap::Exception(Exception::LoadPageFault | Exception::LoadFault))
            if frame.sepc == (&raw const probe_load).addr() =>
        {
            frame.sepc = (&raw const probe_missed).addr();
        }
        _ => fault(frame),
    }
}

fn software_interrupt() {
    // Cleared first: what is asked from now on interrupts again.
    // SAFETY: this interrupt is cleared by this bit, and the handler looks for all there is to do.
    unsafe { sip::clear_pending(Interrupt::SupervisorSoft) };
    if let Some(block) = CpuBlock::current() {
        SHOOTDOWN.serve(block.cpu(), paging::flush_local);
    }
    image_interrupted();
}

fn fault(frame: &Frame) -> ! {
    let _unmaskable = CpuBlock::enter_unmaskable();
    let cause: Result<Trap<Interrupt, Exception>, _> = scause::read().cause().try_into();
    devices::report(format_args!(
        "\n{:?}: {cause:?}, scause {:#x} at {:#x}, stval {:#x}\n",
        CpuBlock::current().map(CpuBlock::cpu),
        scause::read().bits(),
        frame.sepc,
        stval::read(),
    ));
    devices::exit(devices::FAULT)
}

/// Where a stack has run into the gap below it. On a stack of its own, good for one hart.
extern "C" fn overflow(sp: usize) -> ! {
    let _unmaskable = CpuBlock::enter_unmaskable();
    devices::report(format_args!(
        "\n{:?}: stack overflow at {:#x}, sp {sp:#x}\n",
        CpuBlock::current().map(CpuBlock::cpu),
        sepc::read(),
    ));
    devices::exit(devices::FAULT)
}

global_asm!(
    r#"
    .macro EACH_INTEGER op
    \op ra, 0(sp)
    \op t0, 8(sp)
    \op t1, 16(sp)
    \op t2, 24(sp)
    \op t3, 32(sp)
    \op t4, 40(sp)
    \op t5, 48(sp)
    \op t6, 56(sp)
    \op a0, 64(sp)
    \op a1, 72(sp)
    \op a2, 80(sp)
    \op a3, 88(sp)
    \op a4, 96(sp)
    \op a5, 104(sp)
    \op a6, 112(sp)
    \op a7, 120(sp)
    .endm

    .macro EACH_FLOAT op
    \op ft0, 128(sp)
    \op ft1, 136(sp)
    \op ft2, 144(sp)
    \op ft3, 152(sp)
    \op ft4, 160(sp)
    \op ft5, 168(sp)
    \op ft6, 176(sp)
    \op ft7, 184(sp)
    \op ft8, 192(sp)
    \op ft9, 200(sp)
    \op ft10, 208(sp)
    \op ft11, 216(sp)
    \op fa0, 224(sp)
    \op fa1, 232(sp)
    \op fa2, 240(sp)
    \op fa3, 248(sp)
    \op fa4, 256(sp)
    \op fa5, 264(sp)
    \op fa6, 272(sp)
    \op fa7, 280(sp)
    .endm

    # `global_asm!` is assembled for the plainest RISC-V unless told otherwise.
    .option push
    .option arch, +d
    .section .text.supervisor_trap, "ax"
    .global supervisor_trap
    .balign 4
supervisor_trap:
    addi    sp, sp, -{size}
    # Is there room? One bit tells a stack from the gap below.
    csrw    sscratch, t0
    srli    t0, sp, {bit}
    andi    t0, t0, 1
    beqz    t0, 1f
    csrr    t0, sscratch
    EACH_INTEGER sd
    EACH_FLOAT fsd
    frcsr   t0
    sd      t0, {fcsr}(sp)
    csrr    t0, sepc
    sd      t0, {sepc}(sp)
    csrr    t0, sstatus
    sd      t0, {sstatus}(sp)
    mv      a0, sp
    call    {handle}
    ld      t0, {sstatus}(sp)
    csrw    sstatus, t0
    ld      t0, {sepc}(sp)
    csrw    sepc, t0
    ld      t0, {fcsr}(sp)
    fscsr   t0
    EACH_FLOAT fld
    EACH_INTEGER ld
    addi    sp, sp, {size}
    sret

1:  mv      a0, sp
    la      sp, emergency_stack_top
    call    {overflow}
    .option pop

    .section .bss.emergency, "aw", @nobits
    .balign 16
    .zero   8192
emergency_stack_top:
    "#,
    size = const size_of::<Frame>(),
    fcsr = const core::mem::offset_of!(Frame, fcsr),
    sepc = const core::mem::offset_of!(Frame, sepc),
    sstatus = const core::mem::offset_of!(Frame, sstatus),
    bit = const (SLOT / 2).trailing_zeros(),
    handle = sym handle,
    overflow = sym overflow,
);

const _: () = assert!(size_of::<Frame>().is_multiple_of(16), "the stack stays aligned");

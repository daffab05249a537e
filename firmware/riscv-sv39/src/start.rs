// SPDX-License-Identifier: MIT OR Apache-2.0
//! From reset to supervisor mode, and the one trap that machine mode serves.
//!
//! Assembly of our own: `riscv-rt` starts an image in machine mode *or* in supervisor mode, but
//! does not take it from one to the other, which needs the registers below set just so.
//!
//! # Invariants
//! - **R1** A hart other than 0 reads no memory but its own code and `RELEASED` until hart 0
//!   has set that. `RELEASED` lies in `.data`, so clearing `.bss` does not race with it.
//! - **R2** Each hart has a stack, and a pair of words in `SCRATCH` for its machine trap.
//!
//! # Source
//! The RISC-V Instruction Set Manual, volume II: 3.1 (machine CSRs), 3.7 (PMP).

use core::arch::global_asm;
use core::sync::atomic::{AtomicU32, Ordering};

use table_frames::SLOT;

use crate::devices;

/// Most harts that any image uses; the link script has as many stacks.
pub const MAX_HARTS: usize = 4;

/// Not 0 once the harts other than 0 may go on.
#[unsafe(link_section = ".data.released")]
static RELEASED: AtomicU32 = AtomicU32::new(0);

/// Lets the other harts go on. What this hart wrote before, they see.
pub fn release_others() {
    RELEASED.store(1, Ordering::Release);
}

global_asm!(
    r#"
    # `global_asm!` is assembled for the plainest RISC-V unless told otherwise.
    .option push
    .option arch, +m
    .section .text.start, "ax"
    .global _start
_start:
    csrr    a0, mhartid
    li      t0, {harts}
    bgeu    a0, t0, 9f
    li      tp, 0                   # no CPU block yet

    la      sp, __stacks_start
    addi    t0, a0, 1
    li      t1, {slot}
    mul     t0, t0, t1
    add     sp, sp, t0

    # R1: hart 0 clears .bss, the others wait for it.
    bnez    a0, 2f
    la      t0, __bss_start
    la      t1, __bss_end
1:  bgeu    t0, t1, 3f
    sd      zero, 0(t0)
    addi    t0, t0, 8
    j       1b
2:  la      t0, {released}
    lw      t0, 0(t0)
    beqz    t0, 2b
    fence   r, rw

    # Machine traps come to us, with R2's words at hand.
3:  la      t0, machine_trap
    csrw    mtvec, t0
    la      t0, machine_scratch
    slli    t1, a0, 4
    add     t0, t0, t1
    csrw    mscratch, t0

    # Without a PMP entry, supervisor mode may not fetch its first instruction: allow it all.
    li      t0, -1
    csrw    pmpaddr0, t0
    li      t0, 0x1f                # NAPOT, read, write, execute
    csrw    pmpcfg0, t0

    # Supervisor mode gets its own exceptions (all but calls from it) and interrupts, and may
    # read the counters. Machine mode keeps the interrupt that other harts send.
    li      t0, 0xb1ff
    csrw    medeleg, t0
    li      t0, 0x222
    csrw    mideleg, t0
    li      t0, 7
    csrw    mcounteren, t0
    li      t0, 1 << 3              # MSIE
    csrw    mie, t0

    # To supervisor mode, interrupts masked, floating point on; a0 still names the hart.
    li      t0, (1 << 11) | (1 << 13)   # MPP = S, FS = Initial
    csrw    mstatus, t0
    la      t0, {supervisor}
    csrw    mepc, t0
    mret

    # More harts than stacks: the rest sleep.
9:  wfi
    j       9b

    # Another hart wrote our msip. Clear it, and raise the interrupt that S mode can see.
    # Everything else is a mistake of this file's.
    .balign 4
machine_trap:
    csrrw   sp, mscratch, sp
    sd      t0, 0(sp)
    sd      t1, 8(sp)
    csrr    t0, mcause
    li      t1, (1 << 63) | 3       # machine software interrupt
    bne     t0, t1, 8f
    csrr    t0, mhartid
    slli    t0, t0, 2
    li      t1, {clint}
    add     t0, t0, t1
    sw      zero, 0(t0)
    fence   o, rw                   # an interrupt sent after this is not lost
    csrsi   mip, 1 << 1             # SSIP
    ld      t0, 0(sp)
    ld      t1, 8(sp)
    csrrw   sp, mscratch, sp
    mret
8:  csrrw   sp, mscratch, sp
    csrr    a0, mcause
    csrr    a1, mepc
    csrr    a2, mtval
    csrr    a3, mhartid
    andi    sp, sp, -16
    call    {fault}
    .option pop

    .section .bss.machine_scratch, "aw", @nobits
    .balign 16
machine_scratch:
    .zero   16 * {harts}
    "#,
    harts = const MAX_HARTS,
    slot = const SLOT,
    clint = const devices::CLINT,
    released = sym RELEASED,
    supervisor = sym crate::supervisor::enter,
    fault = sym machine_fault,
);

/// Says what trapped in machine mode, where nothing should, and ends the machine.
extern "C" fn machine_fault(cause: usize, pc: usize, value: usize, hart: usize) -> ! {
    devices::report(format_args!(
        "\nhart {hart}: machine trap, mcause {cause:#x} at {pc:#x}, mtval {value:#x}\n"
    ));
    devices::exit(devices::FAULT)
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! From reset to [`image_primary`] or [`image_secondary`].
//!
//! All harts come in at once. Until hart 0 has cleared `.bss`, the others may look at nothing in
//! it; they wait for their software interrupt instead, which hart 0 raises when it has something
//! for them to do. They wait with interrupts off: `wfi` ends when an enabled interrupt is
//! *pending*, taken or not.
//!
//! Each hart has its own piece of `.stacks`:
//!
//! ```text
//!  ├ trap stack 16 KiB ┤ guard 4 KiB ├──────── stack 64 KiB ────────┤
//!                    ▲ mscratch                                   sp ▲
//! ```
//!
//! The guard is a *locked* entry of the physical memory protection, the kind that binds M-mode as
//! well: a hart that outgrows its stack traps, on another stack, and says so.
//!
//! # Source
//! The RISC-V Instruction Set Manual, volume II: "Machine-Level ISA", "Physical Memory Protection".

use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;

use pcpu_bare::CpuBlock;
use pcpu_layout::CpuId;
use riscv::register::mstatus;

use crate::{MAX_HARTS, clint, console, image_primary, image_secondary, trap};

/// Bytes of a hart's stack.
const STACK: usize = 64 * 1024;
/// Bytes of its trap handler's.
pub const TRAP: usize = 16 * 1024;
/// Bytes of the guard between them, a power of two.
const GUARD: usize = 4 * 1024;

/// A hart's piece of memory for stacks, the trap handler's first.
#[repr(C, align(4096))]
pub struct HartStack {
    trap: UnsafeCell<[u8; TRAP]>,
    guard: UnsafeCell<[u8; GUARD]>,
    main: UnsafeCell<[u8; STACK]>,
}

// SAFETY: no code reads or writes the bytes by way of this type; each hart uses its own piece as
// its stack.
unsafe impl Sync for HartStack {}

/// All of them.
#[unsafe(link_section = ".bss.stacks")]
pub static STACKS: [HartStack; MAX_HARTS] = [const {
    HartStack {
        trap: UnsafeCell::new([0; TRAP]),
        guard: UnsafeCell::new([0; GUARD]),
        main: UnsafeCell::new([0; STACK]),
    }
}; MAX_HARTS];

/// What each hart's base register points to.
static BLOCKS: [CpuBlock; MAX_HARTS] = [
    CpuBlock::new(CpuId::new(0)),
    CpuBlock::new(CpuId::new(1)),
    CpuBlock::new(CpuId::new(2)),
    CpuBlock::new(CpuId::new(3)),
];

/// The ELF entry, of every hart.
///
/// # Safety
/// Runs at reset, and is called by nobody.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.start")]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        // No CPU base until `install`.
        "mv   tp, zero",
        "csrr a0, mhartid",
        "li   t0, {harts}",
        "bgeu a0, t0, 3f",

        // The hart's piece of .stacks: sp is the end of it, mscratch the start of the guard.
        "la   sp, {stacks}",
        "li   t1, {stack}",
        "addi t0, a0, 1",
        "0: add sp, sp, t1",
        "addi t0, t0, -1",
        "bnez t0, 0b",
        "li   t1, {guard_to_end}",
        "sub  t0, sp, t1",
        "csrw mscratch, t0",

        // Guard: address and size in one word (NAPOT), locked, no access.
        "srli t0, t0, 2",
        "ori  t0, t0, {napot}",
        "csrw pmpaddr0, t0",
        "li   t0, 0x98",
        "csrw pmpcfg0, t0",

        "la   t0, {trap}",
        "csrw mtvec, t0",
        // mstatus.FS = initial: floating point on, where there is any.
        "li   t0, 0x2000",
        "csrs mstatus, t0",
        // Only the software interrupt, and that not taken yet.
        "csrwi mie, {msie}",
        "bnez a0, 2f",

        "la   t0, __bss_start",
        "la   t1, __bss_end",
        "1: bgeu t0, t1, 4f",
        "sw   zero, 0(t0)",
        "addi t0, t0, 4",
        "j    1b",

        // Another hart: wait for hart 0.
        "2: wfi",
        "csrr t0, mip",
        "andi t0, t0, {msie}",
        "beqz t0, 2b",
        "fence",

        "4: tail {started}",

        // A hart that the link script has no stack for.
        "3: wfi",
        "j    3b",
        harts = const MAX_HARTS,
        stacks = sym STACKS,
        stack = const size_of::<HartStack>(),
        guard_to_end = const size_of::<HartStack>() - offset_of!(HartStack, guard),
        napot = const GUARD / 8 - 1,
        trap = sym trap::trap_entry,
        started = sym started,
        msie = const MSIE,
    )
}

/// The machine software interrupt's bit in `mie` and `mip`.
const MSIE: u32 = 1 << 3;

extern "C" fn started(hart: usize) -> ! {
    if hart == 0 {
        console::init();
    } else {
        clint::clear(hart);
    }
    // SAFETY: this is hart `hart`, the block is its own, and it comes by here once.
    unsafe { BLOCKS[hart].install() };
    // SAFETY: the trap handler and its stack are set up, and no lock is held.
    unsafe { mstatus::set_mie() };

    if hart == 0 { image_primary() } else { image_secondary() }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! From reset to [`image_primary`] or [`image_secondary`].
//!
//! Both cores come in at once, in HYP mode. Until core 0 has cleared `.bss`, core 1 may look at
//! nothing in it, so the flag that it waits for is in `.data`.
//!
//! Each core has its own piece of `.stacks`, most of it for SVC mode. Aborts and undefined
//! instructions enter modes that have a stack pointer of their own, which gets a small stack: a
//! core that ran out of its stack can still say so.
//!
//! ```text
//!  ├ hole 4 KiB ┤──────── SVC stack 64 KiB ────────┤ abort, undefined 4 KiB ┤
//!                                                ▲ sp                     ▲ sp
//! ```
//!
//! `aarch32-rt` starts a single core; its stacks, vectors and hand-over are all for one. So this
//! is our own.
//!
//! # Source
//! Armv8-R AArch32 supplement (DDI 0568); Arm Architecture Reference Manual, "VMPIDR", "ICC_HSRE".

use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};

use pcpu_bare::CpuBlock;
use pcpu_layout::CpuId;

use crate::{MAX_CORES, gic, image_primary, image_secondary, mpu, vectors};

/// Bytes of a core's stack.
const STACK: usize = 64 * 1024;
/// Bytes of its stack for aborts.
const ABORTS: usize = 4 * 1024;
/// Bytes of the hole below, which no region of the MPU covers.
const HOLE: usize = 4 * 1024;

/// A core's piece of memory for stacks.
#[repr(C, align(64))]
struct CoreStack {
    hole: UnsafeCell<[u8; HOLE]>,
    main: UnsafeCell<[u8; STACK]>,
    aborts: UnsafeCell<[u8; ABORTS]>,
}

// SAFETY: no code reads or writes the bytes by way of this type; each core uses its own piece as
// its stacks.
unsafe impl Sync for CoreStack {}

#[unsafe(link_section = ".bss.stacks")]
static STACKS: [CoreStack; MAX_CORES] = [const {
    CoreStack {
        hole: UnsafeCell::new([0; HOLE]),
        main: UnsafeCell::new([0; STACK]),
        aborts: UnsafeCell::new([0; ABORTS]),
    }
}; MAX_CORES];

/// What each core's base register points to.
static BLOCKS: [CpuBlock; MAX_CORES] = [CpuBlock::new(CpuId::new(0)), CpuBlock::new(CpuId::new(1))];

/// Not 0 once core 1 may go on.
#[unsafe(link_section = ".data")]
static RELEASED: AtomicU32 = AtomicU32::new(0);

/// The ELF entry, of both cores.
///
/// # Safety
/// Runs at reset, and is called by nobody.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.start")]
unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        ".arch_extension virt",
        // MPIDR as the lower mode will read it: reset does not promise that it is the real one.
        "mrc p15, 0, r4, c0, c0, 5",
        "mcr p15, 4, r4, c0, c0, 5",
        "and r4, r4, #0xFF",
        // ICC_HSRE: SVC mode may use the GIC's system registers.
        "mov r0, #0xF",
        "mcr p15, 4, r0, c12, c9, 5",
        "isb",
        // From HYP to SVC, with all interrupts masked.
        "ldr r0, =1f",
        "msr elr_hyp, r0",
        "mov r0, #{svc}",
        "msr spsr_hyp, r0",
        "eret",

        // TPIDRPRW: no CPU base until `install`.
        "1: mov r0, #0",
        "mcr p15, 0, r0, c13, c0, 4",
        "ldr r0, ={vectors}",
        "mcr p15, 0, r0, c12, c0, 0",

        // The core's piece of .stacks: the end of it, and of the SVC stack.
        "ldr r0, ={stacks}",
        "ldr r1, ={size}",
        "add r2, r4, #1",
        "mla r0, r1, r2, r0",
        "cps #0x17",
        "mov sp, r0",
        "cps #0x1B",
        "mov sp, r0",
        "cps #0x13",
        "sub sp, r0, #{aborts}",

        "cmp r4, #0",
        "bne 3f",
        "ldr r0, =__bss_start",
        "ldr r1, =__bss_end",
        "mov r2, #0",
        "2: cmp r0, r1",
        "strlo r2, [r0], #4",
        "blo 2b",
        "b 4f",

        // Core 1: wait for core 0.
        "3: ldr r0, ={released}",
        "5: ldr r1, [r0]",
        "cmp r1, #0",
        "wfeeq",
        "beq 5b",
        "dmb",

        "4: mov r0, r4",
        "b {started}",
        ".ltorg",
        // SVC mode; A, I and F set.
        svc = const 0x1D3,
        vectors = sym vectors::vectors,
        stacks = sym STACKS,
        size = const size_of::<CoreStack>(),
        aborts = const ABORTS,
        released = sym RELEASED,
        started = sym started,
    )
}

extern "C" fn started(core: usize) -> ! {
    mpu::enable();
    // SAFETY: this is core `core`, the block is its own, and it comes by here once.
    unsafe { BLOCKS[core].install() };
    if core == 0 {
        gic::init();
    }
    gic::join();
    // SAFETY: vectors, stacks and the GIC are set up, and no lock is held.
    unsafe { aarch32_cpu::interrupt::enable() };

    if core == 0 { image_primary() } else { image_secondary() }
}

/// Lets core 1 go on.
pub fn release() {
    RELEASED.store(1, Ordering::Release);
    aarch32_cpu::asm::dsb();
    aarch32_cpu::asm::sev();
}

/// Returns where `core`'s stacks are, without the hole.
pub fn stack(core: usize) -> Range<usize> {
    let start = (&raw const STACKS[core]).addr();
    start + offset_of!(CoreStack, main)..start + size_of::<CoreStack>()
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! From reset, or from PSCI, to Rust with the MMU on.
//!
//! Assembly of our own: `aarch64-rt` would do, but its way to turn the MMU on before Rust is a
//! static table that the image writes in assembly anyhow, and there is little else to it.
//!
//! # Invariants
//! - **A1** No instruction before the MMU is on writes to memory, so there is nothing in RAM
//!   that caches could hide from it.
//! - **A2** Only core 0 runs before `.bss` is clear.
//!
//! # Source
//! Arm Architecture Reference Manual (DDI 0487): D8.2 (translation), D19.2 (the registers).

use core::arch::global_asm;

use page_table_multiarch::PagingMetaData;
use page_table_multiarch::aarch64::A64PagingMetaData;
use table_frames::SLOT;

use crate::paging::{MAIR, TCR};

/// Cores that any image uses; the link script has as many stacks.
pub const MAX_CORES: usize = 4;

const _: () = assert!(A64PagingMetaData::LEVELS == 4, "the boot tables begin at level 0 too");

unsafe extern "C" {
    /// Where PSCI starts a core, with its number in `x0`. Not for calling.
    pub fn secondary_start();
}

global_asm!(
    r#"
    .section .text.start, "ax"
    .global _start
_start:
    mov     x0, xzr
    .global secondary_start
secondary_start:
    mov     x19, x0                 // the core's number

    msr     tpidr_el1, xzr          // no CPU block yet

    // Rust on this target uses the vector registers.
    mov     x1, #(3 << 20)
    msr     cpacr_el1, x1

    // Which memory types there are, how addresses are split, and tables that map the first GiB,
    // devices, and the second, RAM, to themselves.
    ldr     x1, ={mair}
    msr     mair_el1, x1
    ldr     x1, ={tcr}
    msr     tcr_el1, x1
    adrp    x1, boot_level_0
    msr     ttbr0_el1, x1
    ldr     x1, =exception_vectors
    msr     vbar_el1, x1
    tlbi    vmalle1
    dsb     nsh
    isb
    mrs     x1, sctlr_el1
    mov     x2, #((1 << 12) | (1 << 2) | 1)     // I, C, M: caches and MMU
    orr     x1, x1, x2
    bic     x1, x1, #(1 << 1)                   // A: unaligned access is fine
    msr     sctlr_el1, x1
    isb

    // A stack; and core 0 clears .bss, with nobody else awake (A2).
    ldr     x1, =__stacks_start
    add     x2, x19, #1
    mov     x3, #{slot}
    madd    x1, x2, x3, x1
    mov     sp, x1
    cbnz    x19, 2f
    ldr     x1, =__bss_start
    ldr     x2, =__bss_end
1:  cmp     x1, x2
    b.hs    2f
    stp     xzr, xzr, [x1], #16
    b       1b
2:  mov     x0, x19
    mov     x29, xzr
    mov     x30, xzr
    b       {enter}

    // Descriptors: a table; a block of device memory that cannot be executed; a block of normal
    // memory. Attribute indices and shareability as in `paging`; not global, so that what a core
    // remembers of them is of no account once `paging` goes on to another address space.
    .section .data.boot_tables, "aw"
    .balign 4096
boot_level_0:
    .quad   boot_level_1 + 3
    .zero   511 * 8
boot_level_1:
    .quad   (1 << 54) | (1 << 53) | (1 << 11) | (1 << 10) | (0 << 2) | 1
    .quad   0x40000000 | (1 << 54) | (1 << 11) | (1 << 10) | (3 << 8) | (1 << 2) | 1
    .zero   510 * 8
    "#,
    mair = const MAIR,
    tcr = const TCR,
    slot = const SLOT,
    enter = sym crate::cores::enter,
);

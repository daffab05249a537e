// SPDX-License-Identifier: MIT OR Apache-2.0
//! From 32 bits (processor 0) or 16 bits (the others) to Rust in long mode.
//!
//! Assembly of our own: boot-loader crates bring a loader, a disk image and their own memory map
//! for what is one note and sixty instructions here.
//!
//! # Invariants
//! - **S1** Only processor 0 runs before `.bss` is clear: the others run when it wakes them.
//! - **S2** The page at [`TRAMPOLINE`] is RAM that firmware is done with. Its code reaches its own
//!   data by address, so it runs there and nowhere else.
//!
//! # Source
//! Intel's Software Developer's Manual, volume 3: 9.4 (waking processors), 10.8.5 (long mode).
//! PVH: Xen's `docs/misc/pvh.pandoc`.

use core::arch::global_asm;
use core::ptr;

use table_frames::SLOT;

/// Processors that any image uses; the link script has as many stacks.
pub const MAX_PROCESSORS: usize = 4;

/// Where the others begin, in real mode.
pub const TRAMPOLINE: usize = 0x8000;

/// Selector of the code segment, for the interrupt table.
pub const CODE: u16 = 8;

unsafe extern "C" {
    static trampoline_start: u8;
    static trampoline_end: u8;
}

/// Puts the code for real mode in its page, and returns the page's number, which is what a
/// start-up interrupt carries.
pub fn place_trampoline() -> u8 {
    let from = &raw const trampoline_start;
    let size = (&raw const trampoline_end).addr() - from.addr();
    assert!(size <= 4096, "the trampoline is larger than its page");
    let to = ptr::with_exposed_provenance_mut::<u8>(TRAMPOLINE);
    // SAFETY: `from` is `size` bytes of this image; the page is ours (S2), mapped, large enough
    // (checked above), and not a part of the image.
    unsafe { ptr::copy_nonoverlapping(from, to, size) };
    (TRAMPOLINE >> 12) as u8
}

global_asm!(
    r#"
    // XEN_ELFNOTE_PHYS32_ENTRY.
    .section .note.Xen, "a", @note
    .balign 4
    .long   4, 4, 18
    .asciz  "Xen"
    .long   _start

    .section .text.start, "ax"
    .code32
    .global _start
_start:
    cli
    cld
    movl    $boot_level_4, %eax
    movl    %eax, %cr3
    movl    %cr4, %eax
    orl     $(1 << 5), %eax             // PAE
    movl    %eax, %cr4
    movl    $0xc0000080, %ecx           // EFER: long mode, no-execute
    rdmsr
    orl     $((1 << 8) | (1 << 11)), %eax
    wrmsr
    movl    %cr0, %eax
    orl     $((1 << 31) | (1 << 16) | 1), %eax  // PG, WP, PE
    movl    %eax, %cr0
    lgdtl   boot_gdt_pointer
    ljmpl   $8, $first_in_64

    .code64
first_in_64:
    movl    $__bss_start, %edi
    movl    $__bss_end, %ecx
    subl    %edi, %ecx
    shrl    $3, %ecx
    xorl    %eax, %eax
    rep stosq
    xorl    %edi, %edi
    jmp     all_in_64

other_in_64:
    // A processor's number is that of its local APIC. More processors than stacks: the rest sleep.
    movl    $1, %eax
    cpuid
    shrl    $24, %ebx
    movl    %ebx, %edi
    cmpl    ${processors}, %edi
    jb      all_in_64
1:  cli
    hlt
    jmp     1b

all_in_64:
    movl    $16, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    xorl    %eax, %eax
    movl    %eax, %fs
    movl    %eax, %gs
    leal    1(%rdi), %eax
    imull   ${slot}, %eax, %eax
    leaq    __stacks_start(%rax), %rsp
    xorl    %ebp, %ebp
    call    {enter}
    ud2

    // Copied to TRAMPOLINE, and run there: all the way from real mode in one go.
    .code16
    .global trampoline_start, trampoline_end
trampoline_start:
    cli
    cld
    xorw    %ax, %ax
    movw    %ax, %ds
    movl    $boot_level_4, %eax
    movl    %eax, %cr3
    movl    %cr4, %eax
    orl     $(1 << 5), %eax
    movl    %eax, %cr4
    movl    $0xc0000080, %ecx
    rdmsr
    orl     $((1 << 8) | (1 << 11)), %eax
    wrmsr
    lgdtl   {trampoline} + (9f - trampoline_start)
    movl    %cr0, %eax
    orl     $((1 << 31) | (1 << 16) | 1), %eax
    movl    %eax, %cr0
    ljmpl   $8, $other_in_64
    .balign 4
9:  .word   boot_gdt_end - boot_gdt - 1
    .long   boot_gdt
trampoline_end:

    .code64
    .section .bss.emergency, "aw", @nobits
    .balign 16
    .zero   8192
    .global emergency_stack_top
emergency_stack_top:

    .section .data.boot_tables, "aw"
    .balign 8
boot_gdt:
    .quad   0
    .quad   0x00af9b000000ffff          // 8: code, 64 bits
    .quad   0x00cf93000000ffff          // 16: data
boot_gdt_end:
boot_gdt_pointer:
    .word   boot_gdt_end - boot_gdt - 1
    .long   boot_gdt

    // The first GiB to itself, in pages of 2 MiB.
    .balign 4096
boot_level_4:
    .quad   boot_level_3 + 3
    .zero   511 * 8
boot_level_3:
    .quad   boot_level_2 + 3
    .zero   511 * 8
boot_level_2:
    .set    at, 0
    .rept   512
    .quad   at + 0x83
    .set    at, at + 0x200000
    .endr
    "#,
    processors = const MAX_PROCESSORS,
    slot = const SLOT,
    trampoline = const TRAMPOLINE,
    enter = sym crate::processors::enter,
    options(att_syntax)
);

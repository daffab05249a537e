// SPDX-License-Identifier: MIT OR Apache-2.0
//! What interrupts a processor.
//!
//! ```text
//!  CALL                  serve shoot-downs, then let the image look
//!  fault of the probe    go on at the probe's second exit, which says "nothing there"
//!  anything else         say what, end the machine with status 99; a stack that has run into the
//!                        gap below it shows as a double fault
//! ```
//!
//! The target uses no vector registers (soft float), so the entry saves the general registers that
//! a Rust function may change, and that is all.
//!
//! The table is our own: that of the crate `x86_64` is made for handlers of an ABI that only the
//! nightly compiler has.
//!
//! # Source
//! Intel's Software Developer's Manual, volume 3: 6.14 (interrupts in 64-bit mode).

use core::arch::{global_asm, naked_asm};

use pcpu_bare::CpuBlock;
use spin::Once;
use x86_64::VirtAddr;
use x86_64::instructions::tables::lidt;
use x86_64::registers::control::Cr2;
use x86_64::structures::DescriptorTablePointer;

use crate::processors::SHOOTDOWN;
use crate::segments::DOUBLE_FAULT_STACK;
use crate::{apic, devices, paging, start};

/// What the entry and the processor put on the stack, lowest address first.
#[repr(C)]
struct Frame {
    /// `r11`-`r8`, `rdi`, `rsi`, `rdx`, `rcx`, `rax`.
    general: [u64; 9],
    vector: u64,
    /// 0 where the processor gives none.
    error: u64,
    rip: u64,
    cs: u64,
    rflags: u64,
    rsp: u64,
    ss: u64,
}

const DOUBLE_FAULT: usize = 8;
const PAGE_FAULT: u64 = 14;
const CALL: u64 = apic::CALL as u64;
const SPURIOUS: u64 = apic::SPURIOUS as u64;

/// A gate for each vector, 16 bytes; 0 is none.
static TABLE: Once<[u128; 256]> = Once::new();

unsafe extern "C" {
    /// Addresses of the entries: exceptions 0 to 31, then `CALL`, then `SPURIOUS`.
    static trap_entries: [usize; 34];
    /// The probe's load, for its address.
    static probe_load: u8;
    /// The probe's second exit, for its address.
    static probe_missed: u8;
}

unsafe extern "Rust" {
    /// The image's own interrupt handler; see [`scenario::image!`].
    safe fn image_interrupted();
}

/// Fills the table. Once, on processor 0.
pub fn set_up() {
    // SAFETY: the assembly below has it, and nobody changes it.
    let entries = unsafe { &trap_entries };
    let vectors = (0..32).chain([apic::CALL.into(), apic::SPURIOUS.into()]);
    let mut table = [0; 256];
    for (vector, entry) in vectors.zip(entries) {
        table[vector] = gate(*entry);
    }
    // The stack may be why.
    table[DOUBLE_FAULT] |= u128::from(DOUBLE_FAULT_STACK) << 32;
    TABLE.call_once(|| table);
}

/// Makes this processor use the table.
pub fn load() {
    let table = TABLE.get().expect("processor 0 fills the table first");
    let limit = (size_of_val(table) - 1) as u16;
    let base = VirtAddr::from_ptr(table);
    // SAFETY: every gate in the table leads to an entry that keeps what the processor was doing;
    // the table is static.
    unsafe { lidt(&DescriptorTablePointer { limit, base }) };
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
        "movzx eax, byte ptr [rdi]",
        "ret",
        "probe_missed:",
        "mov eax, 256",
        "ret",
    )
}

/// An interrupt gate: present, to 64-bit code of ours, interrupts masked on the way in.
fn gate(entry: usize) -> u128 {
    const PRESENT_INTERRUPT: u128 = 0x8e << 40;
    let entry = entry as u128;
    let low = entry & 0xffff | u128::from(start::CODE) << 16 | PRESENT_INTERRUPT;
    low | (entry >> 16 & 0xffff) << 48 | (entry >> 32) << 64
}

extern "C" fn handle(frame: &mut Frame) {
    match frame.vector {
        CALL => call(),
        SPURIOUS => {}
        PAGE_FAULT if frame.rip == (&raw const probe_load).addr() as u64 => {
            frame.rip = (&raw const probe_missed).addr() as u64;
        }
        _ => fault(frame),
    }
}

fn call() {
    // First: what is asked from now on interrupts again.
    apic::end_of_interrupt();
    if let Some(block) = CpuBlock::current() {
        SHOOTDOWN.serve(block.cpu(), paging::flush_local);
    }
    image_interrupted();
}

fn fault(frame: &Frame) -> ! {
    let _unmaskable = CpuBlock::enter_unmaskable();
    devices::report(format_args!(
        "\n{:?}: exception {}, error {:#x} at {:#x}, cr2 {:#x}, rflags {:#x}\n",
        CpuBlock::current().map(CpuBlock::cpu),
        frame.vector,
        frame.error,
        frame.rip,
        Cr2::read_raw(),
        frame.rflags,
    ));
    devices::exit(devices::FAULT)
}

global_asm!(
    r#"
    .section .text.traps, "ax"
    .macro ENTRY vector, has_error
entry_\vector:
    .if \has_error == 0
    push 0
    .endif
    push \vector
    jmp trap_common
    .endm

    .irp vector, 0, 1, 2, 3, 4, 5, 6, 7, 9, 15, 16, 18, 19, 20, 22, 23, 24, 25, 26, 27, 28, 31
    ENTRY \vector, 0
    .endr
    .irp vector, 8, 10, 11, 12, 13, 14, 17, 21, 29, 30
    ENTRY \vector, 1
    .endr
    ENTRY {call}, 0
    ENTRY {spurious}, 0

    // The processor aligned the stack to 16 and pushed 5 words; 2 more and these 9 make 16.
trap_common:
    push rax
    push rcx
    push rdx
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    cld
    mov rdi, rsp
    call {handle}
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rax
    add rsp, 16
    iretq

    .section .rodata.trap_entries, "a"
    .balign 8
    .global trap_entries
trap_entries:
    .irp v, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    .quad entry_\v
    .endr
    .irp v, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    .quad entry_\v
    .endr
    .quad entry_{call}
    .quad entry_{spurious}
    "#,
    call = const apic::CALL,
    spurious = const apic::SPURIOUS,
    handle = sym handle,
);

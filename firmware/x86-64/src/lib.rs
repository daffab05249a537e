// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU's PC (`q35`) in long mode, without firmware's help.
//!
//! QEMU finds a note in the image (PVH, made for Xen's guests) and jumps to the 32-bit entry that
//! it names, on processor 0. The others are woken as on any PC: an INIT and two start-up
//! interrupts, to a page below 1 MiB, in real mode.
//!
//! ```text
//!  CPU 0   32 bits ──► boot tables, long mode ──┐
//!                                               ├──► processors.rs ──► scenario
//!  others  16 bits (page 0x8000) ──► long mode ─┘     the real tables, IDT, local APIC, GS base
//! ```
//!
//! A processor flushes its own TLB only. To flush all, it interrupts the others through its local
//! APIC and waits for their answers: [`Shootdown`](pcpu_bare::Shootdown).
//!
//! | file | |
//! |---|---|
//! | `start` | from PVH, or from real mode, to Rust: assembly |
//! | `processors` | what each processor does then; waking the others |
//! | `paging` | the identity mapping, the TLB |
//! | `segments` | the stack for the double fault |
//! | `traps` | interrupts, faults, the probe that may fault |
//! | `apic` | the local APIC: interrupts between processors |
//! | `devices` | console, exit |
//! | `board` | what `pcpu-bare` and `scenario` ask |
//!
//! The image is one line: [`scenario::image!`].
#![no_std]

mod apic;
mod board;
mod devices;
mod paging;
mod processors;
mod segments;
mod start;
mod traps;

pub use board::Pc;

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo<'_>) -> ! {
    devices::report(format_args!("\n{info}\n"));
    devices::exit(101)
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU's Arm board `virt`: 64-bit cores in EL1, a GICv3, virtual memory with 4 KiB pages.
//!
//! Core 0 starts alone; the others are off until PSCI, the firmware interface that QEMU plays,
//! turns them on. Each core starts with its MMU off, where memory is of a kind that atomics are
//! not promised to work on, so the start-up code turns the MMU on before any Rust runs:
//!
//! ```text
//!  reset ──► start.rs: boot tables, MMU on ──► cores.rs ──► paging: the real tables
//!            (assembly, no memory written)                  GIC, CPU base register, scenario
//! ```
//!
//! This architecture flushes the TLBs of all cores with one instruction. There is no shoot-down
//! protocol here, and interrupts between cores are only for the image's own use.
//!
//! | file | |
//! |---|---|
//! | `start` | from reset, or PSCI, to Rust: assembly |
//! | `cores` | what each core does then; turning the others on |
//! | `paging` | the identity mapping, the TLBs |
//! | `exceptions` | interrupts, faults, the probe that may fault |
//! | `gic` | interrupts between cores |
//! | `console` | semihosting: text, exit |
//! | `board` | what `pcpu-bare` and `scenario` ask |
//!
//! The image is one line: [`scenario::image!`].
#![no_std]

mod board;
mod console;
mod cores;
mod exceptions;
mod gic;
mod paging;
mod start;

pub use board::Virt;

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo<'_>) -> ! {
    console::report(format_args!("\n{info}\n"));
    console::exit(101)
}

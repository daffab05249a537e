// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU's RISC-V board `virt` with virtual memory (Sv39), as many harts as the image says.
//!
//! There is no firmware underneath. All harts start at the same instruction, in machine mode;
//! each prepares what the manual leaves to firmware, goes down to supervisor mode and turns
//! its MMU on. What stays behind in machine mode is one trap handler, because a hart can be
//! interrupted by another only there:
//!
//! ```text
//!   hart 0                                  hart 2
//!   S  shoot-down wants hart 2
//!   S  store 1 to CLINT msip[2]  ──────►    M  clear msip, raise SSIP      (start.rs)
//!                                           S  serve(): sfence.vma, answer (trap.rs)
//!   S  sees the answer  ◄─────────────────
//! ```
//!
//! | file | |
//! |---|---|
//! | `start` | from reset to supervisor mode, machine traps: assembly |
//! | `supervisor` | MMU on, CPU base register, off to the scenario |
//! | `paging` | the identity mapping, the TLB |
//! | `trap` | interrupts, faults, the probe that may fault |
//! | `devices` | console, exit, interrupts between harts |
//! | `board` | what `pcpu-bare` and `scenario` ask |
//!
//! An image is a [`Machine`] and [`scenario::image!`].
#![no_std]

mod board;
mod devices;
mod paging;
mod start;
mod supervisor;
mod trap;

pub use board::{Machine, Virt, flat, mapped};

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo<'_>) -> ! {
    devices::report(format_args!("\n{info}\n"));
    devices::exit(101)
}

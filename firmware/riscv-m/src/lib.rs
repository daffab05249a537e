// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU's RISC-V `virt` machine in M-mode: several harts, one memory, no MMU in use.
//!
//! With `-bios none` every hart starts at the ELF entry, in M-mode, with interrupts off:
//!
//! ```text
//!  all harts ── stack, trap vector, guard page ─┬─ hart 0: clear .bss ── primary
//!              (start.rs)                       └─ others: wfi until hart 0 sets their msip ── secondary
//! ```
//!
//! The same source makes 64-bit and 32-bit images. Nothing here would be different with one
//! hart, so [`Virt`] is generic over the number of harts and the cell, and each image is a few
//! lines that name both.
//!
//! `riscv-rt` has start-up code for several harts too. It is not used: its trap entry does not
//! save floating-point registers, which compiled Rust may touch on riscv64gc, and runs on the
//! interrupted stack, on which a stack overflow cannot be reported.

#![no_std]

mod clint;
mod console;
mod start;
mod trap;

use core::marker::PhantomData;

use bitmap_allocator::BitAlloc4K;
use pcpu_bare::{Bare, Board, CpuBlock, arch};
use pcpu_core::Machine;
use pcpu_layout::CpuId;
use scenario::{Image, Memory};

/// Harts the link script has stacks for. More than these wait for ever.
const MAX_HARTS: usize = 4;

/// The machine with `HARTS` harts, in the cell `C`.
pub struct Virt<C, const HARTS: u32>(PhantomData<fn() -> C>);

// SAFETY:
// - Block: each hart set its base register to the block of its own `mhartid`, which no two
//   harts share (start.rs). Harts from `HARTS` on are never released, so the number is below it.
// - Interrupts: the image runs in M-mode, where mstatus.MIE masks all that is enabled.
// - Pages: a bitmap of `bitmap_allocator`, as it is.
// - The board is compiled with `panic = "abort"`, so nothing unwinds.
unsafe impl<C: 'static, const HARTS: u32> Board for Virt<C, HARTS> {
    type Cell = C;
    type Interrupts = arch::MachineMode;
    type Pages = BitAlloc4K;

    const NR_CPUS: u32 = HARTS;

    fn block() -> &'static CpuBlock {
        CpuBlock::current().expect("the CPU base register is set at start-up")
    }
}

impl<C: 'static, const HARTS: u32> Image for Virt<C, HARTS>
where
    Bare<Self>: Machine,
{
    const NAME: &'static str = if HARTS == 1 { "riscv-m-up" } else { "riscv-m" };

    type Board = Self;
    type Platform = Bare<Self>;

    fn platform() -> Bare<Self> {
        const { assert!(HARTS as usize <= MAX_HARTS, "the link script has stacks for four harts") };
        let Memory { pages, records } = Memory::set_aside();
        // SAFETY: RAM that the link script leaves to nobody else, the same for every CPU.
        let bare = unsafe { Bare::new(Self(PhantomData), pages, records) };
        bare.expect("the link script sets memory aside")
    }

    fn write(text: &str) {
        console::write(text);
    }

    fn exit(status: u8) -> ! {
        console::exit(status)
    }

    fn release_others() {
        for hart in 1..HARTS as usize {
            clint::raise(hart);
        }
    }

    fn interrupt(cpu: CpuId) {
        clint::raise(cpu.index());
    }
}

// SAFETY: `scenario::image!` defines the three with these signatures, all safe to call at any time.
// A program that does not define them does not link.
unsafe extern "Rust" {
    safe fn image_primary() -> !;
    safe fn image_secondary() -> !;
    safe fn image_interrupted();
}

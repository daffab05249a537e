// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU's `mps3-an536`: two Cortex-R52, one memory, an MPU and no MMU.
//!
//! This is the machine that started the project: several CPUs, none of which can map a page.
//! Both cores start at the ELF entry, in HYP mode, with everything off:
//!
//! ```text
//!  both cores ── leave HYP, stacks, vectors ─┬─ core 0: clear .bss ── MPU, GIC ── primary
//!               (start.rs)                   └─ core 1: wait for the flag ── MPU, GIC ── secondary
//! ```
//!
//! The images are built for `armv7a-none-eabi`, which Rust ships ready-made; its code runs on an
//! Armv8-R core as it is. It is soft-float code, so nobody turns the floating-point unit on.
//!
//! "QEMU's", and not "the AN536": on the FPGA image itself exclusive accesses do not work between
//! the two cores, and without those there are no locks.

#![no_std]

mod console;
mod gic;
mod mpu;
mod start;
mod vectors;

use core::marker::PhantomData;

use bitmap_allocator::BitAlloc4K;
use pcpu_bare::{Bare, Board, CpuBlock, arch};
use pcpu_core::Machine;
use pcpu_layout::CpuId;
use scenario::{Image, Memory};

/// Cores of the machine.
const MAX_CORES: usize = 2;

/// The machine with `CORES` of its cores in use, in the cell `C`.
pub struct An536<C, const CORES: u32>(PhantomData<fn() -> C>);

// SAFETY:
// - Block: each core set its base register to the block of its own number in MPIDR, which the
//   two do not share (start.rs). Core 1 is released only if `CORES` is 2.
// - Interrupts: the image runs in SVC mode, where CPSR masks both kinds.
// - Pages: a bitmap of `bitmap_allocator`, as it is.
// - The board is compiled with `panic = "abort"`, so nothing unwinds.
unsafe impl<C: 'static, const CORES: u32> Board for An536<C, CORES> {
    type Cell = C;
    type Interrupts = arch::Cpsr;
    type Pages = BitAlloc4K;

    const NR_CPUS: u32 = CORES;

    fn block() -> &'static CpuBlock {
        CpuBlock::current().expect("the CPU base register is set at start-up")
    }
}

impl<C: 'static, const CORES: u32> Image for An536<C, CORES>
where
    Bare<Self>: Machine,
{
    const NAME: &'static str = if CORES == 1 { "mps3-an536-up" } else { "mps3-an536" };

    type Board = Self;
    type Platform = Bare<Self>;

    fn platform() -> Bare<Self> {
        const { assert!(CORES as usize <= MAX_CORES, "the machine has two cores") };
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
        if CORES > 1 {
            start::release();
        }
    }

    fn interrupt(cpu: CpuId) {
        gic::send(cpu.index());
    }
}

// SAFETY: `scenario::image!` defines the three with these signatures, all safe to call at any time.
// A program that does not define them does not link.
unsafe extern "Rust" {
    safe fn image_primary() -> !;
    safe fn image_secondary() -> !;
    safe fn image_interrupted();
}

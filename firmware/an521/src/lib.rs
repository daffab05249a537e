// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU's `mps2-an521`: two Cortex-M33, one memory, microcontrollers' ways.
//!
//! Core 0 starts by the vector table at the start of the code memory. Core 1 is held in reset until
//! a register is written, and then starts by the same table:
//!
//! ```text
//!  core 0 ── stacks, copy .data, clear .bss ── MPU ── primary ── release core 1
//!  core 1 ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ held ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ stacks ── MPU ── secondary
//! ```
//!
//! There is no register for a CPU to keep a pointer in, as on RP2040 and RP2350; the CPU asks a
//! device at a fixed address which it is.
//!
//! Core 0 of the model has no floating-point unit, so images are built for
//! `thumbv8m.main-none-eabi`; README.md has the way out for `-eabihf`.
//!
//! All images share this crate. What differs between them is a [`Variant`], which each names.
//!
//! `cortex-m-rt` is made for one core: one stack, one reset handler that clears `.bss`. So the
//! start-up code is our own; registers and barriers are `cortex-m`'s.

#![no_std]

mod console;
mod mailbox;
mod memory;
mod mpu;
mod start;
mod vectors;

use core::marker::PhantomData;

use bitmap_allocator::BitAlloc;
use pcpu_bare::{Bare, Board, CpuBlock, arch};
use pcpu_core::Machine;
use pcpu_layout::CpuId;
use scenario::{Image, Memory};

/// Cores of the machine.
const MAX_CORES: usize = 2;

/// The block of each core: no register could point to it, so the core's number finds it.
static BLOCKS: [CpuBlock; MAX_CORES] = [CpuBlock::new(CpuId::new(0)), CpuBlock::new(CpuId::new(1))];

/// What differs between images for this machine.
pub trait Variant: 'static {
    /// What the image calls itself.
    const NAME: &'static str;
    /// Cores in use, 1 or 2.
    const CORES: u32;
    /// Bytes in a page, a power of two up to 4096.
    const PAGE_SIZE: usize = 4096;
    /// Bytes of memory for pages.
    const PAGES: usize;
    /// Bytes of memory for the allocator's records.
    const RECORDS: usize;

    /// `Up` or `SmpNoMmu`.
    type Cell: 'static;
    /// A bitmap with a bit for each page.
    type Pages: BitAlloc + Send;
}

/// The machine, as `V` uses it.
pub struct An521<V>(PhantomData<fn() -> V>);

// SAFETY:
// - Block: the register tells the two cores apart, by 0 and 1. Core 1 is released only if
//   `CORES` is 2.
// - Interrupts: the image runs privileged, where PRIMASK masks all but NMI and HardFault.
// - Pages: every image names a bitmap of `bitmap_allocator`, as it is.
// - The board is compiled with `panic = "abort"`, so nothing unwinds.
unsafe impl<V: Variant> Board for An521<V> {
    type Cell = V::Cell;
    type Interrupts = arch::Primask;
    type Pages = V::Pages;

    const NR_CPUS: u32 = V::CORES;
    const PAGE_SIZE: usize = V::PAGE_SIZE;

    fn block() -> &'static CpuBlock {
        &BLOCKS[start::this_core()]
    }
}

impl<V: Variant> Image for An521<V>
where
    Bare<Self>: Machine,
{
    const NAME: &'static str = V::NAME;

    type Board = Self;
    type Platform = Bare<Self>;

    fn platform() -> Bare<Self> {
        const { assert!(V::CORES as usize <= MAX_CORES, "the machine has two cores") };
        let Memory { pages, records } = memory::for_allocator(V::PAGES, V::RECORDS);
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
        if V::CORES > 1 {
            start::release();
        }
    }

    fn interrupt(cpu: CpuId) {
        mailbox::send(cpu.index());
    }
}

// SAFETY: `scenario::image!`, or `an521-tiny` itself, defines the three with these signatures, all
// safe to call at any time. A program that does not define them does not link.
unsafe extern "Rust" {
    safe fn image_primary() -> !;
    safe fn image_secondary() -> !;
    safe fn image_interrupted();
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A machine without an operating system, as a platform for pcpu.
//!
//! You describe your board in one short trait, [`Board`], and name the memory that pcpu may have.
//! [`Bare`] makes of it all that the allocator asks for:
//!
//! ```text
//!  you write                         Bare makes of it
//!  Board       a block per CPU       Cpus, Topology, Observer
//!   Interrupts one of `arch`         ThisCpu: masked, then a plain load and store
//!              two address ranges    Frames (a bitmap), Memory, Metadata (a small heap)
//!  Mmu         tables, window, flush Mapper                        ── with an MMU only
//! ```
//!
//! Everything is `no_std` and without a heap. One crate serves all four cells: `Board::Cell` says
//! which, and a board that claims to map pages and cannot is a compile error.
//!
//! # CPUs
//! Each CPU has a [`CpuBlock`]: its number, and how many locks and pins want its interrupts masked.
//! It finds the block by its base register, where it installs it when it starts; on Cortex-M, which has
//! no such register, the board reads the one that numbers cores. See [`arch`] for which processor
//! has what.
//!
//! # Interrupts
//! They are masked while a lock of [`lock::Masking`] is held and in bodies of `pinned`, until the last
//! has gone, in whatever order: a guard may be dropped inside a body though it was taken before, or be
//! returned from it.
//!
//! # Handlers that nothing can mask
//! An NMI may interrupt code that has interrupts masked, half way through an update of this CPU's
//! copy. Per-CPU operations panic there, before they touch anything. Cortex-M says by itself that an
//! NMI or a hard fault runs, Arm A and R profile that an abort or an undefined instruction is being
//! handled. Elsewhere the handlers of the board say so, by `CpuBlock::enter_unmaskable`, in their first
//! line.
//!
//! # Flushing
//! Where one instruction flushes the TLBs of all CPUs, [`Mmu::flush_tlb`] is that instruction. Where
//! CPUs must ask one another, [`Shootdown`] is the protocol, and the board sends the interrupts.
//!
//! # Processors without compare-and-swap
//! Atomic operations are those of `portable-atomic`. For Cortex-M0+ or RISC-V without the A extension
//! enable the feature `critical-section`, and link an implementation of that crate which holds off all
//! CPUs.
//!
//! # Examples
//! ```
//! use core::alloc::Layout;
//! use bitmap_allocator::BitAlloc256;
//! use pcpu_bare::{Bare, Board, CpuBlock, Interrupts};
//! use pcpu_core::{Allocator, Config, Request};
//! use pcpu_layout::CpuId;
//! use pcpu_platform::{ThisCpu, Up};
//!
//! /// A machine that has no interrupts at all. A real one takes a type of `arch`.
//! enum None {}
//!
//! // SAFETY: there is nothing to mask.
//! unsafe impl Interrupts for None {
//!     fn mask() -> usize { 0 }
//!     unsafe fn restore(_: usize) {}
//!     fn in_unmaskable() -> bool { false }
//! }
//!
//! static BLOCK: CpuBlock = CpuBlock::new(CpuId::new(0));
//!
//! struct Tiny;
//!
//! // SAFETY: one CPU, number 0.
//! unsafe impl Board for Tiny {
//!     type Cell = Up;
//!     type Interrupts = None;
//!     type Pages = BitAlloc256;
//!     const NR_CPUS: u32 = 1;
//!     const PAGE_SIZE: usize = 256;
//!     fn block() -> &'static CpuBlock { &BLOCK }
//! }
//!
//! # #[repr(align(256))] struct Ram([u64; 3072]);
//! # let ram = Box::leak(Box::new(Ram([0; 3072]))).0.as_mut_ptr().expose_provenance();
//! // 16 KiB of pages, and 8 KiB for records: on a board, from the linker script.
//! let (pages, records) = (ram..ram + 0x4000, ram + 0x4000..ram + 0x6000);
//! // SAFETY: this memory is used by nothing else.
//! let bare = unsafe { Bare::new(Tiny, pages, records) }?;
//!
//! let small = Config { min_unit_size: 2048, dyn_size: 1024, early_size: 512, ..Config::linux(256) };
//! let pool = Allocator::<Bare<Tiny>>::new(bare, &small, &[])?;
//! let hits = pool.alloc(Request::from(Layout::new::<u32>()))?;
//! let copy_of = |cpu| pool.address(&hits, cpu).unwrap();
//! // SAFETY: a `u32` was allocated there, zeroed, for every possible CPU.
//! let count = unsafe { pool.platform().add_return(copy_of, 5_u32) };
//! assert_eq!(count, 5);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]

#[cfg(test)]
extern crate std;

pub mod arch;
mod bare;
mod block;
mod board;
mod interrupts;
pub mod lock;
mod mmu;
mod nest;
#[cfg(all(feature = "page-tables", target_pointer_width = "64"))]
mod page_tables;
mod pages;
mod setup;
mod shootdown;
mod window;

#[allow(unused_imports, reason = "there is nothing public without a base register")]
pub use arch::base::*;
pub use bare::{Bare, Mapped};
pub use block::CpuBlock;
pub use board::Board;
pub use interrupts::Interrupts;
pub use mmu::{Mmu, PageTables};
pub use setup::{MemoryError, Region};
pub use shootdown::Shootdown;
pub use window::Window;

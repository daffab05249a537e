// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a board says of itself: the one trait that everybody implements.

use bitmap_allocator::BitAlloc;
use pcpu_platform::Event;

use crate::{CpuBlock, Interrupts};

/// A board: how many CPUs it has, the block of the one that asks, and how its interrupts are masked.
///
/// CPUs are numbered from 0, without gaps.
///
/// # Safety
/// - [`block`](Self::block) returns the block of the CPU that executes it: the same every time, and
///   no other CPU has that block or its number, which is below [`NR_CPUS`](Self::NR_CPUS).
/// - What [`Interrupts`] asks holds of `Self::Interrupts` on every CPU of the board.
/// - [`Pages`](Self::Pages) keeps bits as [`BitAlloc`] says: a bit is set from `insert` to `remove`, `test`
///   and `next` tell the truth, and there are `CAP` of them.
/// - Where a program has several boards for one machine, they have `Interrupts` and blocks in common.
/// - No method unwinds.
#[allow(unsafe_code)]
pub unsafe trait Board: Sync + Sized + 'static {
    /// [`Up`](pcpu_platform::Up), [`SmpNoMmu`](pcpu_platform::SmpNoMmu) or
    /// [`SmpMmu`](pcpu_platform::SmpMmu), which needs [`Mmu`](crate::Mmu) too.
    type Cell;

    /// How interrupts are masked on the running CPU.
    type Interrupts: Interrupts;

    /// A bitmap with one bit for each page: `BitAlloc256`, `BitAlloc4K`, ... of
    /// `bitmap_allocator`. Large enough for the memory that is named at set-up.
    type Pages: BitAlloc + Send;

    /// Possible CPUs.
    const NR_CPUS: u32;

    /// Bytes in a page, a power of two; with an MMU, that of the page tables.
    const PAGE_SIZE: usize = 4096;

    /// Returns the block of the CPU that executes this: `CpuBlock::current()` on processors with a
    /// base register, on others the element of a static array that the core-id register says.
    fn block() -> &'static CpuBlock;

    /// Hears of an event; see [`Observer::event`](pcpu_platform::Observer::event).
    fn event(&self, event: &Event) {
        let _ = event;
    }
}

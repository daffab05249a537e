// SPDX-License-Identifier: MIT OR Apache-2.0
//! Page-table pages and the identity mapping, for the boards with an MMU.
//!
//! The tables themselves come from `page_table_multiarch`, which asks only two things of a
//! board: pages to build tables from, which it clears, and where it can see them.
//!
//! ```text
//!  __tables_start                                     __tables_end    (link script)
//!  │ root │ second level │ ... │  not taken yet  ►        │
//!                              ▲ NEXT
//! ```
//!
//! Pages are handed out in order and never come back: the one set of tables lives as long as
//! the machine, and unmapping a page clears an entry but keeps the table it is in. When all are
//! taken a mapping fails with an error, which is what pcpu calls `MapFailed`.
//!
//! # Invariants
//! - **T1** `NEXT` only grows, so no page is handed out twice.
//! - **T2** Memory is identity-mapped, before paging is on and after.
#![no_std]

use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};

use memory_addr::{PhysAddr, VirtAddr};
use page_table_multiarch::{GenericPTE, PageTable64, PagingHandler, PagingMetaData, PagingResult};

/// The flags of a mapping.
pub use page_table_multiarch::MappingFlags;

/// Bytes in a table, and in the smallest page.
const PAGE: usize = 4096;

/// Bytes from one CPU's stack to the next one's. The lower half is left unmapped, and since slots
/// are aligned, one bit of the stack pointer tells the halves apart.
pub const SLOT: usize = 512 * 1024;

/// Bytes handed out so far, counted from `__tables_start`.
static NEXT: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" {
    /// The first byte of the memory for tables; a multiple of [`PAGE`].
    static __tables_start: u8;
    /// The byte after it.
    static __tables_end: u8;
    /// The first slot; a multiple of [`SLOT`].
    static __stacks_start: u8;
    /// The end of the last.
    static __stacks_end: u8;
}

/// Pages for tables, from the memory that the link script sets aside.
pub struct TableFrames;

impl PagingHandler for TableFrames {
    fn alloc_frames(num: usize, align: usize) -> Option<PhysAddr> {
        // A table is one page on every machine here.
        if align > PAGE {
            return None;
        }
        let memory = memory();
        let size = num.checked_mul(PAGE)?;
        let taken = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
            let end = next.checked_add(size)?;
            (end <= memory.len()).then_some(end)
        });
        taken.ok().map(|offset| PhysAddr::from(memory.start + offset))
    }

    /// Called only when tables are dropped, which the boards never do.
    fn dealloc_frames(_: PhysAddr, _: usize) {}

    fn phys_to_virt(paddr: PhysAddr) -> VirtAddr {
        VirtAddr::from(paddr.as_usize()) // T2
    }
}

/// Maps `range` to itself, with the largest pages that fit.
///
/// # Errors
/// There are no pages left for tables, or a part of the range is mapped already, or its bounds
/// are not multiples of a page.
pub fn map_identity<M, E>(
    tables: &mut PageTable64<M, E, TableFrames>,
    range: Range<usize>,
    flags: MappingFlags,
) -> PagingResult
where
    M: PagingMetaData<VirtAddr = VirtAddr>,
    E: GenericPTE,
{
    let same = |at: VirtAddr| PhysAddr::from(at.as_usize());
    tables.cursor().map_region(range.start.into(), same, range.len(), flags, true)
}

/// Maps RAM to itself for all uses, but for what lies below each CPU's stack: a stack that grows
/// too long faults, and does not run into another.
///
/// ```text
///  __stacks_start                                                        __stacks_end
///  │   nothing   │ stack of CPU 0 │   nothing   │ stack of CPU 1 │  ...    │
///  ◄── SLOT / 2 ─►
/// ```
///
/// # Errors
/// As for [`map_identity`].
pub fn map_ram<M, E>(tables: &mut PageTable64<M, E, TableFrames>, ram: Range<usize>) -> PagingResult
where
    M: PagingMetaData<VirtAddr = VirtAddr>,
    E: GenericPTE,
{
    let all = MappingFlags::READ | MappingFlags::WRITE | MappingFlags::EXECUTE;
    let (start, end) = ((&raw const __stacks_start).addr(), (&raw const __stacks_end).addr());
    map_identity(tables, ram.start..start, all)?;
    for slot in (start..end).step_by(SLOT) {
        map_identity(tables, slot + SLOT / 2..slot + SLOT, all)?;
    }
    map_identity(tables, end..ram.end, all)
}

fn memory() -> Range<usize> {
    (&raw const __tables_start).addr()..(&raw const __tables_end).addr()
}

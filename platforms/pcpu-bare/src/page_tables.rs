// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page tables of `page_table_multiarch`: x86-64, AArch64, RISC-V Sv39 and Sv48.
//!
//! Tables below the root are made by its `PagingHandler` when first needed and kept; a page is
//! 4096 bytes. Where there is no operating system (`target_os = "none"`, and nowhere else) changing an
//! entry flushes it on the running CPU, and on AArch64 on all; whatever else it takes to flush
//! others is for [`Mmu::flush_tlb`](crate::Mmu::flush_tlb).
//!
//! The crate flushes when its cursor is dropped, and does not wait for the store before. On AArch64 a
//! table walk could then read the old entry after the flush, so here stores are ordered first:
//!
//! ```text
//!  cursor.map      the entry, and tables above it if new
//!  dsb ishst       every walk from here on sees them     ── AArch64 only
//!  drop(cursor)    tlbi, dsb, isb
//! ```

use memory_addr::PhysAddr;
use page_table_multiarch::{
    GenericPTE, MappingFlags, PageSize, PageTable64, PagingHandler, PagingMetaData,
};
use pcpu_platform::MapFailed;

use crate::PageTables;

// SAFETY: the crate writes the one entry that translates the page; `map` refuses an entry that is in
// use. On AArch64 `order_stores` has walks see the entry before the call returns; on x86-64 stores are
// seen in order; on RISC-V the crate's `sfence.vma` orders them for this CPU, and for others
// the board does (`flush_cache_after_map`, `flush_tlb`). That metadata, entries and handler do what
// they say is for the board to promise, in `Mmu`.
unsafe impl<M, PTE, H> PageTables for PageTable64<M, PTE, H>
where
    M: PagingMetaData,
    PTE: GenericPTE,
    H: PagingHandler,
{
    const PAGE_SIZE: usize = PageSize::Size4K as usize;

    unsafe fn map(&mut self, at: usize, frame: usize) -> Result<(), MapFailed> {
        let flags = MappingFlags::READ | MappingFlags::WRITE;
        let mut cursor = self.cursor();
        let mapped = cursor.map(at.into(), PhysAddr::from(frame), PageSize::Size4K, flags);
        order_stores();
        drop(cursor);
        mapped.map_err(|_| MapFailed)
    }

    unsafe fn unmap(&mut self, at: usize) {
        let mut cursor = self.cursor();
        // The one error is that nothing is mapped, which is as good.
        let _ = cursor.unmap(at.into());
        order_stores();
        drop(cursor);
    }

    fn frame_at(&self, at: usize) -> Option<usize> {
        let (frame, _, _) = self.query(at.into()).ok()?;
        Some(frame.into())
    }
}

/// Makes table walks of every CPU see the stores before this, ahead of the flush after it.
///
/// # Source
/// Arm Architecture Reference Manual for A-profile, "TLB maintenance": a TLBI is ordered after a
/// store by a DSB alone.
#[inline]
fn order_stores() {
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a barrier; it changes nothing, and is allowed everywhere.
    unsafe {
        core::arch::asm!("dsb ishst", options(nostack, preserves_flags));
    };
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use core::cell::Cell;
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::thread_local;

    use memory_addr::VirtAddr;
    use page_table_multiarch::x86_64::X64PageTable;

    use super::*;

    const PAGE: usize = 4096;
    const AT: usize = 0x4000_0000;

    thread_local! {
        /// How many tables may yet be made.
        static TABLES: Cell<usize> = const { Cell::new(0) };
    }

    /// Tables on the heap, at physical addresses that are those of the program.
    enum Heap {}

    fn layout(num: usize, align: usize) -> Layout {
        Layout::from_size_align(num * PAGE, align).unwrap()
    }

    impl PagingHandler for Heap {
        fn alloc_frames(num: usize, align: usize) -> Option<PhysAddr> {
            TABLES.set(TABLES.get().checked_sub(1)?);
            // SAFETY: the layout has a size.
            let table = unsafe { alloc_zeroed(layout(num, align)) };
            Some(PhysAddr::from(table.expose_provenance()))
        }

        fn dealloc_frames(frame: PhysAddr, num: usize) {
            let table = core::ptr::with_exposed_provenance_mut(frame.as_usize());
            // SAFETY: made above; the crate names page alignment for a single frame.
            unsafe { dealloc(table, layout(num, PAGE)) };
        }

        fn phys_to_virt(frame: PhysAddr) -> VirtAddr {
            VirtAddr::from(frame.as_usize())
        }
    }

    fn tables(most: usize) -> X64PageTable<Heap> {
        TABLES.set(most);
        X64PageTable::try_new().unwrap()
    }

    fn map(tables: &mut X64PageTable<Heap>, page: usize, frame: usize) -> Result<(), MapFailed> {
        // SAFETY: the tables are nobody's.
        unsafe { tables.map(AT + page * PAGE, frame) }
    }

    fn unmap(tables: &mut X64PageTable<Heap>, page: usize) {
        // SAFETY: as above.
        unsafe { tables.unmap(AT + page * PAGE) };
    }

    #[test]
    fn pages_show_their_frames_until_unmapped() {
        let mut tables = tables(10);
        for page in 0..5 {
            map(&mut tables, page, (9 - page) * PAGE).unwrap();
        }
        unmap(&mut tables, 2);
        let shown = |page: usize| tables.frame_at(AT + page * PAGE);
        assert_eq!([0, 1, 2, 3].map(shown), [Some(9 * PAGE), Some(8 * PAGE), None, Some(6 * PAGE)]);
        assert_eq!(shown(5), None);
        assert_eq!(tables.frame_at(AT << 2), None, "where there is no table");
    }

    #[test]
    fn unmapping_passes_over_what_is_not_mapped() {
        let mut tables = tables(10);
        unmap(&mut tables, 0);
        map(&mut tables, 0, PAGE).unwrap();
        unmap(&mut tables, 1);
        assert_eq!(tables.frame_at(AT), Some(PAGE));
        unmap(&mut tables, 0);
        unmap(&mut tables, 0);
        assert_eq!(map(&mut tables, 0, 2 * PAGE), Ok(()));
    }

    #[test]
    fn no_memory_for_a_table_fails_and_maps_nothing() {
        // The root and two of the three below it.
        let mut tables = tables(3);
        assert_eq!(map(&mut tables, 0, PAGE), Err(MapFailed));
        assert_eq!(tables.frame_at(AT), None);
        TABLES.set(1);
        assert_eq!(map(&mut tables, 0, PAGE), Ok(()));
    }
}

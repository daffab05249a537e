// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a board with an MMU says besides: its page tables, addresses to spare, how to flush.

use core::ops::Range;

use pcpu_layout::Span;
use pcpu_platform::{Addr, MapFailed};

use crate::Board;

/// A board whose CPUs share page tables that pcpu may map pages in. With it comes
/// [`Mapper`](pcpu_platform::Mapper), and the cell `SmpMmu`.
///
/// # Safety
/// - Every CPU that uses pcpu's memory translates addresses of [`WINDOW`](Self::WINDOW) by
///   [`Tables`](Self::Tables), and nothing else uses or maps these addresses.
/// - Physical address `p` of the memory named at set-up can be reached at
///   [`PHYSICAL`](Self::PHYSICAL)` + p`, wrapping, on every CPU.
/// - The parts that [`Tables`](Self::Tables) are made of do what they say. For the `PageTable64` of
///   `page_table_multiarch`, whose traits are safe ones: its `PagingMetaData` and `GenericPTE` are those
///   of the processor, and its `PagingHandler` hands out frames of its own, and tells where they are
///   seen.
/// - The other functions do what is said at each, and none unwinds.
///
/// # Examples
/// A board that calls itself `SmpMmu` and has no `Mmu` is no platform; the compiler says that
/// `Mapper` is missing.
///
/// ```compile_fail,E0277
/// # use pcpu_bare::{Bare, Board, Interrupts};
/// # enum None {}
/// # unsafe impl Interrupts for None {
/// #     fn mask() -> usize { 0 }
/// #     unsafe fn restore(_: usize) {}
/// #     fn in_unmaskable() -> bool { false }
/// # }
/// # struct Claims;
/// # unsafe impl Board for Claims {
/// type Cell = pcpu_platform::SmpMmu;
/// #     type Interrupts = None;
/// #     type Pages = bitmap_allocator::BitAlloc256;
/// #     const NR_CPUS: u32 = 2;
/// #     fn block() -> &'static pcpu_bare::CpuBlock { unimplemented!() }
/// # }
/// fn platform<P: pcpu_platform::Platform>() {}
/// platform::<Bare<Claims>>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how it maps pages, so it has no `Mapper`",
    label = "this board has no `Mmu`",
    note = "a board with several CPUs and no MMU is `type Cell = SmpNoMmu;` and is set up with `Bare::new`",
    note = "a board that can map implements `pcpu_bare::Mmu`; `Mapper` comes with it"
)]
pub unsafe trait Mmu: Board {
    /// The page tables, with pages of [`Board::PAGE_SIZE`] bytes.
    type Tables: PageTables + Send;

    /// Addresses set aside for pcpu, whole pages. An allocator with chunks of a few megabytes is well
    /// served by a gigabyte on a 64-bit machine: a board keeps at most 64 chunks at a time (`MOST_AREAS`
    /// in `window.rs`), however large the window. One more is refused as if it were full.
    const WINDOW: Range<usize>;

    /// The address at which physical address 0 is seen: 0 where physical memory is mapped at its own
    /// addresses.
    const PHYSICAL: usize = 0;

    /// Makes every CPU forget its translations of the range, and returns when all have. Changes
    /// to the tables that were made before the call are seen by whoever translates afterwards.
    ///
    /// By one instruction where the hardware tells the others (AArch64: `dsb ishst`,
    /// `tlbi vaae1is`, `dsb ish`, `isb`), by interrupts elsewhere: [`Shootdown`](crate::Shootdown).
    ///
    /// # Context
    /// Interrupts as the allocator's caller has them; the *pages* lock is held.
    fn flush_tlb(&self, range: Span<Addr>);

    /// Makes freshly mapped pages usable on every CPU, before any uses them.
    ///
    /// Machines with coherent caches, which look through addresses at physical memory, and whose
    /// translation caches hold no failures, need nothing: that is the provided method. A RISC-V
    /// machine without Svvptc may remember that a page was *not* mapped, and flushes the range on
    /// all CPUs here.
    fn flush_cache_after_map(&self, range: Span<Addr>) {
        let _ = range;
    }

    /// Writes back what caches hold of pages about to be unmapped. Coherent machines need nothing:
    /// that is the provided method. Caches that are looked up by virtual address do.
    fn flush_cache_before_unmap(&self, range: Span<Addr>) {
        let _ = range;
    }
}

/// Page tables. A frame is named by its physical address.
///
/// Translations that CPUs remember are no business of the tables:
/// [`Mmu::flush_tlb`] comes after.
///
/// # Safety
/// - After a successful [`map`](Self::map) every CPU that did not remember anything else reads and
///   writes the frame at the page, as ordinary cached memory: the change is stored and ordered before
///   the call returns.
/// - [`unmap`](Self::unmap) takes the page away from every CPU that does not remember it.
/// - Neither touches the translation of any other page.
/// - No method unwinds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no page table that `Mapper` can work with",
    note = "with the feature `page-tables`, `page_table_multiarch::PageTable64` is one"
)]
pub unsafe trait PageTables {
    /// Bytes in a page.
    const PAGE_SIZE: usize = 4096;

    /// Maps the frame at the page that starts at `at`, readable and writable for the kernel.
    ///
    /// # Errors
    /// [`MapFailed`] when there is no memory for a table; the page is not mapped then.
    ///
    /// # Safety
    /// The page is not mapped and is the caller's, the frame as well.
    unsafe fn map(&mut self, at: usize, frame: usize) -> Result<(), MapFailed>;

    /// Unmaps the page that starts at `at`; one that is not mapped is passed over.
    ///
    /// # Safety
    /// The page is the caller's, and nothing uses it any more.
    unsafe fn unmap(&mut self, at: usize);

    /// Returns the frame mapped at the page that starts at `at`, or `None`.
    fn frame_at(&self, at: usize) -> Option<usize>;
}

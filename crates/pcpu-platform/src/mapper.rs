// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pages at chosen addresses: what makes a machine an MMU machine.
//!
//! The vm back end reserves one range of addresses per group, at fixed distances from each
//! other, and later maps single frames into them, page by page and CPU by CPU. Only the vm back
//! end has a [`Mapper`] in its bounds; the km back end cannot name anything in this file.

use core::fmt;

use pcpu_layout::{NodeId, PageCount, Span};

use crate::{Addr, Effort, Frames, NoPages};

/// No free range of addresses has the wanted shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSpace;

impl fmt::Display for NoSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no free address range of the wanted shape")
    }
}

impl core::error::Error for NoSpace {}

/// Mapping failed and may have happened in part: the caller unmaps the whole range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapFailed;

impl fmt::Display for MapFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the platform could not map the pages")
    }
}

impl core::error::Error for MapFailed {}

/// Maps frames at chosen addresses.
///
/// # Safety
/// - Ranges returned by [`reserve`](Self::reserve) overlap nothing else that is in use, until
///   [`release`](Self::release).
/// - Between a successful [`map`](Self::map) and the matching [`unmap`](Self::unmap) each mapped
///   page is valid for reads and writes through the same platform's
///   [`Memory`](crate::Memory), on every CPU, and shows the content of its frame.
/// - A frame returned by [`take_frame`](Self::take_frame) is the caller's alone until
///   [`give_frame`](Self::give_frame).
/// - [`frame_at`](Self::frame_at) names the frame that was mapped there, without giving it away.
/// - After [`flush_tlb`](Self::flush_tlb) returns, no CPU reaches a page of the range that was
///   unmapped before the call.
/// - No reservation ends at the last address.
/// - No method unwinds: a panic in the middle of a change would leave it half done, so it must end
///   the program.
#[allow(unsafe_code)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `Mapper`, so it cannot be an `SmpMmu` machine with the vm back end",
    label = "this machine cannot map pages at chosen addresses",
    note = "a machine with several CPUs and no MMU is `type Cell = SmpNoMmu;` it gets the km back end, over contiguous memory",
    note = "a machine that can map implements `pcpu_platform::Mapper`"
)]
pub unsafe trait Mapper: Frames {
    /// A frame that is not necessarily addressable before it is mapped.
    type Frame: Copy + 'static;

    /// Takes one frame, near `node` if one is named and has room. Content is unspecified.
    ///
    /// # Errors
    /// [`NoPages`]; nothing has been taken then.
    fn take_frame(&self, node: Option<NodeId>, effort: Effort) -> Result<Self::Frame, NoPages>;

    /// Gives a frame back.
    ///
    /// # Safety
    /// It was taken here, is mapped nowhere, and no CPU can reach it through a stale
    /// translation that anybody would still use.
    unsafe fn give_frame(&self, frame: Self::Frame);

    /// Reserves, all or nothing, the ranges `base + area` for every area and returns `base`, a
    /// multiple of `align` bytes (a power of two, at least the page size). Areas are sorted,
    /// disjoint multiples of `align`; the first need not start at 0. Nothing is mapped.
    ///
    /// # Errors
    /// [`NoSpace`]; nothing has been reserved then.
    fn reserve(&self, areas: &[Span<usize>], align: usize) -> Result<Addr, NoSpace>;

    /// Gives the ranges back to the machine's general pool of addresses. Stale translations of
    /// them are the platform's to flush before it hands the addresses out again.
    ///
    /// # Safety
    /// They were reserved in one call with these `areas`, and nothing is mapped in them.
    unsafe fn release(&self, base: Addr, areas: &[Span<usize>]);

    /// Maps the frames at successive pages from `at`.
    ///
    /// # Safety
    /// The pages are reserved and unmapped; the caller owns the frames, and they are mapped
    /// nowhere else.
    ///
    /// # Errors
    /// [`MapFailed`]; some of the pages may be mapped then, and the caller must
    /// [`unmap`](Self::unmap) them all.
    unsafe fn map(&self, at: Addr, frames: &[Self::Frame]) -> Result<(), MapFailed>;

    /// Unmaps `pages` pages from `at`; pages that are not mapped are passed over. Translations
    /// may stay cached until [`flush_tlb`](Self::flush_tlb).
    ///
    /// # Safety
    /// The pages lie in a reservation of the caller's, and nothing uses them any more.
    unsafe fn unmap(&self, at: Addr, pages: PageCount);

    /// Returns the frame mapped at the page that starts at `at`, or `None`.
    ///
    /// # Context
    /// May sleep, as [`map`](Self::map) may; not called from interrupt handlers.
    fn frame_at(&self, at: Addr) -> Option<Self::Frame>;

    /// Makes freshly mapped pages visible, on machines whose caches need it. Once per populate,
    /// over the span of all units.
    fn flush_cache_after_map(&self, range: Span<Addr>);

    /// Writes back what caches hold of pages about to be unmapped. Once per depopulate, over the
    /// span of all units.
    fn flush_cache_before_unmap(&self, range: Span<Addr>);

    /// Forgets cached translations of the range on every CPU, and returns when all have.
    fn flush_tlb(&self, range: Span<Addr>);
}

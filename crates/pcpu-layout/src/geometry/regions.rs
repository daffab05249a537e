// SPDX-License-Identifier: MIT OR Apache-2.0
//! The first chunk's units: three regions, and the page-wise windows that chunks see them by.
//!
//! A chunk counts whole pages, a region does not begin or end at one. So a boot chunk covers
//! the region rounded outwards and hides what it got too much:
//!
//! ```text
//!    page 3            page 4                  page 10
//!   ├─────────────────┼─────── ... ───────────┼──────────────────┤
//!   │ static ►│◄──────────── dynamic region ──────────────►│     │
//!   ◄ start ──►                                            ◄ end ►
//!     _offset                                                _offset
//! ```

use super::plan::Geometry;
use crate::{Bits, PageCount, Span, UnitOffset};

/// The regions of a unit of the first chunk, in this order and without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regions {
    /// Static variables, rounded up to the granule; empty if there are none.
    pub statics: Span<UnitOffset>,
    /// For code loaded later; empty if none was reserved.
    pub reserved: Span<UnitOffset>,
    /// For ordinary areas. Loses to the static region what that was rounded up by.
    pub dynamic: Span<UnitOffset>,
}

/// A chunk that serves one region of the first units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootChunk {
    /// Where in the unit the chunk begins, at a page.
    pub base: UnitOffset,
    /// Bytes at the chunk's front that are not the region's.
    pub start_offset: UnitOffset,
    /// Bytes at the chunk's back that are not the region's.
    pub end_offset: UnitOffset,
    /// Pages that the chunk spans in each unit.
    pub nr_pages: PageCount,
    /// Granules that the chunk spans.
    pub nr_bits: Bits,
    /// Granules to hide at the front: the start offset.
    pub head: Bits,
    /// Granules to hide at the back: the end offset.
    pub tail: Bits,
}

impl Geometry<'_> {
    /// Returns the regions of a unit of the first chunk.
    ///
    /// # Source
    /// docs/behaviours.md, B51.
    pub fn regions(&self) -> Regions {
        let sizes = &self.sizes;
        let static_end = sizes.static_size.next_multiple_of(self.granule());
        let reserved_end = static_end + sizes.reserved_size;
        // The sum is a multiple of the page size and so is not below the rounded static end.
        let dynamic_end = sizes.static_size + sizes.reserved_size + sizes.dyn_size;
        Regions {
            statics: bytes(0, static_end),
            reserved: bytes(static_end, reserved_end),
            dynamic: bytes(reserved_end, dynamic_end),
        }
    }

    /// Returns the chunk that serves `region`, one of [`regions`](Self::regions).
    ///
    /// # Source
    /// docs/behaviours.md, "First and reserved chunk layout", B50.
    pub fn boot_chunk(&self, region: Span<UnitOffset>) -> BootChunk {
        let page = self.page_size();
        let (start, end) = (region.start.get(), region.end.get());
        let first = start - start % page;
        let last = end.next_multiple_of(page);
        BootChunk {
            base: UnitOffset::new(first),
            start_offset: UnitOffset::new(start - first),
            end_offset: UnitOffset::new(last - end),
            nr_pages: PageCount::new((last - first) / page),
            nr_bits: self.bits(last - first),
            head: self.bits(start - first),
            tail: self.bits(last - end),
        }
    }

    /// Returns the pages of each unit that the three regions fill: what set-up leaves backed.
    pub const fn nr_boot_pages(&self) -> PageCount {
        let sizes = &self.sizes;
        let sum = sizes.static_size + sizes.reserved_size + sizes.dyn_size;
        PageCount::new(sum / self.config.page_size)
    }

    /// Counts granules; a unit has fewer than 32 bits can say.
    fn bits(&self, bytes: usize) -> Bits {
        Bits::new((bytes / self.granule()) as u32)
    }
}

fn bytes(start: usize, end: usize) -> Span<UnitOffset> {
    Span::new(UnitOffset::new(start), UnitOffset::new(end))
}

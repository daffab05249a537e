// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a change of the map says to the storey above, which keeps the lists and the totals.

use core::fmt;

use crate::{Bits, PageCount, Span};

/// What taking an area changed.
#[must_use = "the chunk may now belong in another slot, and there may be fewer empty pages"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaTaken {
    /// The chunk's longest free run now.
    pub longest: Bits,
    /// Backed pages that were empty before and are not any more.
    pub pages_filled: PageCount,
}

/// What freeing an area changed.
#[must_use = "the chunk may now belong in another slot, and there may be more empty pages"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaGiven {
    /// The area that was freed.
    pub area: Span<Bits>,
    /// The chunk's longest free run now.
    pub longest: Bits,
    /// Backed pages that are empty now and were not before.
    pub pages_emptied: PageCount,
}

/// What backing or unbacking pages changed.
#[must_use = "the totals of backed and of empty pages changed"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PagesChanged {
    /// Pages whose state changed.
    pub pages: PageCount,
    /// Those of them without a taken granule.
    pub empty: PageCount,
}

/// Why an area could not be freed. The map is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveError {
    /// The granule lies beyond the map.
    OutOfRange,
    /// The granule is free.
    Free,
    /// The granule belongs to an area that starts before it.
    Inside,
}

impl fmt::Display for GiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfRange => "the granule lies beyond the map",
            Self::Free => "the granule is free",
            Self::Inside => "the granule lies inside an area, not at its start",
        })
    }
}

impl core::error::Error for GiveError {}

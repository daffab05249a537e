// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counters over all chunks.
//!
//! They change where the thing they count changes, under the same lock, so a recount at any
//! moment gives the same numbers; `Allocator::check` is that recount.

use pcpu_layout::PageCount;

use super::Counters;

/// The counters of one allocator.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Backed pages without an area, except in the reserved and in set-aside chunks: the only one
    /// that decides anything.
    pub empty: PageCount,
    /// What is counted to be asked for.
    pub counters: Counters,
}

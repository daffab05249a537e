// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counters that count nothing, for images in which every byte matters.

use pcpu_layout::{Bits, PageCount};

/// No statistics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters;

impl Counters {
    pub(crate) fn count_alloc(&mut self, _: Bits) {}

    pub(crate) fn count_free(&mut self, _: Bits) {}

    pub(crate) fn count_chunk(&mut self) {}

    pub(crate) fn drop_chunk(&mut self) {}

    pub(crate) fn hold(&mut self, _: PageCount, _: PageCount) {}

    pub(crate) fn release(&mut self, _: PageCount, _: PageCount) {}

    pub(crate) fn add_populated(&mut self, _: PageCount) {}

    pub(crate) fn drop_populated(&mut self, _: PageCount) {}
}

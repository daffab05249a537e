// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is counted to be asked for, each with its highest value where somebody may ask for it.
//!
//! Nothing depends on it: without the feature `statistics` the file beside this one takes its place.

use pcpu_layout::{Bits, PageCount};

/// Statistics of one allocator.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    /// Areas ever taken, those undone for want of pages included.
    pub nr_alloc: u64,
    /// Areas ever freed, likewise.
    pub nr_dealloc: u64,
    /// Most areas at one time.
    pub nr_max_alloc: u64,
    /// Chunks, boot time's counted as one.
    pub nr_chunks: usize,
    /// Most chunks at one time.
    pub nr_max_chunks: usize,
    /// Smallest area ever, or `None`.
    pub min_alloc: Option<Bits>,
    /// Largest area ever.
    pub max_alloc: Bits,
    /// Granules in areas.
    pub live: u64,
    /// Most granules in areas at one time.
    pub peak_live: u64,
    /// Backed page indexes over all chunks, with those of the first chunk's static region.
    pub populated: PageCount,
    /// Most backed page indexes at one time.
    pub peak_populated: PageCount,
    /// Real pages of attached units that chunks cover; of the first chunk those behind its whole
    /// static pages.
    pub covered: PageCount,
    /// Most covered pages at one time.
    pub peak_covered: PageCount,
    /// Real pages taken from the platform, less those of the first chunk's whole static pages.
    pub held: PageCount,
    /// Most pages at one time that were held and that no chunk covered.
    pub peak_wasted: PageCount,
}

impl Counters {
    pub(crate) fn count_alloc(&mut self, size: Bits) {
        self.nr_alloc += 1;
        self.nr_max_alloc = self.nr_max_alloc.max(self.nr_alloc - self.nr_dealloc);
        self.min_alloc = Some(self.min_alloc.map_or(size, |min| min.min(size)));
        self.max_alloc = self.max_alloc.max(size);
        self.live += u64::from(size.get());
        self.peak_live = self.peak_live.max(self.live);
    }

    pub(crate) fn count_free(&mut self, size: Bits) {
        self.nr_dealloc += 1;
        self.live -= u64::from(size.get());
    }

    pub(crate) fn count_chunk(&mut self) {
        self.nr_chunks += 1;
        self.nr_max_chunks = self.nr_max_chunks.max(self.nr_chunks);
    }

    /// Notes that `held` more pages were taken and `covered` more are part of units.
    pub(crate) fn hold(&mut self, held: PageCount, covered: PageCount) {
        self.held += held;
        self.covered += covered;
        self.peak_covered = self.peak_covered.max(self.covered);
        let wasted = self.held.get().saturating_sub(self.covered.get());
        self.peak_wasted = self.peak_wasted.max(PageCount::new(wasted));
    }

    /// Notes that `held` pages were given back, of which `covered` were part of units.
    pub(crate) fn release(&mut self, held: PageCount, covered: PageCount) {
        self.held -= held;
        self.covered -= covered;
    }

    pub(crate) fn add_populated(&mut self, pages: PageCount) {
        self.populated += pages;
        self.peak_populated = self.peak_populated.max(self.populated);
    }

    pub(crate) fn drop_populated(&mut self, pages: PageCount) {
        self.populated -= pages;
    }

    pub(crate) fn drop_chunk(&mut self) {
        self.nr_chunks -= 1;
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which addresses of the reservation are whose, and which pages of them are backed.
//!
//! Every taken range is a *holding*: a run (taken from the bottom up, backed from birth) or one
//! area of a congruent reservation (taken from the top down, backed page by page). The two kinds
//! grow towards each other, so that runs do not sit where a wide set of areas could have gone.
//!
//! Pages may be smaller than the system's, down to 256 bytes, as on the small machines that
//! the runs imitate. A holding then starts and ends at pages of the system, and those of them
//! that hold no page in use any more are what can be discarded.
//!
//! # Invariants
//! - **A1** holdings are sorted by address, lie in the reservation, and do not overlap.
//! - **A2** a holding starts at a multiple of the *grain*, the larger of both page sizes, and is
//!   a multiple of it long.
//! - **A3** a run stays until its last page is given back, whichever way it was cut up.
//!
//! # Cost
//! Linear in the number of holdings, which is a handful per chunk; done once per chunk.

use std::ops::Range;

use pcpu_layout::congruent::{CongruentArea, CongruentRequest, highest_base};
use pcpu_layout::{PageCount, Span};

use super::page_set::PageSet;

/// The book of holdings.
#[derive(Debug)]
pub(super) struct AddressSpace {
    span: Span<usize>,
    page_size: usize,
    grain: usize,
    holdings: Vec<Holding>,
}

#[derive(Debug)]
struct Holding {
    span: Span<usize>,
    backed: PageSet,
}

impl AddressSpace {
    /// Makes an empty book for `span`, in pages of `page_size` on a system with pages of
    /// `system_page`, all in bytes.
    pub(super) fn new(span: Span<usize>, page_size: usize, system_page: usize) -> Self {
        Self { span, page_size, grain: page_size.max(system_page), holdings: Vec::new() }
    }

    /// Enters a run at the lowest place where it fits, its pages backed, and returns the range
    /// with what rounding added.
    pub(super) fn take_run(&mut self, pages: PageCount, align: usize) -> Option<Span<usize>> {
        if !align.is_power_of_two() {
            return None;
        }
        let bytes = pages.get().checked_mul(self.page_size)?;
        let len = bytes.checked_next_multiple_of(self.grain).filter(|&len| len != 0)?;
        let start = self.lowest_gap(len, align.max(self.grain))?;
        let span = Span::new(start, start + len);
        self.enter(Holding { span, backed: PageSet::full(pages.get()) });
        Some(span)
    }

    /// Enters all areas at the highest base where they fit, nothing backed, and returns the base.
    pub(super) fn reserve(&mut self, areas: &[Span<usize>], align: usize) -> Option<usize> {
        let wanted: Vec<_> = areas
            .iter()
            .map(|area| CongruentArea { offset: area.start, size: area.len() })
            .collect();
        let busy: Vec<_> = self.holdings.iter().map(|holding| holding.span).collect();
        let request = CongruentRequest { areas: &wanted, align, page_size: self.grain };
        let base = highest_base(self.span, &busy, &request).ok().filter(|&base| base != 0)?;
        for area in areas {
            let span = Span::new(base + area.start, base + area.end);
            self.enter(Holding { span, backed: PageSet::empty(area.len() / self.page_size) });
        }
        Some(base)
    }

    /// Forgets the holding that starts at `start`.
    pub(super) fn remove(&mut self, start: usize) {
        let holding = self.holdings.binary_search_by_key(&start, |holding| holding.span.start);
        self.holdings.remove(holding.expect("no range was taken at this address"));
    }

    /// Notes that `pages` pages from `at` are backed now.
    pub(super) fn set_backed(&mut self, at: usize, pages: PageCount) {
        let (holding, pages) = self.holding_mut(at, pages);
        holding.backed.insert(pages);
    }

    /// Notes that `pages` pages from `at` are not backed any more, and returns the pages of the
    /// system among them that hold nothing now: the range to discard.
    pub(super) fn clear_backed(&mut self, at: usize, pages: PageCount) -> Span<usize> {
        let (page_size, grain) = (self.page_size, self.grain);
        let (holding, pages) = self.holding_mut(at, pages);
        holding.backed.remove(pages.clone());
        holding.unused_grains(pages, page_size, grain)
    }

    /// Forgets the holding around `at` if none of its pages is backed (A3).
    pub(super) fn remove_if_empty(&mut self, at: usize) {
        let idx = self.find(at).expect("no range was taken around this address");
        if self.holdings[idx].backed.len() == 0 {
            self.holdings.remove(idx);
        }
    }

    /// Says whether the page at `at` is backed.
    pub(super) fn is_backed(&self, at: usize) -> bool {
        self.find(at).is_some_and(|idx| {
            let holding = &self.holdings[idx];
            holding.backed.contains((at - holding.span.start) / self.page_size)
        })
    }

    /// Returns how many pages are backed in all.
    pub(super) fn nr_backed(&self) -> PageCount {
        PageCount::new(self.holdings.iter().map(|holding| holding.backed.len()).sum())
    }

    fn lowest_gap(&self, len: usize, align: usize) -> Option<usize> {
        let mut start = self.span.start.checked_next_multiple_of(align)?;
        for holding in &self.holdings {
            if start.checked_add(len)? <= holding.span.start {
                break;
            }
            // A holding below the first aligned address does not lower the start.
            start = start.max(holding.span.end.checked_next_multiple_of(align)?);
        }
        (start.checked_add(len)? <= self.span.end).then_some(start)
    }

    fn enter(&mut self, holding: Holding) {
        let idx = self.holdings.partition_point(|other| other.span.start < holding.span.start);
        self.holdings.insert(idx, holding);
    }

    fn find(&self, at: usize) -> Option<usize> {
        let idx = self.holdings.partition_point(|holding| holding.span.end <= at);
        self.holdings.get(idx)?.span.contains(at).then_some(idx)
    }

    fn holding_mut(&mut self, at: usize, pages: PageCount) -> (&mut Holding, Range<usize>) {
        let idx = self.find(at).expect("no range was taken around this address");
        let holding = &mut self.holdings[idx];
        let first = (at - holding.span.start) / self.page_size;
        (holding, first..first + pages.get())
    }
}

impl Holding {
    /// Returns the grains that `pages` touches, less those at its ends that a neighbour uses.
    fn unused_grains(&self, pages: Range<usize>, page_size: usize, grain: usize) -> Span<usize> {
        let per_grain = grain / page_size;
        let mut first = pages.start - pages.start % per_grain;
        let mut end = pages.end.next_multiple_of(per_grain);
        if !self.backed.is_disjoint(first..pages.start) {
            first += per_grain;
        }
        if !self.backed.is_disjoint(pages.end..end) {
            end -= per_grain;
        }
        let at = |page: usize| self.span.start + page * page_size;
        Span::new(at(first), at(end.max(first)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: Span<usize> = Span { start: 0x10_0000, end: 0x20_0000 };

    fn pages(nr: usize) -> PageCount {
        PageCount::new(nr)
    }

    fn check(book: &AddressSpace) {
        let mut end = book.span.start;
        for Holding { span, .. } in &book.holdings {
            assert!(end <= span.start && span.start < span.end, "A1");
            assert!((span.start | span.end).is_multiple_of(book.grain), "A2");
            end = span.end;
        }
        assert!(end <= book.span.end, "A1");
    }

    #[test]
    fn runs_grow_up_and_areas_grow_down() {
        let mut book = AddressSpace::new(SPACE, 0x1000, 0x1000);
        assert_eq!(book.take_run(pages(3), 0x1000), Some(Span::new(0x10_0000, 0x10_3000)));
        assert_eq!(book.take_run(pages(1), 0x8000), Some(Span::new(0x10_8000, 0x10_9000)));
        assert_eq!(book.take_run(pages(5), 0x1000), Some(Span::new(0x10_3000, 0x10_8000)));
        let areas = [Span::new(0, 0x4000), Span::new(0x10000, 0x14000)];
        assert_eq!(book.reserve(&areas, 0x1000), Some(0x20_0000 - 0x14000));
        assert_eq!(book.reserve(&areas, 0x1000), Some(0x20_0000 - 0x18000));
        check(&book);
    }

    #[test]
    fn a_run_that_does_not_fit_is_refused_and_nothing_is_taken() {
        let mut book = AddressSpace::new(SPACE, 0x1000, 0x1000);
        assert_eq!(book.take_run(pages(0), 0x1000), None);
        assert_eq!(book.take_run(pages(0x101), 0x1000), None);
        assert_eq!(book.take_run(pages(usize::MAX), 0x1000), None);
        assert_eq!(book.take_run(pages(usize::MAX / 0x1000), 0x1000), None);
        assert_eq!(book.take_run(pages(1), 1 << (usize::BITS - 1)), None);
        assert!(book.holdings.is_empty());
        assert_eq!(book.take_run(pages(0x100), 0x1000), Some(SPACE));
        assert_eq!(book.take_run(pages(1), 0x1000), None);
    }

    #[test]
    fn the_range_of_a_run_returns_with_its_last_page() {
        let mut book = AddressSpace::new(SPACE, 0x1000, 0x1000);
        let run = book.take_run(pages(4), 0x1000).unwrap();
        let middle = run.start + 0x1000;
        assert_eq!(book.clear_backed(middle, pages(2)), Span::new(middle, middle + 0x2000));
        book.remove_if_empty(middle);
        assert!(book.is_backed(run.start) && !book.is_backed(middle));
        assert_eq!((book.holdings.len(), book.nr_backed()), (1, pages(2)));

        for at in [run.start, run.start + 0x3000] {
            book.clear_backed(at, pages(1));
            book.remove_if_empty(at);
        }
        assert!(book.holdings.is_empty());
    }

    #[test]
    fn a_page_of_the_system_is_discarded_when_its_last_small_page_goes() {
        let mut book = AddressSpace::new(SPACE, 0x100, 0x1000);
        let run = book.take_run(pages(40), 0x100).unwrap();
        assert_eq!(run.len(), 0x3000);
        let give = |book: &mut AddressSpace, first: usize, nr: usize| {
            let span = book.clear_backed(run.start + first * 0x100, pages(nr));
            Span::new((span.start - run.start) / 0x1000, (span.end - run.start) / 0x1000)
        };
        // Half of page 0, all of page 1, a quarter of page 2: only page 1 is free of use.
        assert_eq!(give(&mut book, 8, 26), Span::new(1, 2));
        assert!(give(&mut book, 0, 7).is_empty());
        assert_eq!(give(&mut book, 7, 1), Span::new(0, 1));
        // The last page is only partly the run's own.
        assert_eq!(give(&mut book, 34, 6), Span::new(2, 3));
        book.remove_if_empty(run.start);
        assert!(book.holdings.is_empty());
    }

    #[test]
    fn areas_are_backed_page_by_page() {
        let mut book = AddressSpace::new(SPACE, 0x2000, 0x1000);
        let area = [Span::new(0x4000, 0xC000)];
        let base = book.reserve(&area, 0x2000).unwrap();
        let at = base + 0x6000;
        book.set_backed(at, pages(2));
        assert!(!book.is_backed(at - 0x2000) && book.is_backed(at));
        assert!(book.is_backed(at + 0x2000) && !book.is_backed(at + 0x4000));
        assert_eq!(book.clear_backed(base + 0x4000, pages(4)).len(), 0x8000);
        book.remove(base + 0x4000);
        assert!(book.holdings.is_empty() && !book.is_backed(at));
    }

    #[test]
    fn areas_and_runs_do_not_overlap_when_the_space_is_full() {
        let mut book = AddressSpace::new(SPACE, 0x1000, 0x1000);
        let areas = [Span::new(0, 0x8000), Span::new(0x20000, 0x28000)];
        let mut taken = 0;
        while book.reserve(&areas, 0x1000).is_some() {
            taken += 2;
            if book.take_run(pages(8), 0x8000).is_some() {
                taken += 1;
            }
            check(&book);
        }
        assert_eq!(book.holdings.len(), taken);
        assert!(taken >= 24, "{taken} of 32 ranges were taken");
    }
}

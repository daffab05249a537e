// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which pages of a map are backed.
//!
//! A page is *populated* when every attached unit has memory there. Pages of an
//! [`Always`](super::Backing::Always) map are, for good; in an
//! [`OnDemand`](super::Backing::OnDemand) map the functions here say which are, and keep the tree
//! over backed pages in step (M2).

use super::Map;
use super::bits;
use super::report::PagesChanged;
use super::runs::Runs;
use crate::{PageCount, Span};

impl Map<'_> {
    /// Pages in the map.
    #[inline]
    pub fn nr_pages(&self) -> PageCount {
        PageCount::new(self.blocks.count() as usize)
    }

    /// Pages that are backed.
    #[inline]
    pub fn nr_populated(&self) -> PageCount {
        PageCount::new(self.populated as usize)
    }

    /// Pages that are backed and have no taken granule.
    #[inline]
    pub fn nr_empty(&self) -> PageCount {
        PageCount::new(self.empty as usize)
    }

    /// Says whether page `page` is backed.
    pub fn is_populated(&self, page: PageCount) -> bool {
        let Some(on_demand) = &self.on_demand else { return page < self.nr_pages() };
        bits::test(on_demand.populated, page.get() as u32)
    }

    /// Says whether page `page` has no taken granule.
    pub fn is_free(&self, page: PageCount) -> bool {
        let block = page.get() as u32;
        self.runs.leaf(block).longest == self.block_len(block)
    }

    /// First maximal range of unbacked pages inside `pages`, if there is one.
    pub fn next_unpopulated(&self, pages: Span<PageCount>) -> Option<Span<PageCount>> {
        let on_demand = self.on_demand.as_ref()?;
        let end = pages.end.get() as u32;
        let start = bits::next_clear(on_demand.populated, pages.start.get() as u32, end);
        let stop = bits::next_set(on_demand.populated, start, end);
        range(start, stop)
    }

    /// First maximal range of backed pages inside `pages`, if there is one.
    pub fn next_populated(&self, pages: Span<PageCount>) -> Option<Span<PageCount>> {
        let Some(on_demand) = &self.on_demand else { return Some(pages).filter(|p| !p.is_empty()) };
        let end = pages.end.get() as u32;
        let start = bits::next_set(on_demand.populated, pages.start.get() as u32, end);
        let stop = bits::next_clear(on_demand.populated, start, end);
        range(start, stop)
    }

    /// Last maximal range of pages below `end` that are backed and have no taken granule.
    ///
    /// Reclaim walks down from the end, so that backed pages stay near the beginning.
    pub fn last_empty(&self, end: PageCount) -> Option<Span<PageCount>> {
        let is_empty = |page: &usize| {
            let page = PageCount::new(*page);
            self.is_populated(page) && self.is_free(page)
        };
        let last = (0..end.get()).rev().find(is_empty)?;
        let first = (0..last).rev().take_while(is_empty).last().unwrap_or(last);
        Some(Span::new(PageCount::new(first), PageCount::new(last + 1)))
    }

    /// Notes that the pages, none of which was, are backed now.
    ///
    /// # Panics
    /// When one of them was backed already, or the map is always backed.
    pub fn populate(&mut self, pages: Span<PageCount>) -> PagesChanged {
        assert_eq!(self.next_populated(pages), None, "M3: pages to back are not backed yet");
        let (from, end) = (pages.start.get() as u32, pages.end.get() as u32);
        let mut empty = 0;
        let Some(on_demand) = &mut self.on_demand else { unreachable!("refused above") };
        bits::set(on_demand.populated, from, end);
        for block in from..end {
            let (start, stop) = self.blocks.span(0, block);
            let runs = self.runs.leaf(block);
            on_demand.runs.set_leaf(block, runs);
            empty += u32::from(runs.longest == stop - start);
        }
        on_demand.runs.update(from, end - 1);
        self.populated += end - from;
        self.empty += empty;
        PagesChanged { pages: pages.len(), empty: PageCount::new(empty as usize) }
    }

    /// Notes that the pages, all of which were backed, are not any more.
    ///
    /// # Panics
    /// When one of them was not backed or has a taken granule.
    pub fn depopulate(&mut self, pages: Span<PageCount>) -> PagesChanged {
        assert_eq!(self.next_unpopulated(pages), None, "M3: pages to return are backed");
        let (from, end) = (pages.start.get() as u32, pages.end.get() as u32);
        for page in pages.start.get()..pages.end.get() {
            assert!(self.is_free(PageCount::new(page)), "M3: pages to return are free");
        }
        let Some(on_demand) = &mut self.on_demand else { panic!("M3: km pages stay backed") };
        bits::clear(on_demand.populated, from, end);
        for block in from..end {
            on_demand.runs.set_leaf(block, Runs::FULL);
        }
        on_demand.runs.update(from, end - 1);
        self.populated -= end - from;
        self.empty -= end - from;
        PagesChanged { pages: pages.len(), empty: pages.len() }
    }
}

fn range(start: u32, stop: u32) -> Option<Span<PageCount>> {
    let page = |index: u32| PageCount::new(index as usize);
    (start < stop).then(|| Span::new(page(start), page(stop)))
}

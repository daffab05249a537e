// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which runs are out, and how much of each.
//!
//! A run is one allocation of the heap. It may be given back in parts, and the heap takes back
//! wholes only: so a run stays in the book until its last page has come back.
//!
//! ```text
//!  run of 6 pages    │ . │ . │ . │ . │ . │ . │   6 left
//!  give 4 and 5      │ . │ . │ . │ . │           4 left
//!  give 0            :   │ . │ . │ . │           3 left
//!  give 1 to 3                                   0 left: to the heap
//! ```
//!
//! # Invariants
//! - **H1** each run in the book is an allocation of the heap with its `layout`, which nobody else
//!   gives back; so runs do not overlap. It leaves with its last page.
//! - **H2** `left` is how many of its pages are not given back. It is the caller's promise that each
//!   is given back once; more than there are is noticed.
//!
//! # Cost
//! A search among runs, of which a pool has one for each chunk.

use core::alloc::Layout;
use std::collections::BTreeMap;

use pcpu_layout::PageCount;

/// The pool's own page: the grain of runs, whatever the system's is.
pub(super) const PAGE_SIZE: usize = 4096;

/// The book of runs.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// By address.
    runs: BTreeMap<usize, Run>,
}

#[derive(Debug)]
struct Run {
    layout: Layout,
    left: usize,
}

impl Book {
    /// Enters an allocation of the heap, a multiple of the page size, all of whose pages are out.
    pub(super) fn enter(&mut self, start: usize, layout: Layout) {
        self.runs.insert(start, Run { layout, left: layout.size() / PAGE_SIZE });
    }

    /// Notes that `pages` pages from `at` came back. Where they were the last of their run, that
    /// has left the book, and its address and layout are returned.
    ///
    /// # Panics
    /// When no run has them.
    #[must_use = "the run is nobody's now, and goes to the heap"]
    pub(super) fn give(&mut self, at: usize, pages: PageCount) -> Option<(usize, Layout)> {
        let found = self.runs.range_mut(..=at).next_back();
        let (&start, run) = found.expect("H1: no run was taken at this address");
        let first = (at - start) / PAGE_SIZE;
        let nr_pages = run.layout.size() / PAGE_SIZE;
        assert!(
            first <= nr_pages && pages.get() <= nr_pages - first,
            "H1: the pages lie outside the run"
        );
        run.left = run.left.checked_sub(pages.get()).expect("H2: pages were given back twice");
        if run.left != 0 {
            return None;
        }
        self.runs.remove(&start).map(|run| (start, run.layout))
    }

    /// Returns how many pages are out.
    pub(super) fn nr_out(&self) -> PageCount {
        PageCount::new(self.runs.values().map(|run| run.left).sum())
    }

    /// Returns how many bytes of the heap the runs are, pages that came back included.
    pub(super) fn heap_bytes(&self) -> usize {
        self.runs.values().map(|run| run.layout.size()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: usize = 0x5_0000;

    fn layout(pages: usize) -> Layout {
        Layout::from_size_align(pages * PAGE_SIZE, PAGE_SIZE).unwrap()
    }

    fn book(pages: usize) -> Book {
        let mut book = Book::default();
        book.enter(START, layout(pages));
        book
    }

    fn give(book: &mut Book, first: usize, pages: usize) -> Option<(usize, Layout)> {
        book.give(START + first * PAGE_SIZE, PageCount::new(pages))
    }

    #[test]
    fn a_run_leaves_with_its_last_page_whichever_way_it_was_cut_up() {
        for order in [[(4, 2), (0, 1), (1, 3)], [(1, 3), (4, 2), (0, 1)], [(0, 1), (1, 3), (4, 2)]]
        {
            let mut book = book(6);
            for (done, (first, pages)) in order.into_iter().enumerate() {
                assert_eq!(book.heap_bytes(), 6 * PAGE_SIZE);
                let whole = give(&mut book, first, pages);
                assert_eq!(whole, (done == 2).then_some((START, layout(6))));
            }
            assert_eq!((book.nr_out(), book.heap_bytes()), (PageCount::ZERO, 0));
        }
    }

    #[test]
    fn a_page_belongs_to_the_run_around_it_and_not_to_its_neighbour() {
        let mut book = book(3);
        let next = START + 3 * PAGE_SIZE;
        book.enter(next, layout(2));
        assert_eq!(give(&mut book, 2, 1), None);
        assert_eq!(book.nr_out(), PageCount::new(4));
        assert_eq!(give(&mut book, 3, 2), Some((next, layout(2))));
        assert_eq!((book.nr_out(), book.heap_bytes()), (PageCount::new(2), 3 * PAGE_SIZE));
    }

    #[test]
    #[should_panic(expected = "H1: no run")]
    fn a_page_below_every_run_is_refused() {
        let _ = book(6).give(START - PAGE_SIZE, PageCount::new(1));
    }

    #[test]
    #[should_panic(expected = "H1: the pages lie outside")]
    fn pages_past_the_end_of_a_run_are_refused() {
        let _ = give(&mut book(6), 5, 2);
    }

    #[test]
    #[should_panic(expected = "H1: the pages lie outside")]
    fn a_page_far_above_every_run_is_refused() {
        let _ = give(&mut book(6), 99, 1);
    }

    #[test]
    #[should_panic(expected = "H2")]
    fn more_pages_than_a_run_has_are_refused() {
        let mut book = book(6);
        let _ = give(&mut book, 0, 4);
        let _ = give(&mut book, 0, 4);
    }
}

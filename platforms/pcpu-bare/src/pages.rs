// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which pages are free: a bitmap over the memory that was named at set-up.
//!
//! Bit `i` stands for page `first + i`, counted from address 0, and is set while the page is free:
//!
//! ```text
//!  address / page size   first         first + 3                  first + len
//!                          │ free │ free │ taken │ taken │ free ... │
//!  bit                     0      1      2       3       4
//! ```
//!
//! A run is exactly as long as it is asked for. Alignment is that of addresses, and `first` is as it
//! comes, so alignment is not that of bits: the search goes over the places where an aligned address
//! is, lowest first, and passes over everything below the last taken page that it meets.
//!
//! # Cost
//! Each bit is looked at twice at most.

use bitmap_allocator::BitAlloc;
use pcpu_layout::Span;

/// The free pages among a range of pages.
pub(crate) struct PageMap<M> {
    free: M,
    /// Number of the page that bit 0 stands for.
    first: usize,
    /// Pages in the range, no more than the map has bits.
    len: usize,
    /// How many are free.
    nr_free: usize,
}

impl<M: BitAlloc> PageMap<M> {
    /// Makes a map of the pages numbered `pages`, all free. They fit, and there is at least one.
    pub(crate) fn new(pages: Span<usize>) -> Self {
        let mut free = M::DEFAULT;
        free.insert(0..pages.len());
        Self { free, first: pages.start, len: pages.len(), nr_free: pages.len() }
    }

    /// Returns how many pages are free.
    pub(crate) fn nr_free(&self) -> usize {
        self.nr_free
    }

    /// Takes the lowest `nr` free pages in a row that start at a multiple of `align` pages, and
    /// returns the number of the first.
    pub(crate) fn take(&mut self, nr: usize, align: usize) -> Option<usize> {
        if nr == 0 || nr > self.nr_free {
            return None;
        }
        let run = self.find(nr, align)?;
        self.free.remove(run..run + nr);
        self.nr_free -= nr;
        Some(self.first + run)
    }

    /// Gives back `nr` pages from `page`.
    ///
    /// # Panics
    /// When they are not all taken pages of this map.
    pub(crate) fn give(&mut self, page: usize, nr: usize) {
        let run = page.wrapping_sub(self.first);
        let end = run.checked_add(nr).filter(|&end| nr > 0 && end <= self.len);
        let taken = |end| (run..end).all(|bit| !self.free.test(bit));
        assert!(end.is_some_and(taken), "pages were given back that are not taken");
        self.free.insert(run..run + nr);
        self.nr_free += nr;
    }

    /// Finds the bit where a run can start.
    fn find(&self, nr: usize, align: usize) -> Option<usize> {
        let mut from = 0;
        loop {
            let run = self.align_up(self.free.next(from)?, align)?;
            let end = run.checked_add(nr).filter(|&end| end <= self.len)?;
            match (run..end).rev().find(|&bit| !self.free.test(bit)) {
                None => return Some(run),
                Some(taken) => from = taken + 1,
            }
        }
    }

    /// Returns the first bit from `bit` on whose page number is a multiple of `align`.
    fn align_up(&self, bit: usize, align: usize) -> Option<usize> {
        Some((self.first + bit).checked_next_multiple_of(align)? - self.first)
    }
}

#[cfg(test)]
mod tests {
    use bitmap_allocator::BitAlloc256;

    use super::*;

    fn map(first: usize, len: usize) -> PageMap<BitAlloc256> {
        PageMap::new(Span::new(first, first + len))
    }

    #[test]
    fn runs_are_the_lowest_that_fit() {
        let mut map = map(5, 10);
        assert_eq!(map.take(3, 1), Some(5));
        assert_eq!(map.take(4, 1), Some(8));
        map.give(6, 1);
        assert_eq!(map.take(2, 1), Some(12), "one page between two taken ones is too few");
        assert_eq!(map.take(1, 1), Some(6));
        assert_eq!(map.nr_free(), 1);
        assert_eq!(map.take(2, 1), None);
    }

    #[test]
    fn alignment_is_of_page_numbers_not_of_bits() {
        for first in 0..20 {
            let mut map = map(first, 64);
            assert_eq!(map.take(1, 8), Some(first.next_multiple_of(8)));
        }
    }

    #[test]
    fn no_alignment_is_too_large_to_be_refused() {
        let mut map = map(3, 200);
        assert_eq!(map.take(1, 256), None, "page 256 is beyond the last");
        for log in 8..usize::BITS {
            assert_eq!(map.take(1, 1 << log), None);
        }
        assert_eq!(map.nr_free(), 200);
    }

    #[test]
    fn the_last_page_of_a_full_map_can_be_had() {
        let mut map = map(1, 256);
        assert_eq!(map.take(255, 1), Some(1));
        assert_eq!(map.take(1, 256), Some(256));
        assert_eq!(map.take(1, 1), None);
        map.give(1, 256);
        assert_eq!(map.take(256, 1), Some(1));
    }

    #[test]
    fn any_number_of_pages_can_be_asked_for() {
        let mut map = map(1, 16);
        for nr in [0, 17, 256, 257, usize::MAX] {
            assert_eq!(map.take(nr, 1), None);
        }
    }

    #[test]
    fn the_search_agrees_with_trying_every_place() {
        let mut random = 12345_u32;
        let mut next = |below: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % below
        };
        for _ in 0..2000 {
            let (first, len) = (next(9), 1 + next(256));
            let mut map = map(first, len);
            for _ in 0..next(40) {
                map.take(1 + next(9), 1 << next(4));
            }
            for page in first..first + len {
                if next(3) == 0 && !map.free.test(page - first) {
                    map.give(page, 1);
                }
            }
            let (nr, align) = (1 + next(12), 1 << next(6));
            let fits = |&page: &usize| {
                page.is_multiple_of(align)
                    && page + nr <= first + len
                    && (page..page + nr).all(|page| map.free.test(page - first))
            };
            let expected = (first..first + len).find(fits);
            assert_eq!(map.take(nr, align), expected, "{nr} pages aligned to {align}");
        }
    }

    #[test]
    #[should_panic(expected = "not taken")]
    fn a_page_that_is_free_cannot_be_given_back() {
        let mut map = map(0, 16);
        map.take(2, 1);
        map.give(1, 2);
    }

    #[test]
    #[should_panic(expected = "not taken")]
    fn a_page_below_the_range_cannot_be_given_back() {
        map(8, 8).give(7, 1);
    }
}

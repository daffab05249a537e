// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which pages of one range are backed: a bitmap.
//!
//! The system could be asked (`mincore`, `/proc/self/pagemap`), but not exactly: a page that
//! was swapped out is backed and not there, and one that a stray write brought in is there and
//! was never mapped. A bit a page is 0.003 % of the memory it describes.

use std::ops::Range;

const BITS: usize = u64::BITS as usize;

/// A set of page indexes below a fixed number.
#[derive(Clone, Debug)]
pub(super) struct PageSet {
    words: Vec<u64>,
    nr_pages: usize,
    nr_set: usize,
}

impl PageSet {
    /// Makes an empty set for indexes below `nr_pages`.
    pub(super) fn empty(nr_pages: usize) -> Self {
        Self { words: vec![0; nr_pages.div_ceil(BITS)], nr_pages, nr_set: 0 }
    }

    /// Makes the set of all indexes below `nr_pages`.
    pub(super) fn full(nr_pages: usize) -> Self {
        let mut set = Self::empty(nr_pages);
        set.insert(0..nr_pages);
        set
    }

    /// Returns how many it holds.
    pub(super) fn len(&self) -> usize {
        self.nr_set
    }

    /// Says whether `page` is in the set.
    pub(super) fn contains(&self, page: usize) -> bool {
        page < self.nr_pages && self.words[page / BITS] & (1 << (page % BITS)) != 0
    }

    /// Says whether none of `pages` is in the set.
    pub(super) fn is_disjoint(&self, pages: Range<usize>) -> bool {
        !pages.into_iter().any(|page| self.contains(page))
    }

    /// Adds all of `pages`.
    pub(super) fn insert(&mut self, pages: Range<usize>) {
        self.update(pages, |word, mask| word | mask);
    }

    /// Takes all of `pages` out.
    pub(super) fn remove(&mut self, pages: Range<usize>) {
        self.update(pages, |word, mask| word & !mask);
    }

    fn update(&mut self, pages: Range<usize>, change: fn(u64, u64) -> u64) {
        assert!(pages.end <= self.nr_pages, "a page lies outside its range");
        let mut at = pages.start;
        while at < pages.end {
            let len = (BITS - at % BITS).min(pages.end - at);
            let mask = (u64::MAX >> (BITS - len)) << (at % BITS);
            let word = &mut self.words[at / BITS];
            let before = word.count_ones() as usize;
            *word = change(*word, mask);
            self.nr_set = self.nr_set - before + word.count_ones() as usize;
            at += len;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_set_and_cleared_across_words() {
        let mut set = PageSet::empty(200);
        set.insert(60..130);
        assert_eq!(set.len(), 70);
        assert!(!set.contains(59) && set.contains(60) && set.contains(129) && !set.contains(130));
        set.remove(64..128);
        assert_eq!(set.len(), 6);
        assert!(set.is_disjoint(64..128) && !set.is_disjoint(63..64) && !set.is_disjoint(128..129));
    }

    #[test]
    fn a_full_set_holds_every_page_and_no_more() {
        let set = PageSet::full(65);
        assert_eq!(set.len(), 65);
        assert!(set.contains(64) && !set.contains(65));
    }

    #[test]
    #[should_panic(expected = "outside")]
    fn a_page_past_the_end_is_refused() {
        PageSet::empty(64).insert(63..65);
    }
}

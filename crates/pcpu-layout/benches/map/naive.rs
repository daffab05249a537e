// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one would write first: a bitmap, and a first-fit scan of it, a word at a time.
//!
//! It is told the length when freeing, which the map is not.

use std::ops::Range;

const WORD_BITS: u32 = u64::BITS;

/// A bit per granule: taken.
pub struct Bitmap {
    words: Vec<u64>,
    nr_bits: u32,
}

impl Bitmap {
    /// Makes an all-free bitmap.
    pub fn new(nr_bits: u32) -> Self {
        Self { words: vec![0; nr_bits.div_ceil(WORD_BITS) as usize], nr_bits }
    }

    /// Lowest fit of `len` bits at a multiple of `align`.
    pub fn find(&self, (len, align): (u32, u32)) -> Option<u32> {
        let mut at = 0;
        loop {
            at = self.next(at, self.nr_bits, |word| !word).next_multiple_of(align);
            if at + len > self.nr_bits {
                return None;
            }
            let taken = self.next(at, at + len, |word| word);
            if taken == at + len {
                return Some(at);
            }
            at = taken;
        }
    }

    /// First bit of `[from, end)` that is set after `read`, or `end`.
    #[inline]
    fn next(&self, from: u32, end: u32, read: impl Fn(u64) -> u64) -> u32 {
        let mut at = from;
        while at < end {
            let word = read(self.words[(at / WORD_BITS) as usize]) >> (at % WORD_BITS);
            if word != 0 {
                return end.min(at + word.trailing_zeros());
            }
            at = (at / WORD_BITS + 1) * WORD_BITS;
        }
        end
    }

    /// Sets a range that is not empty.
    pub fn set(&mut self, range: Range<u32>) {
        self.change(range, |word, mask| *word |= mask);
    }

    /// Clears a range that is not empty.
    pub fn clear(&mut self, range: Range<u32>) {
        self.change(range, |word, mask| *word &= !mask);
    }

    #[inline]
    fn change(&mut self, range: Range<u32>, change: impl Fn(&mut u64, u64)) {
        let (first, last) = (range.start / WORD_BITS, (range.end - 1) / WORD_BITS);
        for index in first..=last {
            let low = if index == first { u64::MAX << (range.start % WORD_BITS) } else { u64::MAX };
            let unused = WORD_BITS - 1 - (range.end - 1) % WORD_BITS;
            let high = if index == last { u64::MAX >> unused } else { u64::MAX };
            change(&mut self.words[index as usize], low & high);
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bit runs in slices of machine words, a word at a time.
//!
//! Positions are `u32`, ranges half-open `[from, end)`. A search that finds nothing returns the
//! end of its range, so callers compare positions instead of unwrapping options. Every function
//! reads each word of its range once: a page of 1,024 granules is 16 words of 64 bits.

/// The unit in which maps are read and written.
pub type Word = usize;

const WORD_BITS: u32 = Word::BITS;

/// Returns how many words hold `nr_bits` bits.
#[inline]
pub(super) const fn words_for(nr_bits: u32) -> usize {
    nr_bits.div_ceil(WORD_BITS) as usize
}

#[inline]
const fn word_of(bit: u32) -> usize {
    (bit / WORD_BITS) as usize
}

/// The bits of word `index` that lie in `[from, end)`; the range must touch the word.
#[inline]
const fn mask(index: usize, from: u32, end: u32) -> Word {
    let base = index as u32 * WORD_BITS;
    let low = if from > base { Word::MAX << (from - base) } else { Word::MAX };
    let high = if end < base + WORD_BITS { !(Word::MAX << (end - base)) } else { Word::MAX };
    low & high
}

#[inline]
pub(super) fn test(words: &[Word], bit: u32) -> bool {
    words[word_of(bit)] >> (bit % WORD_BITS) & 1 != 0
}

/// Sets or clears every bit of a range that is not empty.
#[inline]
fn for_words(words: &mut [Word], from: u32, end: u32, mut change: impl FnMut(&mut Word, Word)) {
    debug_assert!(from < end);
    let first = word_of(from);
    for (index, word) in (first..).zip(&mut words[first..=word_of(end - 1)]) {
        change(word, mask(index, from, end));
    }
}

/// Sets `[from, end)`.
#[inline]
pub(super) fn set(words: &mut [Word], from: u32, end: u32) {
    for_words(words, from, end, |word, mask| *word |= mask);
}

/// Clears `[from, end)`.
#[inline]
pub(super) fn clear(words: &mut [Word], from: u32, end: u32) {
    for_words(words, from, end, |word, mask| *word &= !mask);
}

/// First position in `[from, end)` at which `read(word index)` has a bit set, else `end`.
#[inline]
fn next(from: u32, end: u32, read: impl Fn(usize) -> Word) -> u32 {
    if from >= end {
        return end;
    }
    let last = word_of(end - 1);
    let mut index = word_of(from);
    let mut word = read(index) & (Word::MAX << (from % WORD_BITS));
    while word == 0 {
        if index == last {
            return end;
        }
        index += 1;
        word = read(index);
    }
    end.min(index as u32 * WORD_BITS + word.trailing_zeros())
}

/// First set bit in `[from, end)`, else `end`.
#[inline]
pub(super) fn next_set(words: &[Word], from: u32, end: u32) -> u32 {
    next(from, end, |index| words[index])
}

/// First clear bit in `[from, end)`, else `end`.
#[inline]
pub(super) fn next_clear(words: &[Word], from: u32, end: u32) -> u32 {
    next(from, end, |index| !words[index])
}

/// First position in `[from, end)` that is clear in `alloc` or set in `starts`, else `end`: where
/// the area that began before `from` ends.
#[inline]
pub(super) fn next_clear_or_start(alloc: &[Word], starts: &[Word], from: u32, end: u32) -> u32 {
    next(from, end, |index| !alloc[index] | starts[index])
}

/// Start of the clear run that ends at `end`, not looking below `from`: one past the last set bit
/// of `[from, end)`, or `from`.
#[inline]
pub(super) fn clear_run_before(words: &[Word], from: u32, end: u32) -> u32 {
    if from >= end {
        return from;
    }
    let first = word_of(from);
    let mut index = word_of(end - 1);
    let mut word = words[index] & mask(index, from, end);
    while word == 0 {
        if index == first {
            return from;
        }
        index -= 1;
        word = words[index] & mask(index, from, end);
    }
    (index as u32 + 1) * WORD_BITS - word.leading_zeros()
}

/// Lowest aligned position in `[from, end)` where `len` clear bits fit before `end`.
#[inline]
pub(super) fn find_clear(words: &[Word], from: u32, end: u32, len: u32, align: u32) -> Option<u32> {
    let mut at = from;
    loop {
        at = next_clear(words, at, end).next_multiple_of(align);
        let stop = at.checked_add(len).filter(|&stop| stop <= end)?;
        let hit = next_set(words, at, stop);
        if hit == stop {
            return Some(at);
        }
        at = hit;
    }
}

/// Length of the longest clear run in `[from, end)` that is longer than `known`, else `known`.
#[inline]
pub(super) fn longest_clear(words: &[Word], from: u32, end: u32, known: u32) -> u32 {
    let mut longest = known;
    let mut at = from;
    // What is left must be longer than the best so far, or it cannot matter.
    while at + longest < end {
        let run = next_clear(words, at, end);
        let stop = next_set(words, run, end);
        longest = longest.max(stop - run);
        at = stop + 1;
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    fn naive(words: &[Word], bit: u32) -> bool {
        words[(bit / WORD_BITS) as usize] >> (bit % WORD_BITS) & 1 == 1
    }

    /// Words with runs of many lengths, some of them over word borders.
    fn patterns() -> Vec<Vec<Word>> {
        let mut state = 0x9e37_79b9_u64;
        (0..40)
            .map(|density| {
                (0..3)
                    .map(|_| {
                        let mut word = !0;
                        for _ in 0..=density % 4 {
                            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                            word &= (state >> 7) as Word;
                        }
                        if density % 5 == 0 { !word } else { word }
                    })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn searches_agree_with_reading_bit_by_bit() {
        for words in patterns() {
            let nr_bits = 3 * WORD_BITS;
            for from in (0..nr_bits).step_by(7) {
                for end in (from..=nr_bits).step_by(5) {
                    let set = (from..end).find(|&b| naive(&words, b)).unwrap_or(end);
                    let clear = (from..end).find(|&b| !naive(&words, b)).unwrap_or(end);
                    let before = (from..end).rev().find(|&b| naive(&words, b));
                    assert_eq!(next_set(&words, from, end), set);
                    assert_eq!(next_clear(&words, from, end), clear);
                    assert_eq!(clear_run_before(&words, from, end), before.map_or(from, |b| b + 1));
                }
            }
        }
    }

    #[test]
    fn longest_run_agrees_with_counting() {
        for words in patterns() {
            for (from, end) in [(0, 3 * WORD_BITS), (5, 100), (63, 65), (64, 64), (1, 2)] {
                let (mut longest, mut run) = (0, 0);
                for bit in from..end {
                    run = if naive(&words, bit) { 0 } else { run + 1 };
                    longest = longest.max(run);
                }
                assert_eq!(longest_clear(&words, from, end, 0), longest);
                assert_eq!(longest_clear(&words, from, end, 3), longest.max(3));
            }
        }
    }

    #[test]
    fn set_and_clear_change_their_range_and_nothing_else() {
        for (from, end) in [(0, 1), (3, 64), (63, 65), (0, 192), (64, 128), (100, 101), (191, 192)]
        {
            let mut words = vec![0; 3 * 64 / WORD_BITS as usize];
            set(&mut words, from, end);
            assert!((0..192).all(|b| test(&words, b) == (from <= b && b < end)));
            words.fill(Word::MAX);
            clear(&mut words, from, end);
            assert!((0..192).all(|b| test(&words, b) != (from <= b && b < end)));
        }
    }
}

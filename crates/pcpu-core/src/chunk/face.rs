// SPDX-License-Identifier: MIT OR Apache-2.0
//! The part of a chunk that is read without a lock: where it is, and what lives in it.
//!
//! A free begins here: one atomic operation takes the area's live bit, and exactly one of any
//! number of frees of the same cookie finds it set. Only that one goes on to the lock and the
//! map. See docs/decisions/0007-live-bits.md.

use pcpu_layout::{Bits, Span};

use crate::sync::{AtomicUsize, Ordering};

const WORD_BITS: u32 = usize::BITS;

/// A chunk's address and live bits.
#[derive(Debug)]
pub(crate) struct Face {
    /// Address of offset 0 in the unit at offset 0, or 0 while the record is spare.
    base: AtomicUsize,
    /// Bytes from the base that are served.
    served: Span<usize>,
    /// One bit per granule: an area starts here and is its owner's (C2).
    live: &'static [AtomicUsize],
}

/// Words that hold the live bits of a chunk.
pub(super) const fn live_words(nr_bits: Bits) -> usize {
    nr_bits.get().div_ceil(WORD_BITS) as usize
}

impl Face {
    pub(super) fn new(served: Span<usize>, live: &'static [AtomicUsize]) -> Self {
        Self { base: AtomicUsize::new(0), served, live }
    }

    /// Where the chunk is, or 0.
    #[inline]
    pub(crate) fn base(&self) -> usize {
        self.base.load(Ordering::Acquire)
    }

    /// Makes the record a chunk's at `base`, or, with 0, nobody's.
    pub(crate) fn set_base(&self, base: usize) {
        self.base.store(base, Ordering::Release);
    }

    /// Bytes from the base that are served.
    pub(crate) fn served(&self) -> Span<usize> {
        self.served
    }

    /// Byte offset of `address` in the chunk at `base`, if the chunk serves it.
    #[inline]
    pub(crate) fn offset_of(&self, base: usize, address: usize) -> Option<usize> {
        let offset = address.wrapping_sub(base);
        (base != 0 && self.served.contains(offset)).then_some(offset)
    }

    fn word(&self, granule: Bits) -> (&AtomicUsize, usize) {
        let bit = granule.get();
        (&self.live[(bit / WORD_BITS) as usize], 1 << (bit % WORD_BITS))
    }

    /// Marks the area that starts at `granule` as handed out. Everything written to it before
    /// happens before its free.
    pub(crate) fn set_live(&self, granule: Bits) {
        let (word, mask) = self.word(granule);
        word.fetch_or(mask, Ordering::Release);
    }

    /// Takes the live bit; `true` for exactly one caller per [`set_live`](Self::set_live).
    #[inline]
    pub(crate) fn take_live(&self, granule: Bits) -> bool {
        let (word, mask) = self.word(granule);
        word.fetch_and(!mask, Ordering::AcqRel) & mask != 0
    }

    /// Number of live bits.
    pub(crate) fn nr_live(&self) -> usize {
        self.live.iter().map(|word| word.load(Ordering::Relaxed).count_ones() as usize).sum()
    }
}

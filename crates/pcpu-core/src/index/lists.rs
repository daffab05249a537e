// SPDX-License-Identifier: MIT OR Apache-2.0
//! Slots: lists of chunks whose longest free runs are of similar length.
//!
//! ```text
//!  slot    0      1 .. raw(U)        raw(U)+1    raw(U)+2   raw(U)+3
//!          full   by longest run     sidelined   free       to-depopulate
//!                 ───── tried in this order ──────────────►  never tried
//! ```
//!
//! A request starts at the slot of its own size: tighter chunks first, so that emptier ones can
//! become empty. Because the longest run is exact, a chunk that is passed over has no room, and
//! none need be parked for having disappointed (Q6).
//!
//! # Invariants
//! - **S1** a chunk is on the list that its link names, once, or on none.
//! - **S2** a chunk that is not set aside is in the slot of its longest free run.
//!
//! # Source
//! The slots of Linux's allocator and their numbering (docs/behaviours.md, B33, B69, B70).

use pcpu_layout::Bits;

use crate::chunk::{ChunkRef, Link};
use crate::lent::Lent;

/// Sizes below 2^5 bytes share the first slots.
const BASE_SHIFT: u32 = 5;

/// Which slot is which, for one unit size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slots {
    granule_shift: u32,
    unit_bits: Bits,
    /// Chunks whose empty pages were returned.
    pub sidelined: u8,
    /// Chunks without an area.
    pub free: u8,
    /// Chunks whose empty pages are about to be returned.
    pub to_depopulate: u8,
    /// Not chunks: records that wait for one.
    pub spare: u8,
}

impl Slots {
    /// Units of this many bytes and more are refused.
    pub(crate) const UNIT_LIMIT: u64 = 1 << 36;

    pub(crate) fn new(unit_bits: Bits, granule: usize) -> Self {
        let granule_shift = granule.trailing_zeros();
        let top = raw_slot(unit_bits, granule_shift);
        Self {
            granule_shift,
            unit_bits,
            sidelined: top + 1,
            free: top + 2,
            to_depopulate: top + 3,
            spare: top + 4,
        }
    }

    /// The slot in which the search for a size starts.
    pub(crate) fn of_size(self, size: Bits) -> u8 {
        if size == self.unit_bits { self.free } else { raw_slot(size, self.granule_shift) }
    }

    /// The slot of a chunk with this longest free run.
    pub(crate) fn of_chunk(self, longest: Bits) -> u8 {
        if longest == Bits::ZERO { 0 } else { self.of_size(longest) }
    }

    /// Number of slots.
    pub(crate) fn count(self) -> u8 {
        self.spare
    }

    /// Number of lists: the slots, and one of spare records.
    pub(crate) fn nr_lists(self) -> usize {
        usize::from(self.spare) + 1
    }
}

fn raw_slot(size: Bits, granule_shift: u32) -> u8 {
    let bytes = u64::from(size.get()) << granule_shift;
    let highest = u64::BITS - bytes.leading_zeros();
    (highest + 2).saturating_sub(BASE_SHIFT).max(1) as u8
}

/// The ends of one list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    front: Option<ChunkRef>,
    back: Option<ChunkRef>,
}

/// The lists. Exactly one exists per allocator, inside its index lock; it alone touches links.
#[derive(Debug)]
pub(crate) struct Lists {
    slots: Slots,
    ends: Lent<&'static mut [Ends]>,
}

impl Lists {
    /// `ends` is one empty list each for [`Slots::nr_lists`].
    ///
    /// # Safety
    /// Made once per allocator, and only for the inside of its index lock.
    pub(crate) unsafe fn new(slots: Slots, ends: &'static mut [Ends]) -> Self {
        Self { slots, ends: Lent::new(ends) }
    }

    pub(crate) fn slots(&self) -> Slots {
        self.slots
    }

    fn link(&self, chunk: ChunkRef) -> &Link {
        // SAFETY: `self` is borrowed from inside the lock, shared: no exclusive reference to any
        // link exists, since `link_mut` borrows `self` exclusively.
        unsafe { chunk.link().as_ref() }
    }

    fn link_mut(&mut self, chunk: ChunkRef) -> &mut Link {
        // SAFETY: `self` is borrowed exclusively from inside the lock, so this is the only
        // reference to any link.
        unsafe { chunk.link().as_mut() }
    }

    /// First chunk of a slot.
    #[inline]
    pub(crate) fn front(&self, slot: u8) -> Option<ChunkRef> {
        self.ends[usize::from(slot)].front
    }

    /// The chunk after this one in its list.
    #[inline]
    pub(crate) fn next(&self, chunk: ChunkRef) -> Option<ChunkRef> {
        self.link(chunk).next
    }

    /// The chunk before this one in its list.
    pub(crate) fn previous(&self, chunk: ChunkRef) -> Option<ChunkRef> {
        self.link(chunk).previous
    }

    /// The slot that a chunk is in, if it is on a list.
    pub(crate) fn slot_of(&self, chunk: ChunkRef) -> Option<u8> {
        self.link(chunk).slot
    }

    /// Moves a chunk to the front of a slot.
    pub(crate) fn push_front(&mut self, chunk: ChunkRef, slot: u8) {
        self.unlink(chunk);
        let ends = &mut self.ends[usize::from(slot)];
        let old = ends.front.replace(chunk);
        match old {
            Some(old) => self.link_mut(old).previous = Some(chunk),
            None => ends.back = Some(chunk),
        }
        *self.link_mut(chunk) = Link { slot: Some(slot), previous: None, next: old };
    }

    /// Moves a chunk to the back of a slot.
    pub(crate) fn push_back(&mut self, chunk: ChunkRef, slot: u8) {
        self.unlink(chunk);
        let ends = &mut self.ends[usize::from(slot)];
        let old = ends.back.replace(chunk);
        match old {
            Some(old) => self.link_mut(old).next = Some(chunk),
            None => ends.front = Some(chunk),
        }
        *self.link_mut(chunk) = Link { slot: Some(slot), previous: old, next: None };
    }

    /// Takes a chunk off its list, if it is on one.
    pub(crate) fn unlink(&mut self, chunk: ChunkRef) {
        let Link { slot, previous, next } = core::mem::take(self.link_mut(chunk));
        let Some(slot) = slot else { return };
        match previous {
            Some(previous) => self.link_mut(previous).next = next,
            None => self.ends[usize::from(slot)].front = next,
        }
        match next {
            Some(next) => self.link_mut(next).previous = previous,
            None => self.ends[usize::from(slot)].back = previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B33.
    #[test]
    fn sizes_fall_into_the_kernels_slots() {
        let slot = |bytes: u32| raw_slot(Bits::new(bytes), 0);
        let expected = [
            (1, 1),
            (15, 1),
            (16, 2),
            (31, 2),
            (32, 3),
            (64, 4),
            (128, 5),
            (4096, 10),
            (16384, 12),
            (32768, 13),
        ];
        for (bytes, wanted) in expected {
            assert_eq!(slot(bytes), wanted, "{bytes} bytes");
        }
        let slots = Slots::new(Bits::new(32768 / 4), 4);
        assert_eq!(
            (slots.sidelined, slots.free, slots.to_depopulate, slots.count()),
            (14, 15, 16, 17)
        );
        assert_eq!(slots.of_chunk(Bits::new(8192)), 15);
        assert_eq!(slots.of_chunk(Bits::ZERO), 0);
    }
}

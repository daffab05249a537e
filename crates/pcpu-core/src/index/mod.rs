// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that the *index* lock guards: the chunks' maps, the lists, the totals.
//!
//! The three do not know each other. A function on a chunk returns what it changed; one on the
//! lists takes a chunk's reference and the slot it belongs in; totals are told numbers. So a
//! later lock per chunk, or caches in front, will find the walls where they need them.

#[cfg(feature = "statistics")]
mod counters;
#[cfg(not(feature = "statistics"))]
#[path = "no_counters.rs"]
mod counters;
mod lists;
mod totals;

pub(crate) use counters::Counters;
pub(crate) use lists::{Ends, Lists, Slots};
pub(crate) use totals::Totals;

use core::ops::Range;

use pcpu_layout::map::Within;
use pcpu_layout::{Bits, PageCount, Span};

use crate::chunk::{Chunk, ChunkRef};

/// The chunks, as far as the index lock guards them. Exactly one exists per allocator, inside
/// its lock: having it borrowed is the proof that the lock is held.
#[derive(Debug)]
pub(crate) struct Chunks(());

impl Chunks {
    /// # Safety
    /// Made once per allocator, and only for the inside of its index lock.
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }

    /// The chunk of a record, to read.
    #[inline]
    pub(crate) fn get(&self, chunk: ChunkRef) -> &Chunk {
        // SAFETY: `self` is borrowed from inside the lock, shared: no exclusive reference to any
        // chunk exists, since `get_mut` borrows `self` exclusively.
        unsafe { chunk.chunk().as_ref() }
    }

    /// The chunk of a record, to change.
    #[inline]
    pub(crate) fn get_mut(&mut self, chunk: ChunkRef) -> &mut Chunk {
        // SAFETY: `self` is borrowed exclusively from inside the lock, so this is the only
        // reference to any chunk.
        unsafe { chunk.chunk().as_mut() }
    }
}

/// Slots whose chunks count as alike when the oldest is looked for: longest runs within a factor
/// of eight. One slot at a time packs up to 3 % worse, all together scans every list.
const ALIKE: usize = 3;

/// What the index lock guards.
#[derive(Debug)]
pub(crate) struct Index {
    pub chunks: Chunks,
    pub lists: Lists,
    pub totals: Totals,
}

/// A request in the map's units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub size: Bits,
    pub align: Bits,
    /// A page, for comparison.
    pub page: Bits,
}

/// An area just taken, not yet backed everywhere and not yet live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub chunk: ChunkRef,
    pub span: Span<Bits>,
    /// Spare pages that were left.
    pub empty: PageCount,
}

impl Index {
    /// Keeps a record that is no chunk's for the next one.
    pub(crate) fn put_aside(&mut self, record: ChunkRef) {
        let spare = self.lists.slots().spare;
        self.lists.push_front(record, spare);
    }

    /// Takes the best room there is in all lists.
    ///
    /// Tighter chunks are tried first, and the oldest among chunks that are alike, so that younger
    /// ones can become empty; chunks that were set aside only after all others, so that they can
    /// drain; completely free ones last, so that they can go. Within each of these three, backed
    /// room comes before room that needs pages - but for whole pages: a caller that may wait
    /// leaves spare pages to those that may not.
    pub(crate) fn take(&mut self, wanted: Wanted, within: Within) -> Option<Taken> {
        let slots = self.lists.slots();
        let start = slots.of_size(wanted.size).min(slots.sidelined);
        let passes: &[Within] = match within {
            Within::Backed => &[Within::Backed],
            Within::Anywhere if wanted.size >= wanted.page => &[Within::Anywhere],
            Within::Anywhere => &[Within::Backed, Within::Anywhere],
        };
        for class in
            [start..slots.sidelined, slots.sidelined..slots.free, slots.free..slots.free + 1]
        {
            for &pass in passes {
                for first in class.clone().step_by(ALIKE) {
                    let group = first..class.end.min(first + ALIKE as u8);
                    if let Some((chunk, start)) = self.oldest_with_room(group, wanted, pass) {
                        return Some(self.take_at(chunk, start, wanted.size));
                    }
                }
            }
        }
        None
    }

    /// The oldest chunk of some slots that has room, and where.
    fn oldest_with_room(
        &self,
        slots: Range<u8>,
        wanted: Wanted,
        within: Within,
    ) -> Option<(ChunkRef, Bits)> {
        let mut oldest: Option<(i32, ChunkRef, Bits)> = None;
        for slot in slots {
            let mut cursor = self.lists.front(slot);
            while let Some(record) = cursor {
                let chunk = self.chunks.get(record);
                let older = oldest.is_none_or(|(ordinal, ..)| chunk.ordinal < ordinal);
                if older && let Some(start) = chunk.map.find(wanted.size, wanted.align, within) {
                    oldest = Some((chunk.ordinal, record, start));
                }
                cursor = self.lists.next(record);
            }
        }
        oldest.map(|(_, record, start)| (record, start))
    }

    /// Takes room in one chunk.
    pub(crate) fn take_from(
        &mut self,
        chunk: ChunkRef,
        wanted: Wanted,
        within: Within,
    ) -> Option<Taken> {
        let start = self.chunks.get(chunk).map.find(wanted.size, wanted.align, within)?;
        Some(self.take_at(chunk, start, wanted.size))
    }

    /// Takes free granules of a chunk as an area.
    fn take_at(&mut self, chunk: ChunkRef, start: Bits, size: Bits) -> Taken {
        let span = Span::new(start, start + size);
        let inside = self.chunks.get_mut(chunk);
        let taken = inside.map.take(span);
        inside.max_alloc = inside.max_alloc.max(size);
        if inside.counts_empty() {
            self.totals.empty -= taken.pages_filled;
        }
        self.totals.counters.count_alloc(size);
        if inside.isolated {
            self.reintegrate(chunk);
        } else {
            self.relist(chunk);
        }
        Taken { chunk, span, empty: self.totals.empty }
    }

    /// Frees the area that starts at `start`, which is one.
    pub(crate) fn give(&mut self, chunk: ChunkRef, start: Bits) -> Span<Bits> {
        let inside = self.chunks.get_mut(chunk);
        let given = inside.map.give(start).unwrap_or_else(|error| panic!("C2: {error}"));
        if inside.counts_empty() {
            self.totals.empty += given.pages_emptied;
        }
        self.totals.counters.count_free(given.area.len());
        self.relist(chunk);
        given.area
    }

    /// Notes pages as backed in every attached unit.
    pub(crate) fn populated(&mut self, chunk: ChunkRef, pages: Span<PageCount>) {
        let inside = self.chunks.get_mut(chunk);
        let changed = inside.map.populate(pages);
        if inside.counts_empty() {
            self.totals.empty += changed.empty;
        }
        self.totals.counters.add_populated(changed.pages);
    }

    /// Notes pages, all of them free, as returned.
    pub(crate) fn depopulated(&mut self, chunk: ChunkRef, pages: Span<PageCount>) {
        let inside = self.chunks.get_mut(chunk);
        let changed = inside.map.depopulate(pages);
        if inside.counts_empty() {
            self.totals.empty -= changed.empty;
        }
        self.totals.counters.drop_populated(changed.pages);
    }

    /// Sets a chunk aside for reclaim: off the ordinary lists, its empty pages not counted.
    pub(crate) fn isolate(&mut self, chunk: ChunkRef) {
        let inside = self.chunks.get_mut(chunk);
        if !inside.isolated {
            inside.isolated = true;
            self.totals.empty -= inside.map.nr_empty();
        }
        let to_depopulate = self.lists.slots().to_depopulate;
        self.lists.push_front(chunk, to_depopulate);
    }

    /// Takes a set-aside chunk back into service.
    pub(crate) fn reintegrate(&mut self, chunk: ChunkRef) {
        let inside = self.chunks.get_mut(chunk);
        if inside.isolated {
            inside.isolated = false;
            self.totals.empty += inside.map.nr_empty();
        }
        let slot = self.slot_of(chunk);
        self.lists.push_front(chunk, slot);
    }

    /// The slot that a chunk's longest free run puts it in.
    pub(crate) fn slot_of(&self, chunk: ChunkRef) -> u8 {
        self.lists.slots().of_chunk(self.chunks.get(chunk).map.longest())
    }

    /// Puts a chunk where its longest free run belongs: to the front when it became emptier, to
    /// the back when fuller, nowhere when nothing changed or it is set aside or on no list.
    pub(crate) fn relist(&mut self, chunk: ChunkRef) {
        if self.chunks.get(chunk).isolated {
            return;
        }
        let Some(old) = self.lists.slot_of(chunk) else { return };
        let new = self.slot_of(chunk);
        if new > old {
            self.lists.push_front(chunk, new);
        } else if new < old {
            self.lists.push_back(chunk, new);
        }
    }
}

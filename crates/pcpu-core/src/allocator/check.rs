// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recounts everything that the allocator remembers and compares. For tests and debugging.

use core::fmt;

use pcpu_layout::PageCount;
use pcpu_layout::map::Broken as BrokenMap;
use portable_atomic::Ordering;

use super::{Addressing, Allocator};
use crate::chunk::{ChunkRef, Kind};
use crate::index::{Counters, Index, Totals};
use crate::machine::Machine;

/// An invariant that does not hold: a bug in this crate, or memory overwritten by somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The invariant's name in the module documentation.
    pub invariant: &'static str,
    /// What differs.
    pub what: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

impl core::error::Error for Broken {}

impl From<BrokenMap> for Broken {
    fn from(BrokenMap { invariant, what }: BrokenMap) -> Self {
        Self { invariant, what }
    }
}

fn hold(truth: bool, invariant: &'static str, what: &'static str) -> Result<(), Broken> {
    if truth { Ok(()) } else { Err(Broken { invariant, what }) }
}

/// What a walk over all chunks counts.
#[derive(Default)]
struct Recount {
    chunks: usize,
    areas: usize,
    live: usize,
    granules: u64,
    populated: PageCount,
    empty: PageCount,
}

impl<P: Machine, A: Addressing> Allocator<P, A> {
    /// Recounts every map, list and total, and compares. Slow: reads every bit of every map.
    ///
    /// # Context
    /// Takes both locks. Meant for a quiet allocator: while others are between taking an area and
    /// handing it out, live bits and areas differ.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn check(&self) -> Result<(), Broken> {
        let _pages = self.pages.lock();
        let index = self.index.lock();
        let mut seen = Recount::default();
        if let Some(reserved) = self.reserved {
            hold(index.lists.slot_of(reserved).is_none(), "S1", "the reserved chunk is on a list")?;
            self.check_chunk(&index, reserved, &mut seen)?;
            seen.chunks -= 1;
        }
        for slot in 0..index.lists.slots().count() {
            self.check_list(&index, slot, &mut seen)?;
        }
        hold(self.check_spare(&index), "S1", "a spare record is somewhere else too")?;
        seen.live += self.flags.kept.load(Ordering::Relaxed);
        hold(seen.live == seen.areas, "C2", "live bits and areas differ")?;
        self.check_totals(&index.totals, &seen)
    }

    fn check_list(&self, index: &Index, slot: u8, seen: &mut Recount) -> Result<(), Broken> {
        let slots = index.lists.slots();
        let (mut cursor, mut previous) = (index.lists.front(slot), None);
        while let Some(record) = cursor {
            hold(index.lists.slot_of(record) == Some(slot), "S1", "a chunk names another list")?;
            hold(index.lists.previous(record) == previous, "S1", "a link back")?;
            let aside = slot == slots.sidelined || slot == slots.to_depopulate;
            let chunk = index.chunks.get(record);
            hold(chunk.isolated == aside, "S1", "a set-aside chunk among others")?;
            hold(aside || index.slot_of(record) == slot, "S2", "a chunk in another slot")?;
            self.check_chunk(index, record, seen)?;
            (previous, cursor) = (Some(record), index.lists.next(record));
        }
        Ok(())
    }

    fn check_chunk(
        &self,
        index: &Index,
        record: ChunkRef,
        seen: &mut Recount,
    ) -> Result<(), Broken> {
        let chunk = index.chunks.get(record);
        chunk.map.check()?;
        let face = record.face();
        hold(face.base() == chunk.base.get(), "C1", "a face at another base")?;
        hold(face.nr_live() <= chunk.map.nr_areas(), "C2", "more live bits than areas")?;
        for area in chunk.map.areas_in(chunk.served) {
            let inside = chunk.served.contains(area.start) && area.end <= chunk.served.end;
            hold(inside, "C1", "an area outside the served span")?;
            let found = self.directory.find(face.base().wrapping_add(self.bytes(area.start)));
            hold(found.is_some_and(|found| found.chunk == record), "D2", "an area is not found")?;
            seen.granules += u64::from(area.len().get());
        }
        seen.chunks += 1;
        seen.areas += chunk.map.nr_areas();
        seen.live += face.nr_live();
        if chunk.kind == Kind::Ordinary {
            seen.populated += chunk.map.nr_populated();
        }
        if chunk.counts_empty() {
            seen.empty += chunk.map.nr_empty();
        }
        Ok(())
    }

    fn check_spare(&self, index: &Index) -> bool {
        let mut cursor = index.lists.front(index.lists.slots().spare);
        while let Some(record) = cursor {
            if record.face().base() != 0 || record.face().nr_live() != 0 {
                return false;
            }
            cursor = index.lists.next(record);
        }
        true
    }

    fn check_totals(&self, totals: &Totals, seen: &Recount) -> Result<(), Broken> {
        hold(totals.empty == seen.empty, "A2", "the number of spare pages")?;
        self.check_counters(&totals.counters, seen)
    }

    #[cfg(feature = "statistics")]
    fn check_counters(&self, totals: &Counters, seen: &Recount) -> Result<(), Broken> {
        let cur = (totals.nr_alloc - totals.nr_dealloc) as usize;
        hold(cur == seen.areas, "A2", "the number of areas")?;
        hold(totals.nr_chunks == seen.chunks, "A2", "the number of chunks")?;
        hold(totals.live == seen.granules, "A2", "the bytes in areas")?;
        let populated = seen.populated + self.geometry.nr_boot_pages();
        hold(totals.populated == populated, "A2", "the number of backed pages")?;
        let later = if self.reclaims() { self.attached.len() } else { self.nr_possible() };
        let covered = self.first_chunk_pages() + PageCount::new(seen.populated.get() * later);
        hold(totals.covered == covered, "A2", "the number of covered pages")
    }

    #[cfg(not(feature = "statistics"))]
    #[expect(clippy::unused_self, reason = "as above")]
    fn check_counters(&self, _: &Counters, _: &Recount) -> Result<(), Broken> {
        Ok(())
    }

    #[cfg(feature = "statistics")]
    pub(super) fn nr_possible(&self) -> usize {
        self.geometry.nr_possible() as usize
    }
}

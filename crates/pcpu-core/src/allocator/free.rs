// SPDX-License-Identifier: MIT OR Apache-2.0
//! Free: look up, take the live bit, return to the map, decide on background work.

use core::num::NonZeroUsize;

use pcpu_layout::UnitOffset;
use pcpu_layout::map::GiveError;
use pcpu_platform::{Addr, Event};

use super::{Addressing, Allocator};
use crate::chunk::ChunkRef;
use crate::directory::{Claim, Found};
use crate::index::Index;
use crate::machine::Machine;
use crate::{Cookie, FreeError, FreeRefused};

impl<P: Machine, A: Addressing> Allocator<P, A> {
    /// Frees an area on every CPU. Its memory stays backed until the worker returns it.
    ///
    /// # Context
    /// Never sleeps: takes the *index* lock alone. The check is constant time; the return is
    /// logarithmic in the unit's pages, and linear in the area's own.
    ///
    /// # Errors
    /// [`FreeError`], with the cookie in it, when it names no live area of this allocator: freed
    /// before, inside an area, static, or foreign. Nothing changed then. A cookie that was freed
    /// and whose address was handed out again is live again, and cannot be told from its
    /// successor. While such a stale free runs into a chunk that has just taken a destroyed one's
    /// record, an owner's own free may be refused as not live for that moment: it holds the
    /// cookie again, and the next attempt succeeds.
    ///
    /// # Source
    /// Linux checks nothing here until 2026 (docs/behaviours.md, "Free").
    pub fn free(&self, cookie: Cookie) -> Result<(), FreeError> {
        match self.take_live(cookie.get()) {
            Ok(found) => {
                self.give(found);
                Ok(())
            }
            Err(reason) => Err(FreeError::new(cookie, reason)),
        }
    }

    /// Frees what a number names, as [`free`](Self::free) does; 0 names nothing, and freeing
    /// nothing does nothing.
    ///
    /// # Errors
    /// As for [`free`](Self::free).
    pub fn free_raw(&self, cookie: usize) -> Result<(), FreeError> {
        NonZeroUsize::new(cookie).map_or(Ok(()), |value| self.free(Cookie::from_raw(value)))
    }

    /// Finds the area and takes its live bit: the caller alone may free it now.
    pub(super) fn take_live(&self, cookie: usize) -> Result<Found, FreeRefused> {
        let found = self.directory.find(cookie).ok_or_else(|| self.outside(cookie))?;
        let start = self.bits(found.offset);
        if self.bytes(start) != found.offset {
            return Err(self.not_live(found));
        }
        match found.claim(start) {
            Claim::Won => Ok(found),
            Claim::NotLive => Err(self.not_live(found)),
            Claim::Moved => Err(FreeRefused::Foreign),
        }
    }

    /// Why an address that no chunk serves is refused.
    fn outside(&self, cookie: usize) -> FreeRefused {
        let statics = self.geometry.regions().statics;
        let offset = UnitOffset::new(cookie.wrapping_sub(self.base.get()));
        if statics.contains(offset) { FreeRefused::Static } else { FreeRefused::Foreign }
    }

    /// Why an address that is no granule, or one without a live bit, is refused.
    fn not_live(&self, found: Found) -> FreeRefused {
        let index = self.index.lock();
        let granule = self.bits(found.offset);
        match index.chunks.get(found.chunk).map.area_at(granule) {
            Err(GiveError::Inside) => FreeRefused::Inside,
            Ok(_) if self.bytes(granule) != found.offset => FreeRefused::Inside,
            _ => FreeRefused::NotLive,
        }
    }

    pub(super) fn give(&self, found: Found) {
        let mut index = self.index.lock();
        index.give(found.chunk, self.bits(found.offset));
        let wants_balance = self.after_free(&mut index, found.chunk);
        let base = Addr::new(found.base).expect("a chunk in use has a base");
        self.platform.event(&Event::Free { base, offset: UnitOffset::new(found.offset) });
        drop(index);
        if wants_balance {
            self.want_balance();
        }
    }

    /// Decides whether a chunk became surplus or worth reclaiming.
    fn after_free(&self, index: &mut Index, record: ChunkRef) -> bool {
        let free = index.lists.slots().free;
        if index.lists.slot_of(record) == Some(free) {
            // One completely free chunk is kept; a second is surplus.
            return index.lists.front(free) != Some(record) || index.lists.next(record).is_some();
        }
        let reclaim = self.should_reclaim(index, record);
        if reclaim {
            index.isolate(record);
        }
        reclaim
    }

    /// Whether a chunk's empty pages should be returned: it is set aside already and has some,
    /// or it has at least a quarter of its pages empty and the others have spare enough.
    fn should_reclaim(&self, index: &Index, record: ChunkRef) -> bool {
        if !self.reclaims() {
            return false;
        }
        let chunk = index.chunks.get(record);
        if chunk.is_immutable() {
            return false;
        }
        let empty = chunk.map.nr_empty().get();
        if chunk.isolated {
            return empty > 0;
        }
        let quarter = (chunk.map.nr_pages().get() / 4).max(1);
        let high = self.geometry.config().watermarks.high;
        index.totals.empty.get() > high.saturating_add(empty) && empty >= quarter
    }
}

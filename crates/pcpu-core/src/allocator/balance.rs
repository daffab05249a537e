// SPDX-License-Identifier: MIT OR Apache-2.0
//! Background work: keep one free chunk and a few spare pages, give back the rest.
//!
//! Always in this order, under the *pages* lock:
//!
//! 1. destroy completely free chunks, but one, of which a high mark's worth of pages stays backed;
//! 2. return the empty pages of chunks set aside by frees, one TLB flush a chunk;
//! 3. back spare pages up to the high mark, so that atomic requests find some;
//! 4. destroy free chunks that step 2 made and step 3 did not use.
//!
//! # Source
//! docs/behaviours.md, B57-B62, B66, B67; without Q8, Q9 and Q14.

use pcpu_layout::{PageCount, Span};
use pcpu_platform::{Effort, NoPages};
use portable_atomic::Ordering;

use super::{Addressing, Allocator, PagesState};
use crate::backend::Backend;
use crate::chunk::ChunkRef;
use crate::index::{Index, Slots};
use crate::machine::Machine;

/// Which free chunks a pass destroys, of those behind the first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Surplus {
    All,
    WithoutBackedPages,
}

/// How many spare pages reclaim leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// The high water mark.
    HighMark,
    /// None.
    Nothing,
}

impl<P: Machine, A: Addressing> Allocator<P, A> {
    /// Does all background work there is to do. Any worker may call it, at any time; call it when
    /// the observer hears [`BalanceWanted`](pcpu_platform::Event::BalanceWanted).
    ///
    /// # Context
    /// May sleep; holds the *pages* lock. The *index* lock is held for bounded steps: one look at
    /// a list, one page range.
    pub fn balance(&self) {
        self.flags.balance_wanted.store(false, Ordering::Release);
        let mut pages = self.pages.lock();
        self.destroy_surplus(&mut pages, Surplus::All);
        if !self.reclaims() {
            // Chunks are backed from birth to death: there are no pages to move.
            return self.back_spare_pages(&mut pages);
        }
        self.thin_free_chunk(&mut pages);
        self.reclaim(&mut pages, Keep::HighMark);
        self.back_spare_pages(&mut pages);
        self.destroy_surplus(&mut pages, Surplus::WithoutBackedPages);
    }

    fn destroy_surplus(&self, pages: &mut PagesState<P>, surplus: Surplus) {
        while let Some(chunk) = self.unlink_surplus(surplus) {
            self.destroy_chunk(pages, chunk);
        }
    }

    /// Takes one surplus chunk off the free list.
    fn unlink_surplus(&self, surplus: Surplus) -> Option<ChunkRef> {
        let mut index = self.index.lock();
        let kept = index.lists.front(index.lists.slots().free)?;
        let mut cursor = index.lists.next(kept);
        while let Some(record) = cursor {
            let chunk = index.chunks.get(record);
            let goes = surplus == Surplus::All || chunk.map.nr_empty() == PageCount::ZERO;
            if goes && !chunk.is_immutable() {
                index.lists.unlink(record);
                return Some(record);
            }
            cursor = index.lists.next(record);
        }
        None
    }

    /// Returns pages of the free chunk that is kept, down to the high mark: spare chunks are for
    /// their addresses, spare pages are counted.
    fn thin_free_chunk(&self, pages: &mut PagesState<P>) {
        let mut index = self.index.lock();
        let Some(chunk) = index.lists.front(index.lists.slots().free) else { return };
        let high = self.geometry.config().watermarks.high;
        let surplus = index.chunks.get(chunk).map.nr_populated().get().saturating_sub(high);
        if surplus == 0 || index.chunks.get(chunk).is_immutable() {
            return;
        }
        // Set aside, so that no request takes the pages meanwhile.
        index.isolate(chunk);
        drop(index);
        self.return_pages(pages, chunk, surplus, Keep::Nothing);
        self.index.lock().reintegrate(chunk);
    }

    /// Returns the empty pages of all chunks set aside for it.
    pub(super) fn reclaim(&self, pages: &mut PagesState<P>, keep: Keep) {
        while let Some(chunk) = self.first_to_depopulate() {
            let stopped = self.return_pages(pages, chunk, usize::MAX, keep);
            let mut index = self.index.lock();
            if index.chunks.get(chunk).is_all_free() {
                // Behind the free chunk that is kept, so that it goes.
                index.reintegrate(chunk);
                let free = index.lists.slots().free;
                index.lists.push_back(chunk, free);
            } else if stopped {
                index.reintegrate(chunk);
            } else if index.chunks.get(chunk).map.nr_empty() == PageCount::ZERO {
                let sidelined = index.lists.slots().sidelined;
                index.lists.push_back(chunk, sidelined);
            }
            // Else a free emptied a page since the last look: the chunk stays first in line.
        }
    }

    fn first_to_depopulate(&self) -> Option<ChunkRef> {
        let index = self.index.lock();
        index.lists.front(index.lists.slots().to_depopulate)
    }

    /// Returns at most `most` empty pages of a chunk that is set aside, from its end down, so
    /// that backed pages stay near the beginning. Says whether it stopped because the others ran
    /// short of spare pages.
    ///
    /// One TLB flush covers all that was returned. It is needed: unlike a destroyed chunk's,
    /// these addresses stay in use, and may be backed by other frames soon.
    fn return_pages(
        &self,
        pages: &mut PagesState<P>,
        chunk: ChunkRef,
        mut most: usize,
        keep: Keep,
    ) -> bool {
        let mut end = self.index.lock().chunks.get(chunk).map.nr_pages();
        let mut returned: Option<Span<PageCount>> = None;
        let stopped = loop {
            let index = self.index.lock();
            let Some(empty) = index.chunks.get(chunk).map.last_empty(end) else { break false };
            if keep == Keep::HighMark && self.is_short(&index) {
                break true;
            }
            drop(index);
            let count = empty.len().get().min(most);
            let some = Span::new(empty.end - PageCount::new(count), empty.end);
            if some.is_empty() {
                break false;
            }
            self.depopulate(pages, chunk, some);
            most -= count;
            end = some.start;
            returned = Some(Span::new(some.start, returned.map_or(some.end, |all| all.end)));
        };
        if let Some(returned) = returned {
            P::Backend::flush_after_unmap(&self.site(), self.base_of(chunk), returned);
        }
        stopped
    }

    fn is_short(&self, index: &Index) -> bool {
        index.totals.empty.get() < self.geometry.config().watermarks.high
    }

    /// Backs pages until enough are spare; makes a chunk when all are backed. Gives up at the
    /// first failure: others need the memory more.
    ///
    /// After an atomic request failed, as many pages are backed as it would fill, and a high
    /// mark's worth at least, whatever is spare: then it succeeds the next time (Q10).
    fn back_spare_pages(&self, pages: &mut PagesState<P>) {
        let high = self.geometry.config().watermarks.high;
        let failed = self.flags.atomic_failed.swap(0, Ordering::Relaxed);
        let mut owed = match failed.div_ceil(self.geometry.page_size()) {
            0 => 0,
            filled => filled.max(high),
        };
        loop {
            let index = self.index.lock();
            let (empty, slots) = (index.totals.empty.get(), index.lists.slots());
            drop(index);
            let wanted = high.saturating_sub(empty).max(owed);
            let mut need = wanted;
            if self.reclaims() && self.back_in_slots(pages, slots, &mut need).is_err() {
                return;
            }
            if need == 0 || self.create_chunk(pages).is_err() {
                return;
            }
            // A km chunk comes backed as a whole, and is all that is owed.
            owed = if self.reclaims() { owed.saturating_sub(wanted - need) } else { 0 };
        }
    }

    /// Backs pages of chunks that have unbacked ones, in slots where a page fits.
    fn back_in_slots(
        &self,
        pages: &mut PagesState<P>,
        slots: Slots,
        need: &mut usize,
    ) -> Result<(), NoPages> {
        let page = self.bits(self.geometry.page_size());
        for slot in slots.of_size(page)..=slots.free {
            // Pages of set-aside chunks would not count as spare (Q9).
            if slot != slots.sidelined {
                self.back_in_slot(pages, slot, need)?;
            }
        }
        Ok(())
    }

    /// Backs pages of the first chunk of a slot that has unbacked ones.
    fn back_in_slot(
        &self,
        pages: &mut PagesState<P>,
        slot: u8,
        need: &mut usize,
    ) -> Result<(), NoPages> {
        let Some(chunk) = self.first_with_unbacked(slot) else { return Ok(()) };
        let mut from = PageCount::ZERO;
        while *need > 0 {
            let index = self.index.lock();
            let map = &index.chunks.get(chunk).map;
            let Some(missing) = map.next_unpopulated(Span::new(from, map.nr_pages())) else {
                return Ok(());
            };
            drop(index);
            let count = missing.len().get().min(*need);
            let some = Span::new(missing.start, missing.start + PageCount::new(count));
            self.populate(pages, chunk, some, Effort::Low)?;
            *need -= count;
            from = some.end;
        }
        Ok(())
    }

    fn first_with_unbacked(&self, slot: u8) -> Option<ChunkRef> {
        let index = self.index.lock();
        let mut cursor = index.lists.front(slot);
        while let Some(record) = cursor {
            let map = &index.chunks.get(record).map;
            if map.nr_populated() < map.nr_pages() {
                return Some(record);
            }
            cursor = index.lists.next(record);
        }
        None
    }
}

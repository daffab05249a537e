// SPDX-License-Identifier: MIT OR Apache-2.0
//! Trim: a balance that keeps nothing.

use pcpu_layout::PageCount;
use portable_atomic::Ordering;

use super::balance::Keep;
use super::{Addressing, Allocator};
use crate::chunk::ChunkRef;
use crate::machine::Machine;

impl<P: Machine, A: Addressing> Allocator<P, A> {
    /// Gives back every chunk and every page that nothing uses, spare ones included. With nothing
    /// allocated, chunks and pages are then those of set-up, exactly. The next allocations pay
    /// for it.
    ///
    /// # Context
    /// May sleep; holds the *pages* lock.
    pub fn trim(&self) {
        self.flags.balance_wanted.store(false, Ordering::Release);
        self.flags.atomic_failed.store(0, Ordering::Relaxed);
        let mut pages = self.pages.lock();
        if self.reclaims() {
            self.isolate_all_with_empty_pages();
            self.reclaim(&mut pages, Keep::Nothing);
        }
        while let Some(chunk) = self.unlink_free() {
            self.destroy_chunk(&mut pages, chunk);
        }
        self.reintegrate_all();
    }

    /// Sets aside every chunk from which a page can be returned, so that no request takes it
    /// meanwhile.
    fn isolate_all_with_empty_pages(&self) {
        let count = self.index.lock().lists.slots().count();
        for slot in 0..count {
            let mut index = self.index.lock();
            let mut cursor = index.lists.front(slot);
            while let Some(record) = cursor {
                cursor = index.lists.next(record);
                let chunk = index.chunks.get(record);
                if !chunk.is_immutable() && chunk.map.nr_empty() > PageCount::ZERO {
                    index.isolate(record);
                }
            }
        }
    }

    /// Takes one completely free chunk off the free list.
    fn unlink_free(&self) -> Option<ChunkRef> {
        let mut index = self.index.lock();
        let mut cursor = index.lists.front(index.lists.slots().free);
        while let Some(record) = cursor {
            if !index.chunks.get(record).is_immutable() {
                index.lists.unlink(record);
                return Some(record);
            }
            cursor = index.lists.next(record);
        }
        None
    }

    /// Puts set-aside chunks back into service: nothing is left to return.
    fn reintegrate_all(&self) {
        let mut index = self.index.lock();
        let sidelined = index.lists.slots().sidelined;
        while let Some(chunk) = index.lists.front(sidelined) {
            index.reintegrate(chunk);
        }
    }
}

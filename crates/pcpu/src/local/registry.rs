// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which images a pool has copies of beside its own, readable without a lock.
//!
//! Handles are used in interrupt handlers, which may have interrupted a registration; so a reader
//! never waits. Each slot has a version that is odd while the slot changes. A reader that sees an
//! odd version, or another one afterwards, passes the slot over: an image whose statics may be
//! used is not being changed (that is the promise of who registers it), so it was not that slot.
//!
//! # Invariants
//! - **R1** a slot that a reader accepts holds numbers that were published together.

use core::sync::atomic::{AtomicUsize, Ordering, fence};

use crate::statics::Image;

/// How many images can be registered in a pool at a time, beside its own.
pub(super) const LIMIT: usize = 16;

/// The table. Changed under the pool's lock for registrations.
#[derive(Default)]
pub(super) struct Registry {
    slots: [Slot; LIMIT],
}

/// One image, or none if `len` is 0.
#[derive(Default)]
struct Slot {
    version: AtomicUsize,
    start: AtomicUsize,
    len: AtomicUsize,
    /// The number of the area's cookie.
    base: AtomicUsize,
}

/// What a slot holds.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) base: usize,
}

impl Registry {
    /// Returns what to add a CPU's unit offset to for the copy of a template's value.
    #[inline]
    pub(super) fn find(&self, template: usize) -> Option<usize> {
        self.entries().find_map(|entry| {
            let offset = template.wrapping_sub(entry.start);
            (offset < entry.len).then(|| entry.base.wrapping_add(offset))
        })
    }

    /// Returns a slot that is free. Needs the lock.
    pub(super) fn vacant(&self) -> Option<usize> {
        self.slots.iter().position(|slot| slot.len.load(Ordering::Relaxed) == 0)
    }

    /// Puts an image, which is not empty, in a slot. Needs the lock.
    pub(super) fn publish(&self, slot: usize, image: Image, base: usize) {
        let (start, len) = image.into_parts();
        self.slots[slot].write(Entry { start, len, base });
    }

    /// Empties a slot. Needs the lock.
    pub(super) fn clear(&self, slot: usize) {
        self.slots[slot].write(Entry { start: 0, len: 0, base: 0 });
    }

    /// Lists what is registered. Complete with the lock.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.slots.iter().filter_map(Slot::read)
    }
}

impl Slot {
    #[inline]
    fn read(&self) -> Option<Entry> {
        let before = self.version.load(Ordering::Acquire);
        let start = self.start.load(Ordering::Relaxed);
        let len = self.len.load(Ordering::Relaxed);
        let base = self.base.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        let after = self.version.load(Ordering::Relaxed);
        (len != 0 && before.is_multiple_of(2) && before == after).then_some(Entry {
            start,
            len,
            base,
        })
    }

    fn write(&self, entry: Entry) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        self.start.store(entry.start, Ordering::Relaxed);
        self.len.store(entry.len, Ordering::Relaxed);
        self.base.store(entry.base, Ordering::Relaxed);
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_in_change_is_passed_over_and_others_are_found() {
        let registry = Registry::default();
        registry.slots[0].write(Entry { start: 100, len: 10, base: 1000 });
        registry.slots[1].write(Entry { start: 200, len: 10, base: 2000 });
        assert_eq!(registry.vacant(), Some(2));
        assert_eq!((registry.find(109), registry.find(110)), (Some(1009), None));

        registry.slots[0].version.store(3, Ordering::Relaxed);
        assert_eq!((registry.find(109), registry.find(200)), (None, Some(2000)));
        registry.slots[0].version.store(4, Ordering::Relaxed);
        registry.clear(0);
        assert_eq!((registry.find(109), registry.vacant()), (None, Some(0)));
    }
}

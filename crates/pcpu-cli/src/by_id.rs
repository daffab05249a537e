// SPDX-License-Identifier: MIT OR Apache-2.0
//! What belongs to each ID of a trace.
//!
//! IDs are any 64-bit numbers, but small ones by custom, and looking one up is inside the time
//! that a run measures. So small IDs index an array, and only the others are searched for.

use std::collections::BTreeMap;

use pcpu_trace::Id;

/// IDs below this are kept in the array, which grows to the largest of them.
const SMALL_IDS: Id = 1 << 20;

/// A map from IDs.
pub struct ById<T> {
    small: Vec<Option<T>>,
    others: BTreeMap<Id, T>,
}

impl<T> ById<T> {
    /// Makes an empty map.
    pub fn new() -> Self {
        Self { small: Vec::new(), others: BTreeMap::new() }
    }

    /// Enters what belongs to an ID that has nothing.
    #[inline]
    pub fn put(&mut self, id: Id, value: T) {
        if id >= SMALL_IDS {
            self.others.insert(id, value);
            return;
        }
        let idx = id as usize;
        if idx >= self.small.len() {
            self.small.resize_with((idx + 1).next_power_of_two(), || None);
        }
        self.small[idx] = Some(value);
    }

    /// Takes out what belongs to an ID, if anything does.
    #[inline]
    pub fn take(&mut self, id: Id) -> Option<T> {
        if id >= SMALL_IDS {
            return self.others.remove(&id);
        }
        self.small.get_mut(id as usize)?.take()
    }

    /// Takes out all that is left, in the order of the IDs.
    pub fn drain(&mut self) -> impl Iterator<Item = (Id, T)> {
        let small = std::mem::take(&mut self.small).into_iter().enumerate();
        let small = small.filter_map(|(id, value)| Some((id as Id, value?)));
        small.chain(std::mem::take(&mut self.others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_enormous_ids_are_kept_alike() {
        let mut map = ById::new();
        for id in [0, 7, SMALL_IDS - 1, SMALL_IDS, Id::MAX] {
            map.put(id, id);
            assert_eq!((map.take(id), map.take(id)), (Some(id), None));
        }
    }

    #[test]
    fn what_is_left_comes_out_in_order() {
        let mut map = ById::new();
        for id in [9, Id::MAX, 0] {
            map.put(id, ());
        }
        assert_eq!(map.drain().map(|(id, ())| id).collect::<Vec<_>>(), [0, 9, Id::MAX]);
        assert_eq!(map.drain().count(), 0);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! An allocator's memory as a naive one knows it: areas, and the room between them.

use std::collections::BTreeMap;
use std::ops::Range;

/// Live areas of all chunks: by chunk and offset, their length in bytes.
#[derive(Clone, Debug, Default)]
pub struct Areas(BTreeMap<(i32, usize), usize>);

impl Areas {
    /// Enters an area.
    ///
    /// # Panics
    /// When it overlaps one that lives.
    pub fn take(&mut self, chunk: i32, offset: usize, len: usize) {
        if let Some((&(_, at), &before)) = self.0.range((chunk, 0)..(chunk, offset + len)).last() {
            assert!(
                at + before <= offset,
                "{len} bytes at {offset} overlap {before} bytes at {at}"
            );
        }
        self.0.insert((chunk, offset), len);
    }

    /// Removes the area that starts there, which lives.
    pub fn give(&mut self, chunk: i32, offset: usize) {
        self.0.remove(&(chunk, offset)).expect("a live area starts there");
    }

    /// Number of areas, and their bytes.
    pub fn totals(&self) -> (u64, u64) {
        (self.0.len() as u64, self.0.values().map(|&len| len as u64).sum())
    }

    /// Areas of one chunk in ascending order.
    pub fn of(&self, chunk: i32) -> impl Iterator<Item = Range<usize>> + '_ {
        self.0.range((chunk, 0)..(chunk, usize::MAX)).map(|(&(_, at), &len)| at..at + len)
    }

    /// The lowest place in `room` for a request, by looking at every gap.
    pub fn fit(&self, chunk: i32, room: Range<usize>, size: usize, align: usize) -> Option<usize> {
        let (size, align) = (size.next_multiple_of(4), align.max(4));
        let mut from = room.start;
        let end = room.end..room.end;
        for area in self.of(chunk).filter(|area| area.start >= room.start).chain([end]) {
            let start = from.next_multiple_of(align);
            if start + size <= area.start.min(room.end) {
                return Some(start);
            }
            from = area.end;
        }
        None
    }
}

/// A small random generator (xorshift, G. Marsaglia 2003), the same on every machine.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number of the range.
    pub fn of(&mut self, range: Range<usize>) -> usize {
        range.start + (self.next() >> 11) as usize % range.len()
    }
}

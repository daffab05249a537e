// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the copies are, by index; 0 where there is none, 1 where somebody has it for himself.
//!
//! ```text
//!   -4   -3   -2   -1    0    1    2    3   ...
//!  │ 0 │stray│ 0 │ 0 │unit│ 0  │unit│unit│ ...     an entry: the unit's offset, top bit set
//!          │    └──┴─ what an area says of a thread that is not registered
//!          └─ the copy of threads that cannot be registered
//! ```
//!
//! A sequence reads an entry by the number that the kernel wrote, without looking at it first. So
//! there are as many entries as the kernel has CPU numbers, asked of the kernel itself
//! ([`nr_indexes`](super::nr_indexes)): files may be made up, by a container say.
//!
//! # Invariants
//! - **T1** entries -4, -2 and -1 are 0 for ever.
//! - **T2** an entry is set only when its copy is there, and stays set until whoever clears it has
//!   fenced.
//! - **T3** a closed entry is opened by whoever closed it, and by nobody else: one who found no copy
//!   a moment before, and provides it late, changes nothing.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Which copy: a number by which the kernel knows a CPU, a concurrency id or a node, or the copy of
/// threads without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(i32);

impl Index {
    /// The copy of threads that cannot be registered while others are. They change it atomically.
    pub const STRAY: Self = Self(-3);

    /// Makes an index of the kernel's number.
    ///
    /// # Panics
    /// When it is above `i32::MAX`, which no kernel has.
    pub const fn new(number: u32) -> Self {
        assert!(number <= i32::MAX as u32, "no kernel counts that far");
        Self(number as i32)
    }

    /// Returns the kernel's number, or `None` for [`STRAY`](Self::STRAY).
    pub const fn get(self) -> Option<u32> {
        if self.0 < 0 { None } else { Some(self.0 as u32) }
    }
}

/// Entries before entry 0.
const BEFORE: usize = 4;

/// Set in the entry of a copy that is there; clear in every address of a program.
pub(super) const PRESENT: usize = 1 << (usize::BITS - 1);

/// The entry of a copy that is there, and closed. Like 0 it has no [`PRESENT`], and to sequences it
/// is the same.
const CLOSED: usize = 1;

/// The units of a pool's copies, or of one area's.
pub struct Table {
    entries: Box<[AtomicUsize]>,
}

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// There is no copy yet.
    Absent,
    /// Somebody has the copy for himself.
    Closed,
    /// There is one, in the unit at this offset.
    Present(usize),
}

impl Table {
    /// Makes a table without any copy. Decides the process's [mode](super::mode()) if that was not
    /// done: there are no operations without a table, and none may come before the decision.
    pub fn new() -> Self {
        super::copies::prepare();
        let nr_entries = BEFORE + super::nr_indexes();
        Self { entries: (0..nr_entries).map(|_| AtomicUsize::new(0)).collect() }
    }

    /// Returns the offset of the unit that holds a copy.
    #[inline]
    pub fn get(&self, index: Index) -> Option<usize> {
        match self.look(index) {
            Entry::Present(unit) => Some(unit),
            Entry::Absent | Entry::Closed => None,
        }
    }

    /// What an entry says at this moment, all at once.
    #[inline]
    pub(super) fn look(&self, index: Index) -> Entry {
        let entry = self.entry(index).map_or(0, |entry| entry.load(Ordering::Acquire));
        match entry {
            0 => Entry::Absent,
            CLOSED => Entry::Closed,
            unit => Entry::Present(unit ^ PRESENT),
        }
    }

    /// Says that there is a copy, in the unit at `offset`, which is less than `isize::MAX`. One that
    /// somebody has closed stays closed.
    ///
    /// # Panics
    /// When the index is beyond the kernel's, or the offset too large.
    pub fn set(&self, index: Index, offset: usize) {
        assert!(offset & PRESENT == 0, "a unit's offset is too large");
        let entry = self.entry(index).expect("no CPU, concurrency id or node has such a number");
        let set = |now| (now != CLOSED).then_some(offset | PRESENT);
        // Refused where it is closed.
        let _ = entry.fetch_update(Ordering::Release, Ordering::Relaxed, set);
    }

    /// Says that there is none. Sequences that read the entry before may still be at work:
    /// [`fence`](super::fence()).
    pub fn clear(&self, index: Index) {
        if let Some(entry) = self.entry(index) {
            entry.store(0, Ordering::SeqCst);
        }
    }

    /// Closes the copy of `index`, and returns its unit; `None` if there is no copy, or it is closed
    /// already. Sequences that read the entry before may still be at work.
    pub(super) fn close(&self, index: Index) -> Option<usize> {
        let entry = self.entry(index)?;
        let close = |now| (now & PRESENT != 0).then_some(CLOSED);
        let before = entry.fetch_update(Ordering::SeqCst, Ordering::Relaxed, close).ok()?;
        Some(before ^ PRESENT)
    }

    /// Opens the copy that the caller has closed, in the unit that it was told then.
    pub(super) fn open(&self, index: Index, unit: usize) {
        let entry = self.entry(index).expect("an entry that was closed");
        entry.store(unit | PRESENT, Ordering::Release);
    }

    /// Lists the copies that are there with their units' offsets, in ascending order of numbers, the
    /// strays' last.
    pub fn present(&self) -> impl Iterator<Item = (Index, usize)> + '_ {
        let numbers = 0..(self.entries.len() - BEFORE) as u32;
        let indexes = numbers.map(Index::new).chain([Index::STRAY]);
        indexes.filter_map(|index| Some((index, self.get(index)?)))
    }

    fn entry(&self, index: Index) -> Option<&AtomicUsize> {
        self.entries.get(BEFORE.checked_add_signed(index.0 as isize)?)
    }

    /// Entry 0, for sequences.
    #[inline]
    pub(super) fn origin(&self) -> &AtomicUsize {
        &self.entries[BEFORE]
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.present().map(|(index, _)| index)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_there_from_when_it_is_set_to_when_it_is_cleared() {
        let table = Table::new();
        assert_eq!(table.present().count(), 0);
        table.set(Index::STRAY, 0x3000);
        table.set(Index::new(1), 0);
        table.set(Index::new(0), 0x1000);
        let all = [(Index::new(0), 0x1000), (Index::new(1), 0), (Index::STRAY, 0x3000)];
        assert!(table.present().eq(all));
        table.clear(Index::new(0));
        assert_eq!((table.get(Index::new(0)), table.get(Index::new(1))), (None, Some(0)));
    }

    #[test]
    fn a_closed_copy_is_opened_by_who_closed_it_alone() {
        let table = Table::new();
        let index = Index::new(0);
        assert_eq!(table.close(index), None);
        table.set(index, 0x1000);
        assert_eq!(table.close(index), Some(0x1000));
        assert_eq!((table.get(index), table.close(index)), (None, None));
        table.set(index, 0x1000);
        assert_eq!(table.get(index), None);
        table.open(index, 0x1000);
        assert_eq!(table.get(index), Some(0x1000));
    }

    #[test]
    fn a_table_is_made_after_the_decision() {
        let _table = Table::new();
        assert!(super::super::mode::decided().is_some());
    }

    #[test]
    fn numbers_beyond_the_kernel_s_have_no_copy() {
        let table = Table::new();
        let last = super::super::nr_indexes() as u32;
        assert_eq!(table.get(Index::new(last)), None);
        table.set(Index::new(last - 1), 8);
        assert_eq!(table.get(Index::new(last - 1)), Some(8));
    }

    #[test]
    fn what_unregistered_threads_read_is_no_copy() {
        let table = Table::new();
        for index in [Index(-1), Index(-2), Index(-4)] {
            assert_eq!(table.get(index), None);
        }
        assert_eq!(table.get(Index(-5)), None);
    }
}

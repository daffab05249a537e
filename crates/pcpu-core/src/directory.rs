// SPDX-License-Identifier: MIT OR Apache-2.0
//! From an address to its chunk, without a lock and without a look at the area.
//!
//! Every chunk has one range of addresses in the unit at offset 0, all of the same length at
//! most, so addresses are cut into windows of that length (rounded up to a power of two) and a
//! hash table maps windows to chunks. A range touches one or two windows; a window is touched by
//! at most three later chunks and the two of boot time.
//!
//! ```text
//!  window ──hash──► bucket of 8 entries ──► record ── base, served span ──► is it in there?
//! ```
//!
//! A look-up reads one bucket, whatever the table's state: entries never move, a removal clears
//! its entry in place, and a bucket that would overflow makes a table twice as large, published
//! whole. Old tables stay until the allocator is dropped: a reader may be in one. Together they
//! are smaller than the current one.
//!
//! # Invariants
//! - **D1** entries of every table are null or records of this allocator, which outlive it (C3).
//! - **D2** the current table holds every chunk in use; only the holder of the *pages* lock writes.
//!
//! See docs/decisions/0005-directory.md.

use core::alloc::Layout;
use core::array;
use core::ptr::{self, NonNull};

use pcpu_layout::Bits;
use pcpu_platform::{Metadata, NoMetadata};

use crate::chunk::{ChunkRecord, ChunkRef};
use crate::sync::{AtomicPtr, Ordering};

/// Entries of a bucket: one cache line of pointers.
const BUCKET: usize = 8;

/// Header of a table; its buckets follow in memory.
struct Table {
    /// Buckets, a power of two.
    nr_buckets: usize,
    buckets: NonNull<[AtomicPtr<ChunkRecord>; BUCKET]>,
    layout: Layout,
    older: *mut Table,
}

/// The directory of one allocator.
#[derive(Debug)]
pub(crate) struct Directory {
    current: AtomicPtr<Table>,
    window_shift: u32,
}

/// What a look-up found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub chunk: ChunkRef,
    /// The base that the record had when it was read.
    pub base: usize,
    /// Byte offset from it.
    pub offset: usize,
}

/// What came of an attempt to take an area's live bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is taken: the caller alone may free the area.
    Won,
    /// It is not set: nothing that was handed out starts there.
    NotLive,
    /// It belongs to another chunk, whose record this became since the look-up; it is back.
    Moved,
}

impl Found {
    /// Takes the live bit of the area that starts at `granule`, the first lock-free step of a
    /// free: of any number of claims of one handed-out area one wins.
    pub(crate) fn claim(&self, granule: Bits) -> Claim {
        let face = self.chunk.face();
        if !face.take_live(granule) {
            return Claim::NotLive;
        }
        // Taking the bit acquired what its setter knew, so this is the base of the bit's chunk.
        if face.base() != self.base {
            face.set_live(granule);
            return Claim::Moved;
        }
        Claim::Won
    }
}

impl Directory {
    /// Makes a directory for chunks whose ranges are at most `longest` bytes.
    pub(crate) fn new(platform: &impl Metadata, longest: usize) -> Result<Self, NoMetadata> {
        let window_shift = longest.next_power_of_two().trailing_zeros();
        let first = Table::new(platform, 1, ptr::null_mut())?;
        Ok(Self { current: AtomicPtr::new(first.as_ptr()), window_shift })
    }

    /// Finds the chunk that serves `address`.
    #[inline]
    pub(crate) fn find(&self, address: usize) -> Option<Found> {
        let bucket = self.table().bucket(address >> self.window_shift);
        bucket.iter().find_map(|entry| {
            // SAFETY: D1.
            let chunk = unsafe { ChunkRef::from_ptr(entry.load(Ordering::Acquire)) }?;
            let base = chunk.face().base();
            let offset = chunk.face().offset_of(base, address)?;
            Some(Found { chunk, base, offset })
        })
    }

    /// Enters a chunk, whose base is set. Needs the *pages* lock, or nobody else knowing the
    /// directory (D2).
    ///
    /// # Errors
    /// [`NoMetadata`] when the table would have to grow and could not; nothing is entered then.
    pub(crate) fn insert(
        &self,
        platform: &impl Metadata,
        chunk: ChunkRef,
    ) -> Result<(), NoMetadata> {
        while !self.enter_all(self.table(), chunk) {
            self.remove(chunk);
            self.grow(platform)?;
        }
        Ok(())
    }

    /// Removes a chunk, whose base is still set. Needs the *pages* lock (D2).
    pub(crate) fn remove(&self, chunk: ChunkRef) {
        for window in self.windows(chunk) {
            for entry in self.table().bucket(window) {
                if entry.load(Ordering::Relaxed) == chunk.as_ptr() {
                    entry.store(ptr::null_mut(), Ordering::Release);
                }
            }
        }
    }

    /// Gives all tables back.
    ///
    /// # Safety
    /// `platform` lent them, and the directory is not used any more.
    pub(crate) unsafe fn give(&self, platform: &impl Metadata) {
        let mut table = self.current.load(Ordering::Relaxed);
        while let Some(at) = NonNull::new(table) {
            // SAFETY: alive until it is given back below; initialised by `Table::new`.
            let Table { older, layout, .. } = *unsafe { at.as_ref() };
            // SAFETY: lent with this layout, unused by the caller's promise.
            unsafe { platform.give_metadata(at.cast(), layout) };
            table = older;
        }
    }

    /// The first and the last window of a chunk's range.
    fn windows(&self, chunk: ChunkRef) -> [usize; 2] {
        let face = chunk.face();
        let (base, served) = (face.base(), face.served());
        [served.start, served.end - 1].map(|at| base.wrapping_add(at) >> self.window_shift)
    }

    #[inline]
    fn table(&self) -> &Table {
        // SAFETY: tables are published whole (Release in `grow`, or before anybody else knew the
        // directory), never changed after, and live until `give`.
        unsafe { &*self.current.load(Ordering::Acquire) }
    }

    /// Enters a chunk under a window, or says that the bucket is full.
    fn enter(&self, table: &Table, window: usize, chunk: ChunkRef) -> bool {
        let bucket = table.bucket(window);
        let holds = |wanted: *mut ChunkRecord| {
            bucket.iter().find(|entry| entry.load(Ordering::Relaxed) == wanted)
        };
        // Both windows of a range may hash alike: once is enough.
        if holds(chunk.as_ptr()).is_some() {
            return true;
        }
        let Some(vacant) = holds(ptr::null_mut()) else { return false };
        vacant.store(chunk.as_ptr(), Ordering::Release);
        true
    }

    /// Publishes a table of at least twice the size with the same chunks.
    fn grow(&self, platform: &impl Metadata) -> Result<(), NoMetadata> {
        let mut nr_buckets = self.table().nr_buckets;
        loop {
            nr_buckets *= 2;
            let older = self.current.load(Ordering::Relaxed);
            let table = Table::new(platform, nr_buckets, older)?;
            // SAFETY: made on the line above, and ours alone until it is published.
            let fresh = unsafe { table.as_ref() };
            if self.table().entries().all(|chunk| self.enter_all(fresh, chunk)) {
                self.current.store(table.as_ptr(), Ordering::Release);
                return Ok(());
            }
            // Some bucket overflowed again: this size will not do.
            let layout = fresh.layout;
            // SAFETY: lent with this layout in `Table::new`, never published.
            unsafe { platform.give_metadata(table.cast(), layout) };
        }
    }

    fn enter_all(&self, table: &Table, chunk: ChunkRef) -> bool {
        self.windows(chunk).into_iter().all(|window| self.enter(table, window, chunk))
    }
}

impl Table {
    fn new(
        platform: &impl Metadata,
        nr_buckets: usize,
        older: *mut Self,
    ) -> Result<NonNull<Self>, NoMetadata> {
        let array = Layout::array::<[AtomicPtr<ChunkRecord>; BUCKET]>(nr_buckets);
        let (layout, at) =
            Layout::new::<Self>().extend(array.map_err(|_| NoMetadata)?).map_err(|_| NoMetadata)?;
        let loan = platform.take_metadata(layout)?;
        // SAFETY: `at` lies inside the loan.
        let buckets = unsafe { loan.add(at) }.cast::<[AtomicPtr<ChunkRecord>; BUCKET]>();
        for index in 0..nr_buckets {
            let empty = array::from_fn(|_| AtomicPtr::new(ptr::null_mut()));
            // SAFETY: the loan covers `nr_buckets` of them from `at`.
            let bucket = unsafe { buckets.add(index) };
            // SAFETY: inside the loan and aligned by its layout; nobody else knows it.
            unsafe { bucket.write(empty) };
        }
        let table = loan.cast::<Self>();
        // SAFETY: the header is the loan's first part.
        unsafe { table.write(Self { nr_buckets, buckets, layout, older }) };
        Ok(table)
    }

    #[inline]
    fn bucket(&self, window: usize) -> &[AtomicPtr<ChunkRecord>; BUCKET] {
        // Fibonacci hashing: neighbouring windows, the common case, go to different buckets.
        const GOLDEN: usize = (0x9e37_79b9_7f4a_7c15_u64 >> (64 - usize::BITS)) as usize;
        let hash = window.wrapping_mul(GOLDEN) >> (usize::BITS / 2);
        self.nth(hash & (self.nr_buckets - 1))
    }

    /// The bucket of an index below `nr_buckets`.
    #[inline]
    fn nth(&self, index: usize) -> &[AtomicPtr<ChunkRecord>; BUCKET] {
        debug_assert!(index < self.nr_buckets);
        // SAFETY: callers stay below `nr_buckets` (a mask of a power of two, or a range), and so
        // many buckets lie in the loan.
        let bucket = unsafe { self.buckets.add(index) };
        // SAFETY: initialised by `new`, alive as long as the table; made of atomics, so shared.
        unsafe { bucket.as_ref() }
    }

    /// Every chunk entered, some twice.
    fn entries(&self) -> impl Iterator<Item = ChunkRef> + '_ {
        let entries = (0..self.nr_buckets).flat_map(|index| self.nth(index));
        // SAFETY: D1.
        entries.filter_map(|entry| unsafe { ChunkRef::from_ptr(entry.load(Ordering::Relaxed)) })
    }
}

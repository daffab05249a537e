// SPDX-License-Identifier: MIT OR Apache-2.0
//! An area with a copy for every number that the kernel may give, without an allocator.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
pub mod storm;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use pcpu_linux::local::{Copies, Cpu, Index, NotProvided, Provide, Table, nr_indexes};
use pcpu_platform::Addr;

/// Bytes from one copy to the next.
const UNIT: usize = 8192;

/// Copies of some bytes, for all indexes and for strays.
pub struct Area {
    memory: Box<[AtomicU64]>,
    base: usize,
    table: Table,
    size: usize,
    /// Bytes of what was written last.
    width: AtomicUsize,
}

/// All copies are there already.
pub struct Everywhere;

impl Provide for Everywhere {
    fn provide(&self, index: Index) -> Result<(), NotProvided> {
        panic!("a copy of {index:?} is missing");
    }
}

impl Area {
    /// Makes copies of `size` bytes, zeros.
    pub fn new(size: usize) -> Self {
        assert!(size <= UNIT);
        Copies::<Cpu>::prepare();
        let nr_copies = nr_indexes() + 1;
        let memory: Box<[_]> = (0..nr_copies * UNIT / 8).map(|_| AtomicU64::new(0)).collect();
        let base = memory.as_ptr().expose_provenance();
        let table = Table::new();
        for number in 0..nr_indexes() {
            table.set(Index::new(number as u32), number * UNIT);
        }
        table.set(Index::STRAY, nr_indexes() * UNIT);
        Self { memory, base, table, size, width: AtomicUsize::new(0) }
    }

    pub fn table(&self) -> &Table {
        &self.table
    }

    pub fn address(&self, offset: usize) -> Addr {
        Addr::new(self.base + offset).unwrap()
    }

    /// The offset of a copy's unit.
    pub fn unit(&self, index: Index) -> usize {
        index.get().map_or(nr_indexes(), |number| number as usize) * UNIT
    }

    fn bytes(&self, copy: usize, offset: usize) -> *mut u8 {
        std::ptr::with_exposed_provenance_mut(self.base + copy * UNIT + offset)
    }

    fn nr_copies(&self) -> usize {
        self.memory.len() * 8 / UNIT
    }

    /// Fills every copy.
    pub fn fill(&self, byte: u8) {
        for copy in 0..self.nr_copies() {
            // SAFETY: a copy's bytes; the test is not at work on them.
            unsafe { self.bytes(copy, 0).write_bytes(byte, self.size) };
        }
    }

    /// Writes bytes to every copy.
    pub fn write_all(&self, offset: usize, bytes: &[u8]) {
        self.width.store(bytes.len(), Ordering::Relaxed);
        for copy in 0..self.nr_copies() {
            // SAFETY: a copy's bytes; the test is not at work on them.
            unsafe { self.bytes(copy, offset).copy_from(bytes.as_ptr(), bytes.len()) };
        }
    }

    /// The words of the copies that differ from `before`, in the width that was written; `before`
    /// itself if none does.
    pub fn changed(&self, offset: usize, before: u128) -> Vec<u128> {
        let width = self.width.load(Ordering::Relaxed);
        let words = (0..self.nr_copies()).map(|copy| {
            let mut bytes = [0; 16];
            // SAFETY: a copy's bytes; the test is not at work on them.
            unsafe { self.bytes(copy, offset).copy_to(bytes.as_mut_ptr(), width) };
            u128::from_le_bytes(bytes)
        });
        let changed: Vec<_> = words.filter(|&word| word != before).collect();
        if changed.is_empty() { vec![before] } else { changed }
    }

    /// Asserts that all other bytes of every copy are as they were filled.
    pub fn assert_filled_but(&self, byte: u8, but: Range<usize>) {
        for copy in 0..self.nr_copies() {
            for at in (0..self.size).filter(|at| !but.contains(at)) {
                // SAFETY: a copy's bytes; the test is not at work on them.
                assert_eq!(unsafe { self.bytes(copy, at).read() }, byte, "byte {at}");
            }
        }
    }

    /// The `u64` at `offset` of each copy.
    pub fn words(&self, offset: usize) -> impl Iterator<Item = u64> + '_ {
        (0..self.nr_copies())
            .map(move |copy| self.memory[(copy * UNIT + offset) / 8].load(Ordering::Relaxed))
    }

    /// Their sum.
    pub fn sum(&self, offset: usize) -> u64 {
        self.words(offset).fold(0, u64::wrapping_add)
    }
}

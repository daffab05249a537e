// SPDX-License-Identifier: MIT OR Apache-2.0
//! The copies that one combination works on: one of zeros for every index.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::AtomicU64;
use std::thread;

use pcpu_linux::local::{Index, NotProvided, Provide, Table, nr_indexes};
use pcpu_platform::Addr;

use crate::local_common::Area;

pub struct Ground {
    base: usize,
    area: Area,
}

impl Ground {
    pub fn new() -> Self {
        let area = Area::new(512);
        Self { base: area.address(0).get(), area }
    }

    pub fn address(&self, offset: usize) -> Addr {
        self.area.address(offset)
    }

    pub fn table(&self) -> &Table {
        self.area.table()
    }

    /// The address of a byte of a copy.
    pub fn at(&self, index: Index, offset: usize) -> Addr {
        let unit = self.area.unit(index);
        Addr::new(self.base + unit + offset).expect("an address")
    }

    /// The word at an address.
    #[expect(clippy::unused_self, reason = "the words are the ground's, and live as long")]
    pub fn word(&self, address: Addr) -> &AtomicU64 {
        // SAFETY: an address that `at` or the table says, of words that are atomic.
        unsafe { AtomicU64::from_ptr(ptr::with_exposed_provenance_mut(address.get())) }
    }

    /// All that the kernel may give, and the strays'.
    pub fn indexes() -> impl Iterator<Item = Index> {
        (0..nr_indexes() as u32).map(Index::new).chain([Index::STRAY])
    }

    /// Those that matter to a closer, and one more.
    pub fn indexes_in_use() -> impl Iterator<Item = Index> {
        let number = thread::available_parallelism().map_or(1, usize::from) as u32 + 1;
        Self::indexes().filter(move |index| index.get().is_none_or(|it| it < number))
    }
}

/// As an allocator would: whoever finds that a copy is missing makes it and sets its entry, and may
/// be late with that.
impl Provide for Ground {
    fn provide(&self, index: Index) -> Result<(), NotProvided> {
        thread::yield_now();
        if self.table().get(index).is_none() {
            thread::yield_now();
            self.table().set(index, self.area.unit(index));
        }
        Ok(())
    }
}

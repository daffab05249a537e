// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose copies are there, and how one comes to be: at once where zeros will do, else by the
//! constructor, when the copy is wanted first.
#![allow(unsafe_code)]

use core::ptr;
use std::boxed::Box;
use std::sync::Arc;

use pcpu_layout::CpuId;
use pcpu_linux::local::{By, Copies, Index, NotProvided, Provide, Table};
use pcpu_platform::Addr;

use super::chain;
use super::home::Home;

/// Makes a CPU's value.
pub(super) type Constructor<T> = dyn Fn(CpuId) -> T + Send + Sync;

/// What an area's copies depend on.
pub(super) struct Owner<T> {
    pub(super) home: Arc<Home>,
    /// The address of the area in the unit at offset 0.
    area: Addr,
    /// `None`: zeros are a value, and every CPU of the pool has a copy. Not in a `Box`, which would say
    /// when it is moved that nobody else refers to its content.
    made: Option<Arc<Made<T>>>,
}

/// Copies that are constructed one by one.
struct Made<T> {
    /// Those that are.
    table: Table,
    constructor: Box<Constructor<T>>,
}

impl<T> Owner<T> {
    /// Of an area whose zeros are values.
    pub(super) fn zeroed(home: Arc<Home>, area: Addr) -> Self {
        Self { home, area, made: None }
    }

    /// Of an area that is constructed copy by copy.
    pub(super) fn constructed(
        home: Arc<Home>,
        area: Addr,
        constructor: Box<Constructor<T>>,
    ) -> Self {
        let made = Made { table: Table::new(), constructor };
        Self { home, area, made: Some(Arc::new(made)) }
    }

    /// Where the copies are, without saying how long: for who keeps that and the owner together.
    ///
    /// # Safety
    /// What is returned is not used when the owner is gone. It may be moved meanwhile.
    pub(super) unsafe fn lasting_copies<B: By>(&self) -> Copies<'static, B> {
        let table: *const Table = self.table();
        // SAFETY: the table stays where it is as long as the owner lives, wherever that is moved to,
        // and is changed through shared references only; the rest is the caller's promise.
        Copies::new(self.area, unsafe { &*table })
    }

    /// The table of copies that are there. It stays where it is as long as the owner lives,
    /// wherever that is moved to.
    pub(super) fn table(&self) -> &Table {
        self.made.as_ref().map_or(&self.home.table, |made| &made.table)
    }

    /// The copy of `index`, if it is there: initialised, and as long as the owner lives.
    pub(super) fn copy(&self, index: Index) -> Option<*mut T> {
        Some(self.in_unit(self.table().get(index)?))
    }

    /// The copies that are there.
    pub(super) fn copies(&self) -> impl Iterator<Item = (CpuId, Index, *mut T)> + '_ {
        let table = self.table();
        self.home.indexes().filter_map(move |index| {
            Some((self.home.cpu_of(index)?, index, self.in_unit(table.get(index)?)))
        })
    }

    /// The copy, unless a thread that a fork left behind was changing it.
    pub(super) fn whole_copy(&self, index: Index) -> Option<*mut T> {
        self.copy(index).filter(|_| !self.home.is_lost(index))
    }

    /// The copies of which that can be said.
    pub(super) fn whole_copies(&self) -> impl Iterator<Item = (CpuId, Index, *mut T)> + '_ {
        self.copies().filter(|&(_, index, _)| !self.home.is_lost(index))
    }

    fn in_unit(&self, unit: usize) -> *mut T {
        ptr::with_exposed_provenance_mut(self.area.offset(unit).get())
    }

    /// Returns the copy of an index whose CPU is attached, and constructs it if need be.
    ///
    /// # Panics
    /// When the constructor wants the value that it constructs, or panics itself.
    pub(super) fn copy_made(&self, index: Index) -> *mut T {
        if self.copy(index).is_none() {
            let provided = self.provide(index);
            assert!(provided.is_ok(), "{}", OWN_USE);
        }
        self.copy(index).expect("provided above")
    }
}

impl<T> Provide for Owner<T> {
    fn provide(&self, index: Index) -> Result<(), NotProvided> {
        self.home.provide(index)?;
        match &self.made {
            None => Ok(()),
            Some(made) => self.construct(made, index),
        }
    }
}

impl<T> Owner<T> {
    /// Constructs the copy of an attached CPU, unless it is there. Under the lock of that CPU's copies,
    /// as everything that is done to a whole copy: so one at a time, and in one order.
    fn construct(&self, made: &Made<T>, index: Index) -> Result<(), NotProvided> {
        let key = ptr::from_ref(made).addr();
        if chain::is_at(key, index) {
            // By `this_cpu`, there is another copy to go to. Not for ever.
            assert!(index != Index::STRAY, "{}", OWN_USE);
            return Err(NotProvided::Refused);
        }
        let (cpu, unit) = (self.home.cpu_of(index), self.home.table.get(index));
        let (Some(cpu), Some(unit)) = (cpu, unit) else { return Err(NotProvided::Refused) };
        let done = self.home.on_to_construct(index, || {
            if made.table.get(index).is_some() {
                return;
            }
            // A panic leaves the copy as it was: not there.
            let value = chain::within(key, index, || (made.constructor)(cpu));
            // SAFETY: the area is as large and aligned as a `T` needs; its copy on this CPU is
            // backed (H1), and nobody's: it is not in the table, and only who has its lock, and is not
            // constructing it already, puts it there.
            unsafe { self.in_unit(unit).write(value) };
            made.table.set(index, unit);
        });
        done.ok_or(NotProvided::Refused)
    }
}

/// What a constructor did.
const OWN_USE: &str = "the constructor of a per-CPU value uses that value";

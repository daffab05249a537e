// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations on words: the running CPU's copy is read, changed, exchanged.
//!
//! Each is the same three lines: try the sequence; if there was no copy, find out why, out of line;
//! then the sequence again, or the atomic instruction of the same meaning.
#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pcpu_layout::IndexBy;
use pcpu_platform::{Addr, Word};

use super::arch::{Absent, At, Field, Native, Sequences};
use super::by::By;
use super::hop::Hop;
use super::table::{Index, PRESENT, Table};
use super::way::{Provide, Way, way};
use super::{atomics, mode};

/// Whether threads have concurrency ids.
static HAS_CONCURRENCY_IDS: AtomicBool = AtomicBool::new(false);

/// As decided with the mode.
#[inline]
pub(super) fn has_concurrency_ids() -> bool {
    HAS_CONCURRENCY_IDS.load(Ordering::Relaxed)
}

/// Decides the mode. Threads have concurrency ids from then on, where they have them.
pub(super) fn prepare() {
    let has_ids = matches!(mode(), super::Mode::Sequences(it) if it.has_concurrency_ids());
    HAS_CONCURRENCY_IDS.store(has_ids, Ordering::Relaxed);
}

/// Where the copies of one area are.
///
/// In front what sequences use: the address that the area has in the unit at offset 0, and entry 0
/// of the table of units.
///
/// Pointers, and not the references that they were made of: whoever keeps a table and copies together
/// may be moved, and may be dropped by value.
#[derive(Debug)]
pub struct Copies<'t, B> {
    /// The address, with the top bit set.
    biased: usize,
    origin: *const AtomicUsize,
    table: *const Table,
    borrow: PhantomData<&'t Table>,
    by: PhantomData<fn() -> B>,
}

// SAFETY: as good as a `&Table`, and `Table: Sync`.
unsafe impl<B> Send for Copies<'_, B> {}
// SAFETY: likewise.
unsafe impl<B> Sync for Copies<'_, B> {}

impl<B> Clone for Copies<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Copies<'_, B> {}

impl<'t, B: By> Copies<'t, B> {
    /// Names the copies of the area at `area`, in the units of `table`.
    #[inline]
    pub fn new(area: Addr, table: &'t Table) -> Self {
        let (biased, origin) = (area.get() | PRESENT, ptr::from_ref(table.origin()));
        Self { biased, origin, table, borrow: PhantomData, by: PhantomData }
    }

    /// Decides the process's [mode](super::mode()), as the first table does.
    pub fn prepare() {
        prepare();
    }

    /// Names the copies of what lies `bytes` further on in the area.
    #[inline]
    #[must_use]
    pub fn shifted(self, bytes: usize) -> Self {
        Self { biased: self.biased + bytes, ..self }
    }

    /// # Safety
    /// Both are those of copies that are there as long as `'t`.
    unsafe fn from_parts(biased: usize, table: *const Table) -> Self {
        // SAFETY: the caller's contract.
        let origin = ptr::from_ref(unsafe { &*table }.origin());
        Self { biased, origin, table, borrow: PhantomData, by: PhantomData }
    }

    /// Returns the address of a copy that is there.
    #[inline]
    pub fn address(self, index: Index) -> Option<Addr> {
        Addr::new(self.in_unit(self.table().get(index)?))
    }

    /// Returns the table.
    pub const fn table(self) -> &'t Table {
        // SAFETY: made of such a reference.
        unsafe { &*self.table }
    }

    #[inline]
    fn in_unit(self, offset: usize) -> usize {
        (self.biased ^ PRESENT).wrapping_add(offset)
    }

    /// Tries a sequence.
    #[inline(always)]
    pub(super) fn attempt<R>(
        self,
        sequence: impl FnOnce(Field, At) -> Result<R, Absent>,
    ) -> Result<R, Absent> {
        let field = match B::INDEX {
            IndexBy::Cpu => Field::Cpu,
            IndexBy::ConcurrencyId if has_concurrency_ids() => Field::ConcurrencyId,
            IndexBy::ConcurrencyId => Field::Cpu,
            _ => return Err(Absent),
        };
        let area = area()?;
        sequence(field, At { area, table: self.origin, biased: self.biased })
    }

    /// Goes on where a sequence found no copy.
    #[cold]
    #[inline(never)]
    pub(super) fn otherwise<R>(
        self,
        provide: &dyn Provide,
        sequence: impl Fn(Field, At) -> Result<R, Absent>,
        atomic: impl FnOnce(usize) -> R,
    ) -> Option<R> {
        let mut hop: Option<Hop> = None;
        loop {
            match way::<B>(self.table(), provide, &mut hop) {
                Way::Atomic(unit) => return Some(atomic(self.in_unit(unit))),
                Way::Closed => return None,
                Way::Again => {}
            }
            if let Ok(done) = self.attempt(&sequence) {
                return Some(done);
            }
        }
    }

    /// The same, and waits while somebody has the copy for himself.
    fn word_otherwise<R>(
        self,
        provide: &dyn Provide,
        sequence: impl Fn(Field, At) -> Result<R, Absent>,
        atomic: impl Fn(usize) -> R,
    ) -> R {
        loop {
            match self.otherwise(provide, &sequence, &atomic) {
                Some(done) => return done,
                None => std::thread::yield_now(),
            }
        }
    }
}

/// Where the thread's area is, if threads have one.
#[cfg(sequences)]
#[inline(always)]
fn area() -> Result<isize, Absent> {
    use super::rseq::area;

    let offset = area::offset();
    // With glibc there always is one; elsewhere it takes a test.
    if cfg!(not(target_env = "gnu")) && offset == area::NONE { Err(Absent) } else { Ok(offset) }
}

#[cfg(not(sequences))]
#[inline(always)]
fn area() -> Result<isize, Absent> {
    Err(Absent)
}

/// The contract of all operations on words.
macro_rules! operation {
    (
        $(#[$doc:meta])*
        $name:ident($self:ident $(, $argument:ident: $type:ty)*) -> $result:ty,
        $sequence:expr, $atomic:expr
    ) => {
        $(#[$doc])*
        ///
        /// # Context
        /// Any, where `provide` may be called. Waits for nothing but `provide`, and for a copy that
        /// somebody has taken for himself.
        ///
        /// # Safety
        /// Wherever the table leads or `provide` makes it lead, as long as this runs, there is an
        /// aligned, initialised word of type `W` with exposed provenance; and it is changed only by
        /// operations of this module by the same kind of index, or where these are kept out.
        #[inline(always)]
        pub unsafe fn $name<W: Word>($self, $($argument: $type,)* provide: &dyn Provide) -> $result {
            /// Takes everything by value: for a reference, what it refers to would have to be in
            /// memory before the sequence, each time.
            ///
            /// # Safety
            /// The operation's own; `table` is that of its copies.
            #[cold]
            #[inline(never)]
            unsafe fn otherwise<B: By, W: Word>(
                biased: usize,
                table: *const Table,
                provide: &dyn Provide,
                $($argument: $type,)*
            ) -> $result {
                // SAFETY: of live copies.
                let copies = unsafe { Copies::<B>::from_parts(biased, table) };
                copies.word_otherwise(provide, $sequence, $atomic)
            }

            match $self.attempt($sequence) {
                Ok(done) => done,
                Err(Absent) => {
                    // SAFETY: this method's contract.
                    unsafe { otherwise::<B, W>($self.biased, $self.table, provide, $($argument),*) }
                }
            }
        }
    };
}

impl<B: By> Copies<'_, B> {
    operation! {
        /// Reads the running CPU's word.
        load(self) -> W,
        // SAFETY: this method's contract.
        |field, at| unsafe { Native::load::<W>(field, at) }.map(W::from_bits),
        // SAFETY: the same.
        |address| unsafe { atomics::load::<W>(address) }
    }

    operation! {
        /// Writes the running CPU's word.
        store(self, value: W) -> (),
        // SAFETY: this method's contract.
        |field, at| unsafe { Native::store::<W>(field, at, value.to_bits()) },
        // SAFETY: the same.
        |address| unsafe { atomics::store(address, value) }
    }

    operation! {
        /// Adds to the running CPU's word, wrapping.
        add(self, value: W) -> (),
        // SAFETY: this method's contract.
        |field, at| unsafe { Native::add::<W>(field, at, value.to_bits()) },
        |address| {
            // SAFETY: the same.
            unsafe { atomics::add(address, value) };
        }
    }

    operation! {
        /// Clears the bits of the running CPU's word that `value` has not.
        and(self, value: W) -> (),
        // SAFETY: this method's contract.
        |field, at| unsafe { Native::and::<W>(field, at, value.to_bits()) },
        // SAFETY: the same.
        |address| unsafe { atomics::and(address, value) }
    }

    operation! {
        /// Sets the bits of the running CPU's word that `value` has.
        or(self, value: W) -> (),
        // SAFETY: this method's contract.
        |field, at| unsafe { Native::or::<W>(field, at, value.to_bits()) },
        // SAFETY: the same.
        |address| unsafe { atomics::or(address, value) }
    }

    operation! {
        /// Adds to the running CPU's word, wrapping, and returns the sum.
        add_return(self, value: W) -> W,
        // SAFETY: this method's contract.
        |field, at| unsafe { Native::add_return::<W>(field, at, value.to_bits()) }.map(W::from_bits),
        // SAFETY: the same.
        |address| unsafe { atomics::add(address, value) }
    }

    operation! {
        /// Writes the running CPU's word, and returns what was there.
        exchange(self, value: W) -> W,
        // SAFETY: this method's contract.
        |field, at| unsafe { Native::exchange::<W>(field, at, value.to_bits()) }.map(W::from_bits),
        // SAFETY: the same.
        |address| unsafe { atomics::exchange(address, value) }
    }

    operation! {
        /// Writes the running CPU's word if `expected` is there. Returns what was there, in `Ok` if it
        /// was replaced and in `Err` if not.
        compare_exchange(self, expected: W, value: W) -> Result<W, W>,
        |field, at| {
            let (expected, value) = (expected.to_bits(), value.to_bits());
            // SAFETY: this method's contract.
            let seen = unsafe { Native::compare_exchange::<W>(field, at, expected, value) }?;
            let word = W::from_bits(seen);
            Ok(if seen == expected { Ok(word) } else { Err(word) })
        },
        // SAFETY: the same.
        |address| unsafe { atomics::compare_exchange(address, expected, value) }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What to do when a sequence found no copy.

use pcpu_layout::IndexBy;

use super::by::By;
use super::hop::Hop;
use super::mode::{Mode, decided};
use super::table::{Entry, Index, Table};

/// Makes copies that are not there yet.
pub trait Provide {
    /// Makes the copy of `index`, and sets its entry in the table. May be asked for a copy that is
    /// there by now, or that somebody has closed: that is made once, and set to the same again.
    ///
    /// # Context
    /// Called in the middle of an operation, so where an operation is used: in a signal handler too,
    /// which may have interrupted anything.
    ///
    /// # Errors
    /// [`NotProvided`], and then another copy is taken.
    fn provide(&self, index: Index) -> Result<(), NotProvided>;
}

/// Why a copy was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotProvided {
    /// No such CPU, or not now: there is another way.
    Refused,
}

/// Where an operation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// With the sequence, again.
    Again,
    /// With an atomic instruction on the copy in the unit at this offset.
    Atomic(usize),
    /// Nowhere: somebody has the copy for himself. Worth asking again soon.
    Closed,
}

/// Finds out why there is no copy, and makes one or finds another. A `hop` must be kept until the
/// operation is over.
#[cold]
#[inline(never)]
pub(super) fn way<B: By>(table: &Table, provide: &dyn Provide, hop: &mut Option<Hop>) -> Way {
    match decided() {
        Some(Mode::Sequences(_)) => with_sequences::<B>(table, provide, hop),
        // Whoever has a table has decided: `None` does not come.
        Some(Mode::Fallback(_)) | None => atomic(table, provide, index_now(B::INDEX)),
    }
}

/// Returns the index that the calling thread has at this moment, or [`Index::STRAY`] if it can
/// have none. It may be another one by the time the answer is used.
///
/// # Context
/// Any. Registers the thread where pcpu does that.
pub fn here<B: By>() -> Index {
    #[cfg(sequences)]
    if let Some(Mode::Sequences(_)) = decided() {
        return registered_here::<B>();
    }
    index_now(B::INDEX)
}

fn index_now(by: IndexBy) -> Index {
    Index::new(super::system::current(by))
}

/// Takes the copy of `index`, or any: each is changed atomically.
fn atomic(table: &Table, provide: &dyn Provide, index: Index) -> Way {
    match found(table, provide, index) {
        Some(Entry::Present(unit)) => Way::Atomic(unit),
        Some(Entry::Closed) => Way::Closed,
        Some(Entry::Absent) => Way::Again,
        None => {
            let any = table.present().next();
            Way::Atomic(any.expect("a pool has a copy at least").1)
        }
    }
}

/// What is there of `index`, after it was provided if need be; `None` if that was refused.
fn found(table: &Table, provide: &dyn Provide, index: Index) -> Option<Entry> {
    match table.look(index) {
        Entry::Absent => provide.provide(index).ok().map(|()| table.look(index)),
        entry => Some(entry),
    }
}

#[cfg(sequences)]
fn with_sequences<B: By>(table: &Table, provide: &dyn Provide, hop: &mut Option<Hop>) -> Way {
    use super::copies::has_concurrency_ids;
    use super::rseq::area::{self, Id};
    use super::rseq::{Registered, register_this_thread};

    if B::INDEX == IndexBy::Node {
        let has_node = matches!(decided(), Some(Mode::Sequences(it)) if it.active_size >= 24);
        let node = if has_node { area::read(Id::Node) } else { -1 };
        let index = u32::try_from(node).map_or_else(|_| index_now(IndexBy::Node), Index::new);
        return atomic(table, provide, index);
    }
    if area::read(Id::Cpu) < 0 {
        return match register_if_own(register_this_thread) {
            Registered::Yes => Way::Again,
            Registered::No => stray(table, provide).unwrap_or_else(|| {
                panic!("out of memory for the copies of threads that are not registered")
            }),
        };
    }
    let by_id = B::INDEX == IndexBy::ConcurrencyId && has_concurrency_ids();
    let id = area::read(if by_id { Id::Concurrency } else { Id::Cpu });
    let Ok(number) = u32::try_from(id) else { return Way::Again };
    match found(table, provide, Index::new(number)) {
        // The thread has moved since, or the copy was made.
        Some(Entry::Present(_) | Entry::Absent) => Way::Again,
        Some(Entry::Closed) => Way::Closed,
        None => stray(table, provide).unwrap_or_else(|| {
            assert!(!by_id, "out of memory for the copies of a concurrency id");
            // The one from before has to be over first: it would take back what this one does.
            drop(hop.take());
            let cpus = table.present().filter_map(|(index, _)| index.get());
            *hop = Hop::to_one_of(cpus);
            assert!(
                hop.is_some(),
                "out of memory for a CPU's copies, and no other CPU may be used"
            );
            Way::Again
        }),
    }
}

/// The index in the thread's area.
#[cfg(sequences)]
fn registered_here<B: By>() -> Index {
    use super::copies::has_concurrency_ids;
    use super::rseq::area::{self, Id};
    use super::rseq::{Registered, register_this_thread};

    if B::INDEX == IndexBy::Node {
        return index_now(IndexBy::Node);
    }
    if area::read(Id::Cpu) < 0 && register_if_own(register_this_thread) == Registered::No {
        return Index::STRAY;
    }
    let by_id = B::INDEX == IndexBy::ConcurrencyId && has_concurrency_ids();
    let id = area::read(if by_id { Id::Concurrency } else { Id::Cpu });
    u32::try_from(id).map_or(Index::STRAY, Index::new)
}

#[cfg(not(sequences))]
fn with_sequences<B: By>(table: &Table, provide: &dyn Provide, _: &mut Option<Hop>) -> Way {
    atomic(table, provide, index_now(B::INDEX))
}

/// Registers the thread where pcpu does that.
#[cfg(sequences)]
fn register_if_own(register: fn() -> super::rseq::Registered) -> super::rseq::Registered {
    use super::mode::Registrar;

    match decided() {
        Some(Mode::Sequences(sequence)) if sequence.by == Registrar::Pcpu => register(),
        _ => super::rseq::Registered::No,
    }
}

/// The copy of threads without a number of their own, if it can be had.
#[cfg(sequences)]
fn stray(table: &Table, provide: &dyn Provide) -> Option<Way> {
    Some(match found(table, provide, Index::STRAY)? {
        Entry::Present(unit) => Way::Atomic(unit),
        Entry::Closed => Way::Closed,
        Entry::Absent => Way::Again,
    })
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A shared library that counts on the running CPU's copy: what one does that is to be unloaded.
//!
//! Every thread that counted calls `loadable_leave` before the last one calls `dlclose`.
#![allow(unsafe_code, reason = "names for a loader, and operations on words")]

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use pcpu_linux::local::{self, Copies, Cpu, Index, NotProvided, Provide, Table, nr_indexes};
use pcpu_platform::Addr;

/// Bytes from one copy to the next: a cache line.
const UNIT: usize = 64;

struct Counter {
    copies: Box<[AtomicU64]>,
    table: Table,
}

static COUNTER: OnceLock<Counter> = OnceLock::new();

impl Counter {
    fn new() -> Self {
        let table = Table::new();
        let copies = (0..(nr_indexes() + 1) * UNIT / 8).map(|_| AtomicU64::new(0)).collect();
        (0..nr_indexes()).for_each(|nr| table.set(Index::new(nr as u32), nr * UNIT));
        table.set(Index::STRAY, nr_indexes() * UNIT);
        Self { copies, table }
    }

    fn copies(&self) -> Copies<'_, Cpu> {
        let base = self.copies.as_ptr().expose_provenance();
        Copies::new(Addr::new(base).expect("memory is not at 0"), &self.table)
    }
}

impl Provide for Counter {
    fn provide(&self, _: Index) -> Result<(), NotProvided> {
        Err(NotProvided::Refused)
    }
}

/// Decides how this object works. Says so: 1 for sequences, 0 for atomics.
#[unsafe(no_mangle)]
// SAFETY: no other function of that name is in a program that loads this.
pub extern "C" fn loadable_enter() -> u64 {
    COUNTER.get_or_init(Counter::new);
    matches!(local::mode(), local::Mode::Sequences(_)).into()
}

/// Counts.
#[unsafe(no_mangle)]
// SAFETY: as above.
pub extern "C" fn loadable_count(times: u64) {
    let counter = COUNTER.get().expect("loadable_enter was called");
    for _ in 0..times {
        // SAFETY: an aligned word in each copy, for this alone.
        unsafe { counter.copies().add(1_u64, counter) };
    }
}

/// Returns how much was counted.
#[unsafe(no_mangle)]
// SAFETY: as above.
pub extern "C" fn loadable_sum() -> u64 {
    let counter = COUNTER.get().expect("loadable_enter was called");
    counter.copies.iter().map(|word| word.load(Ordering::Relaxed)).sum()
}

/// Makes the calling thread ready for this object's end.
#[unsafe(no_mangle)]
// SAFETY: as above.
pub extern "C" fn loadable_leave() {
    local::prepare_unload();
}

/// An address in this object, by which its mapping is found.
#[unsafe(no_mangle)]
// SAFETY: as above.
pub extern "C" fn loadable_address() -> usize {
    ptr::from_ref(&COUNTER).addr()
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A number for each thread, where nothing says which CPU runs it.
//!
//! Numbers are handed out in turn, each at its thread's first call. Threads that live side by side
//! and began one after the other have different ones, so that as many as there are CPUs do not meet
//! at one copy.

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

static NEXT: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static NUMBER: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Returns the calling thread's number: always the same.
pub(super) fn number() -> u32 {
    NUMBER.get().unwrap_or_else(|| {
        // Only that they differ matters. After 2^32 threads the turn begins again.
        let number = NEXT.fetch_add(1, Relaxed);
        NUMBER.set(Some(number));
        number
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_keeps_its_number_and_no_other_has_it() {
        let threads = (0..8).map(|_| thread::spawn(|| (number(), number())));
        let numbers: Vec<_> =
            threads.collect::<Vec<_>>().into_iter().map(|it| it.join().unwrap()).collect();
        assert!(numbers.iter().all(|(first, again)| first == again));
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 8);
    }
}

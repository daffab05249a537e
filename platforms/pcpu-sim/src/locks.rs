// SPDX-License-Identifier: MIT OR Apache-2.0
//! The index lock, which knows when its own thread holds one.
//!
//! No platform call that may sleep is made under the index lock (B79). A lock of type
//! [`RawMutex`] is made without a machine at hand, so what it counts is its thread: the number of
//! index locks that this thread holds, of whatever machine. Every such call checks that the
//! number is 0. Guards are not [`Send`], so a lock is released by the thread that took it.
#![allow(unsafe_code)]

use std::cell::Cell;

use lock_api::{GuardNoSend, RawMutex};

thread_local! {
    static HELD: Cell<u32> = const { Cell::new(0) };
}

/// Returns how many index locks this thread holds.
pub(crate) fn index_locks_held() -> u32 {
    HELD.get()
}

/// The index lock of the simulated machines.
pub struct IndexLock(parking_lot::RawMutex);

// SAFETY: exclusion is that of the inner lock, which every function forwards to exactly once.
// Counting beside it takes no lock.
unsafe impl RawMutex for IndexLock {
    #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants a constant")]
    const INIT: Self = Self(parking_lot::RawMutex::INIT);

    type GuardMarker = GuardNoSend;

    fn lock(&self) {
        self.0.lock();
        HELD.set(HELD.get() + 1);
    }

    fn try_lock(&self) -> bool {
        let taken = self.0.try_lock();
        HELD.set(HELD.get() + u32::from(taken));
        taken
    }

    unsafe fn unlock(&self) {
        HELD.set(HELD.get() - 1);
        // SAFETY: the caller holds this lock, which means the inner one.
        unsafe { self.0.unlock() };
    }

    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}

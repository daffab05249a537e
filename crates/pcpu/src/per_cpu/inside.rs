// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the calling thread is in the middle of a pool's slow work: making or freeing areas,
//! attaching a CPU; or of taking a lock of a copy, or giving it back. A signal handler that finds it so
//! must wait for no lock of a pool.

use core::cell::Cell;
use core::marker::PhantomData;

use super::fork::{self, AtWork};

std::thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// While it lives, the thread is inside, and nobody forks.
pub(super) struct Inside(Option<AtWork>);

impl Inside {
    pub(super) fn enter() -> Self {
        // First the depth: a handler that comes in between must not wait for a fork that waits for
        // what it has interrupted.
        let depth = DEPTH.get();
        DEPTH.set(depth + 1);
        Self((depth == 0).then(fork::work))
    }

    /// Whether this code has interrupted such work, or is called by it.
    pub(super) fn is_entered() -> bool {
        DEPTH.get() != 0
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        drop(self.0.take());
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// While it lives, and is not paused, a lock of a copy is being taken or given back.
pub(super) struct Changing(());

/// While it lives, the lock is the thread's.
pub(super) struct Paused<'a>(PhantomData<&'a Changing>);

impl Changing {
    pub(super) fn begin() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Self(())
    }

    pub(super) fn pause(&self) -> Paused<'_> {
        DEPTH.set(DEPTH.get() - 1);
        Paused(PhantomData)
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() + 1);
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the calling thread is in the middle of a pool's slow work: making or freeing areas,
//! attaching a CPU. A signal handler that finds it so must wait for no lock of a pool.

use core::cell::Cell;

use super::fork::{self, AtWork};

std::thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// While it lives, the thread is inside, and nobody forks.
pub(super) struct Inside(Option<AtWork>);

impl Inside {
    pub(super) fn enter() -> Self {
        let work = (DEPTH.get() == 0).then(fork::work);
        DEPTH.set(DEPTH.get() + 1);
        Self(work)
    }

    /// Whether this code has interrupted such work, or is called by it.
    pub(super) fn is_entered() -> bool {
        DEPTH.get() != 0
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        // Before the lock: a handler that runs in between is not inside, and may take it again.
        DEPTH.set(DEPTH.get() - 1);
        drop(self.0.take());
    }
}

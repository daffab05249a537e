// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the calling thread is in the middle of a pool's slow work: making or freeing areas,
//! attaching a CPU. A signal handler that finds it so must wait for no lock of a pool.

use core::cell::Cell;

std::thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// While it lives, the thread is inside.
pub(super) struct Inside(());

impl Inside {
    pub(super) fn enter() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Self(())
    }

    /// Whether this code has interrupted such work, or is called by it.
    pub(super) fn is_entered() -> bool {
        DEPTH.get() != 0
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A place where all CPUs wait for each other, again and again.
//!
//! Waiting reads one word and takes no lock: where an emulator runs CPUs by turns, a CPU whose turn
//! ends while it holds the lock of a barrier holds up all others, for ever if turns repeat exactly.

use core::hint;

use portable_atomic::{AtomicU32, Ordering};

/// Arrivals, counted through all meetings: meeting `n` is complete at `(n + 1) × size`.
pub struct Meeting {
    size: u32,
    arrivals: AtomicU32,
}

impl Meeting {
    /// A meeting of so many CPUs.
    pub const fn new(size: u32) -> Self {
        Self { size, arrivals: AtomicU32::new(0) }
    }

    /// Waits until as many CPUs as the size are here.
    pub fn meet(&self) {
        let before = self.arrivals.fetch_add(1, Ordering::AcqRel);
        let complete = before - before % self.size + self.size;
        while self.arrivals.load(Ordering::Acquire) < complete {
            hint::spin_loop();
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who constructs a copy: one word, so that a forked child can tell a thread that is gone.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::process;
use std::thread;

/// Nobody's, or a thread's: its process, and its own number there.
#[derive(Debug, Default)]
pub(super) struct Claim(AtomicU64);

/// While it lives, its thread has the claim.
pub(super) struct Claimed<'a>(&'a Claim);

/// The calling thread: never 0.
fn me() -> u64 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    std::thread_local! {
        // After four thousand million threads two may share a number, and are then taken for one.
        static MINE: u32 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    (u64::from(process::id()) << 32) | u64::from(MINE.with(|mine| *mine))
}

impl Claim {
    /// Whether the calling thread has it.
    pub(super) fn is_here(&self) -> bool {
        self.0.load(Ordering::Relaxed) == me()
    }

    /// Waits for it. A claim from before a fork is that of a thread that is gone, unless it is the
    /// one that forked, which has the child's only thread.
    pub(super) fn begin(&self) -> Claimed<'_> {
        let me = me();
        loop {
            let holder = self.0.load(Ordering::Relaxed);
            let of_this_process = holder >> 32 == me >> 32;
            if holder != 0 && of_this_process {
                thread::yield_now();
                continue;
            }
            let taken =
                self.0.compare_exchange_weak(holder, me, Ordering::Acquire, Ordering::Relaxed);
            if taken.is_ok() {
                return Claimed(self);
            }
        }
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        self.0.0.store(0, Ordering::Release);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! You will learn to write a per-CPU variable as you would write a `static`, and to use it without a pool in sight.
//! And that a module, or a library, needs nobody to set its variables up.

use std::thread;

/// A part of the program that counts for itself.
mod cache {
    use std::sync::atomic::{AtomicU32, AtomicU64};

    pcpu::statics! {
        /// Questions that were answered from memory.
        pub static HITS: AtomicU64 = AtomicU64::new(0);
        /// Questions that were not.
        pub static MISSES: AtomicU64 = AtomicU64::new(0);
        /// The next answer's number, on this CPU: each copy begins at 1.
        static NEXT: AtomicU32 = AtomicU32::new(1);
    }

    /// Answers, and says how many answers this CPU has given.
    pub fn answer(question: u32) -> u32 {
        let counter = if question.is_multiple_of(10) { MISSES.this_cpu() } else { HITS.this_cpu() };
        counter.inc();
        // Read and changed in one step. A `read` and then a `write` would be two, perhaps on two CPUs.
        NEXT.this_cpu().add_return(1) - 1
    }

    /// How many answers all CPUs have given.
    pub fn nr_answers() -> u32 {
        NEXT.iter().map(|(_, next)| next.load(std::sync::atomic::Ordering::Relaxed) - 1).sum()
    }
}

/// The program.
pub fn main() {
    assert_eq!(cache::answer(1), 1);

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|question| assert!(cache::answer(question) > 0)));
        }
    });
    assert_eq!(cache::MISSES.sum(), 4 * 100);
    assert_eq!(cache::HITS.sum(), 4 * 900 + 1);
    assert_eq!(cache::nr_answers(), 4 * 1000 + 1);
}

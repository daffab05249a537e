// SPDX-License-Identifier: MIT OR Apache-2.0
//! You will learn to index copies by concurrency id instead of CPU, for programs that may use few CPUs of many.
//! And that the same program works where the system has no such numbers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use pcpu::{ConcurrencyId, Mode, PerCpu, Pool};

const THREADS: usize = 16;

/// Restricts this thread, and those it starts, to two CPUs of those it has: a small container.
/// Returns how many it is now.
#[cfg(all(target_os = "linux", not(miri)))]
fn enter_a_small_container() -> usize {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let allowed = sched_getaffinity(None).expect("the thread itself");
    let mut few = CpuSet::new();
    (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).take(2).for_each(|cpu| few.set(cpu));
    sched_setaffinity(None, &few).expect("a part of what is allowed");
    few.count() as usize
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn enter_a_small_container() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The program.
pub fn main() {
    let nr_cpus = enter_a_small_container();
    let pool = Pool::builder().name("requests").index_by_concurrency_id().build().expect("a pool");
    let served = PerCpu::<AtomicU64, ConcurrencyId>::zeroed_in(&pool).expect("memory");

    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..500 {
                    served.this_cpu().inc();
                    thread::yield_now();
                }
            });
        }
    });
    assert_eq!(served.sum(), 500 * THREADS as u64);

    let used = served.iter().filter(|(_, copy)| copy.load(Relaxed) != 0).count();
    match pcpu::mode() {
        // The kernel numbers the threads that run at this moment, from 0 on, and keeps the numbers
        // low. That is a habit and no promise, so this asks for less: fewer copies than threads.
        Mode::Sequences(how) if how.has_concurrency_ids() => assert!(used < THREADS),
        // Copies are those of CPUs, and there are no more than the program may use.
        _ => assert!(used <= nr_cpus.max(1)),
    }
    // How many there may be at all is the machine's business. Those that nobody uses cost addresses.
    assert!(used <= pool.nr_possible() as usize);
}

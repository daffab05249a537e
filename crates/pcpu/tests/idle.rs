// SPDX-License-Identifier: MIT OR Apache-2.0
//! CPUs that a program does not use cost addresses and no memory; memory goes back when it is not
//! needed any more.
#![cfg(all(feature = "std", target_os = "linux", not(miri)))]

use std::sync::atomic::AtomicU64;
use std::thread;

use pcpu::{PerCpu, Pool};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// CPUs that this process may use.
fn allowed() -> Vec<usize> {
    let allowed = sched_getaffinity(None).unwrap();
    (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect()
}

/// Runs `body` on a thread that may use these CPUs and no others, as in a small container.
fn confined<R: Send>(cpus: &[usize], body: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let mut set = CpuSet::new();
            cpus.iter().for_each(|&cpu| set.set(cpu));
            sched_setaffinity(None, &set).unwrap();
            body()
        });
        thread.join().unwrap()
    })
}

/// Pages in memory, of all units.
fn pages(pool: &Pool) -> usize {
    pool.allocator().platform().backed_pages().get()
}

#[test]
fn a_program_on_one_cpu_pays_for_one_however_many_there_are() {
    let cpus = allowed();
    let pool = confined(&cpus[..1], || {
        let pool = Pool::builder().build().unwrap();
        let empty = pages(&pool);
        let values: Vec<_> =
            (0..2000).map(|_| PerCpu::<[AtomicU64; 16]>::zeroed_in(&pool).unwrap()).collect();
        values.iter().for_each(|value| value.this_cpu_item(15).unwrap().inc());
        assert_eq!(pool.cpus().count(), 1);
        assert!(pool.nr_possible() as usize >= cpus.len());

        // 2000 areas of 128 bytes are 63 pages of 4 KiB; on every possible CPU it would be as many more.
        let bytes = 2000 * 128_usize;
        let least = bytes.div_ceil(4096) - 16;
        let most = empty + bytes.div_ceil(4096) + 40;
        if pool.allocator().geometry().page_size() == 4096 {
            assert!((least..most).contains(&pages(&pool)), "{} pages", pages(&pool));
        }
        drop(values);
        pool.trim();
        assert_eq!(pages(&pool), empty, "all memory went back");
        pool
    });
    let Some(&other) = cpus.get(1) else { return };
    let before = pages(&pool);
    let value = PerCpu::<AtomicU64>::zeroed_in(&pool).unwrap();
    // A CPU that is used first gets its share of what is in use, and no more.
    confined(&[other], || value.this_cpu().inc());
    let nr_cpus = pool.cpus().count();
    assert!((2..=cpus.len()).contains(&nr_cpus));
    assert!(pages(&pool) <= before * nr_cpus + nr_cpus, "{} pages", pages(&pool));
    assert_eq!(value.sum(), 1);
}

#[test]
fn all_values_live_at_once_have_copies_of_their_own_on_a_late_cpu() {
    let cpus = allowed();
    let Some(&other) = cpus.get(1) else { return };
    let (pool, values) = confined(&cpus[..1], || {
        let pool = Pool::builder().build().unwrap();
        // More than a chunk of them, some freed and taken again.
        let mut values: Vec<_> =
            (0..3000).map(|_| PerCpu::<[AtomicU64; 8]>::zeroed_in(&pool).unwrap()).collect();
        values.iter().for_each(|value| value.this_cpu_item(0).unwrap().add(7));
        let mut number = 0;
        values.retain(|_| {
            number += 1;
            number % 2 == 0
        });
        (pool, values)
    });
    confined(&[other], || {
        for (number, value) in values.iter().enumerate() {
            let item = value.this_cpu_item(0).unwrap();
            assert_eq!(item.read(), 0, "a late CPU's copy starts as zeros");
            item.add(number as u64);
        }
    });
    for (number, value) in values.iter().enumerate() {
        assert_eq!(value.sum_item(0), 7 + number as u64);
    }
    pool.allocator().check().unwrap();
}

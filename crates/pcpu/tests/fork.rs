// SPDX-License-Identifier: MIT OR Apache-2.0
//! A forked child has every copy as it was, goes on by itself, and is given nothing that somebody
//! was in the middle of (RS-9).
#![cfg(all(feature = "std", target_os = "linux"))]
#![allow(unsafe_code, reason = "fork is not in the standard library")]

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use pcpu::{ConcurrencyId, PerCpu, Pool};

/// Runs `body` in a forked child, and says whether it returned without a panic within a while.
fn in_a_child(body: impl FnOnce()) -> bool {
    // SAFETY: the child runs `body` and ends; that it works is what is tested.
    match unsafe { libc::fork() } {
        -1 => panic!("no child"),
        0 => {
            let done = catch_unwind(AssertUnwindSafe(body)).is_ok();
            // SAFETY: ends the child without running what the parent left to run.
            unsafe { libc::_exit(if done { 0 } else { 1 }) }
        }
        child => {
            let end = Instant::now() + Duration::from_secs(20);
            loop {
                let mut status = 0;
                // SAFETY: asks after the child made above.
                let done = unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) };
                if done == child {
                    return libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
                }
                if Instant::now() > end {
                    // SAFETY: the child made above.
                    unsafe { libc::kill(child, libc::SIGKILL) };
                    return false;
                }
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

#[test]
fn a_child_counts_on_from_where_its_parent_was() {
    let hits = PerCpu::<AtomicU64>::zeroed().unwrap();
    (0..1000).for_each(|_| hits.this_cpu().inc());
    let at_fork = hits.sum();
    assert!(in_a_child(|| {
        assert_eq!(hits.sum(), at_fork);
        (0..10).for_each(|_| hits.this_cpu().inc());
        assert_eq!(hits.sum(), at_fork + 10);
        // New values, and the end of old ones.
        let more = PerCpu::<AtomicU64>::zeroed().unwrap();
        more.this_cpu().add(3);
        assert_eq!(more.sum(), 3);
        drop((hits, more));
    }));
}

#[test]
fn a_parent_does_not_see_what_its_child_does() {
    let pool = Pool::builder().index_by_concurrency_id().build().unwrap();
    let hits = PerCpu::<AtomicU64, ConcurrencyId>::zeroed_in(&pool).unwrap();
    hits.this_cpu().inc();
    assert!(in_a_child(|| hits.this_cpu().add(100)));
    assert_eq!(hits.sum(), 1);
}

#[test]
fn a_fork_in_the_middle_of_others_work_leaves_a_pool_that_works() {
    let stop = AtomicBool::new(false);
    let pool = Pool::builder().build().unwrap();
    let hits = PerCpu::<AtomicU64>::zeroed_in(&pool).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    let value = PerCpu::<[AtomicU64; 9]>::zeroed_in(&pool).unwrap();
                    value.this_cpu_item(8).unwrap().inc();
                    hits.this_cpu().inc();
                    pool.trim();
                }
            });
        }
        let children = (0..40).filter(|_| {
            in_a_child(|| {
                let values: Vec<_> =
                    (0..50).map(|_| PerCpu::<AtomicU64>::zeroed_in(&pool).unwrap()).collect();
                values.iter().for_each(|value| value.this_cpu().inc());
                assert!(values.iter().all(|value| value.sum() == 1));
                drop(values);
                pool.trim();
                pool.allocator().check().unwrap();
            })
        });
        let all_well = children.count() == 40;
        stop.store(true, Relaxed);
        assert!(all_well);
    });
}

#[test]
fn copies_that_a_lost_thread_was_changing_are_not_given_to_the_child() {
    let pool = Pool::builder().build().unwrap();
    // Each knows its CPU.
    let value = PerCpu::from_fn_in(&pool, |cpu| (cpu, RefCell::new(vec![1, 2, 3]))).unwrap();
    let (inside, is_inside) = mpsc::channel();
    let end = Barrier::new(2);
    let (value, end) = (&value, &end);
    thread::scope(|scope| {
        scope.spawn(move || {
            value.with(|(cpu, value)| {
                let _borrowed = value.borrow_mut();
                inside.send(*cpu).unwrap();
                end.wait();
            });
        });
        let lost = is_inside.recv().unwrap();
        let well = in_a_child(|| {
            // On any CPU: the lost copy is passed over, by everything.
            for _ in 0..3 {
                value.with(|(_, value)| value.borrow_mut().push(4));
            }
            assert!(value.with_cpu(lost, |_| ()).is_none());
            value.for_each(|cpu, (_, value)| {
                assert_ne!(cpu, lost);
                assert!(value.borrow().starts_with(&[1, 2, 3]));
            });
            // SAFETY: the child's own copy of it, which nobody else there has.
            let mut value = unsafe { std::ptr::read(value) };
            assert!(value.get_mut(lost).is_none());
            assert!(value.iter_mut().all(|(cpu, _)| cpu != lost));
            drop(value);
        });
        end.wait();
        assert!(well);
    });
}

#[test]
fn a_thread_may_fork_in_the_middle_of_its_own_work() {
    let depth = PerCpu::new(Cell::new(0)).unwrap();
    depth.with(|own| {
        own.set(1);
        assert!(in_a_child(|| {
            // Its own, still.
            depth.with(|value| assert_eq!(value.replace(2), 1));
        }));
        assert_eq!(own.get(), 1);
    });
}

#[test]
fn a_constructor_that_another_thread_was_running_runs_again_in_the_child() {
    // No lock: whoever holds one when the process is forked holds it in the child for ever.
    static BEGUN: AtomicBool = AtomicBool::new(false);
    static RELEASE: AtomicBool = AtomicBool::new(false);
    let value = PerCpu::from_fn(move |_| {
        BEGUN.store(true, Relaxed);
        while !RELEASE.load(Relaxed) {
            thread::yield_now();
        }
        AtomicU64::new(7)
    })
    .unwrap();
    thread::scope(|scope| {
        scope.spawn(|| value.this_cpu().inc());
        while !BEGUN.load(Relaxed) {
            thread::yield_now();
        }
        let well = in_a_child(|| {
            RELEASE.store(true, Relaxed);
            assert_eq!(value.this_cpu().add_return(1), 8);
        });
        RELEASE.store(true, Relaxed);
        assert!(well);
    });
    assert_eq!(value.sum() % 7, 1);
}

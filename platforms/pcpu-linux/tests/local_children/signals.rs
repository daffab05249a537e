// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signal handlers that do operations on the copies that they interrupt.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pcpu_linux::local::{ConcurrencyId, Cpu, mode};

use crate::again::{alone, as_it_is, without_libc_s_areas};
use crate::local_common::storm::Storm;
use crate::sums::Sum;

static SUM: OnceLock<Sum> = OnceLock::new();
static HANDLED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Those of `HANDLED` that were for this thread.
    static HERE: Cell<u64> = const { Cell::new(0) };
}

extern "C" fn handler(_: libc::c_int) {
    if let Some(sum) = SUM.get() {
        sum.adder::<Cpu>().add(HANDLED.fetch_add(1, Ordering::Relaxed));
        HERE.set(HERE.get() + 1);
    }
}

/// Has SIGUSR1 handled.
fn install() {
    // SAFETY: all zeros are a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as extern "C" fn(libc::c_int) as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: a valid action, whose handler does what handlers may.
    assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) }, 0);
}

/// How long a thread waits for a signal before it says that this is no storm.
const PATIENCE: Duration = Duration::from_secs(30);

/// Adds, by CPU, until so many signals have hit this thread in the middle of it. Returns how often, and
/// the storm, which goes on.
fn add_until_hit(sum: &Sum, times: u64) -> (u64, Storm) {
    let storm = Storm::here();
    let start = Instant::now();
    let mut added = 0;
    while HERE.get() < times {
        (0..100).for_each(|round| sum.adder::<Cpu>().add(round));
        added += 100;
        assert!(start.elapsed() < PATIENCE, "this is no storm");
    }
    (added, storm)
}

/// Threads add in a storm; in so many rounds, each of new threads.
fn nothing_is_lost_in_a_storm(rounds: u64, hits: u64) {
    println!("{}", mode());
    let sum = SUM.get_or_init(Sum::new);
    install();
    let mut added = 0;
    for _ in 0..rounds {
        let threads: Vec<_> =
            (0..4).map(|_| thread::spawn(move || add_until_hit(sum, hits))).collect();
        added += threads.into_iter().map(|thread| thread.join().unwrap().0).sum::<u64>();
    }
    let handled = HANDLED.load(Ordering::Relaxed);
    assert!(handled >= 4 * rounds * hits, "{handled} signals");
    assert_eq!(sum.all(), added + handled);
}

/// RS-2.
#[test]
fn no_addition_is_lost_in_a_storm_of_signals() {
    alone(no_addition_is_lost_in_a_storm_of_signals, as_it_is, || {
        nothing_is_lost_in_a_storm(2, 1000);
    });
}

#[test]
fn no_addition_is_lost_in_a_storm_where_pcpu_registers_threads() {
    alone(
        no_addition_is_lost_in_a_storm_where_pcpu_registers_threads,
        without_libc_s_areas,
        || nothing_is_lost_in_a_storm(2, 1000),
    );
}

#[test]
fn threads_may_begin_and_end_in_a_storm() {
    alone(threads_may_begin_and_end_in_a_storm, without_libc_s_areas, || {
        nothing_is_lost_in_a_storm(100, 3);
    });
}

#[test]
fn no_addition_is_lost_in_a_storm_in_fallback_mode() {
    let off = |command: &mut std::process::Command| {
        command.env("PCPU_RSEQ", "0");
    };
    alone(no_addition_is_lost_in_a_storm_in_fallback_mode, off, || {
        nothing_is_lost_in_a_storm(2, 1000);
    });
}

/// Whatever the handler interrupts is by another number than its own, and both are right.
#[test]
fn handlers_and_threads_may_go_by_different_numbers() {
    alone(handlers_and_threads_may_go_by_different_numbers, as_it_is, || {
        let (sum, other) = (SUM.get_or_init(Sum::new), Sum::new());
        install();
        for round in 0..20_000 {
            other.adder::<ConcurrencyId>().add(round);
            // SAFETY: handled by the handler above.
            unsafe { libc::raise(libc::SIGUSR1) };
        }
        assert_eq!((sum.all(), other.all()), (20_000, 20_000));
    });
}

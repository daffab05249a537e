// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signal handlers that do operations on the copies that they interrupt.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;

use pcpu_linux::local::{ConcurrencyId, Cpu, mode};

use crate::again::{alone, as_it_is, without_libc_s_areas};
use crate::sums::Sum;

static SUM: OnceLock<Sum> = OnceLock::new();
static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn handler(_: libc::c_int) {
    if let Some(sum) = SUM.get() {
        sum.adder::<Cpu>().add(HANDLED.fetch_add(1, Ordering::Relaxed));
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

/// The kernel's numbers of the threads that the storm is for.
static THREADS: Mutex<Vec<i32>> = Mutex::new(Vec::new());

fn join_the_storm() {
    THREADS.lock().unwrap().push(rustix::thread::gettid().as_raw_nonzero().get());
}

/// Sends signals until it is told not to, to threads that may have ended.
fn storm(over: &AtomicBool) {
    let process = rustix::process::getpid().as_raw_nonzero().get();
    while !over.load(Ordering::Relaxed) {
        let threads = THREADS.lock().unwrap().clone();
        for thread in threads {
            // SAFETY: a signal with a handler, to a thread of this process if to any.
            unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGUSR1) };
        }
        thread::yield_now();
    }
}

/// Threads add, by CPU, in a storm; in so many rounds, each of new threads.
fn nothing_is_lost_in_a_storm(rounds: u64, each: u64) {
    println!("{}", mode());
    let sum = SUM.get_or_init(Sum::new);
    install();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let storm = scope.spawn(|| storm(&over));
        for _ in 0..rounds {
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        join_the_storm();
                        (0..each).for_each(|round| sum.adder::<Cpu>().add(round));
                    });
                }
            });
            THREADS.lock().unwrap().clear();
        }
        over.store(true, Ordering::Relaxed);
        storm.join().unwrap();
    });
    let handled = HANDLED.load(Ordering::Relaxed);
    assert!(handled > 100, "{handled} signals are no storm");
    assert_eq!(sum.all(), 4 * rounds * each + handled);
}

/// RS-2.
#[test]
fn no_addition_is_lost_in_a_storm_of_signals() {
    alone(no_addition_is_lost_in_a_storm_of_signals, as_it_is, || {
        nothing_is_lost_in_a_storm(3, 300_000);
    });
}

#[test]
fn no_addition_is_lost_in_a_storm_where_pcpu_registers_threads() {
    alone(
        no_addition_is_lost_in_a_storm_where_pcpu_registers_threads,
        without_libc_s_areas,
        || nothing_is_lost_in_a_storm(3, 300_000),
    );
}

#[test]
fn threads_may_begin_and_end_in_a_storm() {
    alone(threads_may_begin_and_end_in_a_storm, without_libc_s_areas, || {
        nothing_is_lost_in_a_storm(200, 200);
    });
}

#[test]
fn no_addition_is_lost_in_a_storm_in_fallback_mode() {
    let off = |command: &mut std::process::Command| {
        command.env("PCPU_RSEQ", "0");
    };
    alone(no_addition_is_lost_in_a_storm_in_fallback_mode, off, || {
        nothing_is_lost_in_a_storm(3, 300_000);
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

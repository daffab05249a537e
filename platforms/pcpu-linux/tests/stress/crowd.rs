// SPDX-License-Identifier: MIT OR Apache-2.0
//! The threads of one combination: workers, which are disturbed, and a closer, in some.
//!
//! SIGUSR1 does the same kind of work on the same copies, in whatever the worker was doing.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::local_common::storm::Storm;
use crate::plan::{Act, Disturbance, Place};

/// Threads that work, and one that drains.
pub const WORKERS: usize = 4;
pub const SLOTS: usize = WORKERS + 1;

/// Rounds that every worker does at least, however slow the machine.
const LEAST: u64 = 4;

/// Rounds of a delay that is in no range.
const DELAY: u64 = 20_000;

/// One kind of work on one set of copies.
pub trait Work: Sync {
    /// What a worker does first.
    fn start(&self, _: &mut Worker<'_>) {}
    /// One round of a worker.
    fn round(&self, worker: &mut Worker<'_>);
    /// The same in a signal handler, which waits for nothing. `slot` is the worker's.
    fn in_handler(&self, slot: usize);
    /// One round of the closer, if there is to be one.
    fn drain(&self, _: &mut Worker<'_>) {}
    /// Whether there is to be one.
    fn is_drained(&self) -> bool {
        false
    }
    /// Says what is wrong, when all is over. `left` is what workers had in hand.
    fn check(&self, left: &[usize]) -> Result<(), String>;
}

/// A thread of the crowd.
pub struct Worker<'a> {
    pub slot: usize,
    /// What it has in hand.
    pub pending: Vec<usize>,
    random: u64,
    disturbance: Disturbance,
    stop: &'a AtomicBool,
}

impl Worker<'_> {
    /// Says whether it is time to end.
    pub fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// A number below `below`.
    pub fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    /// A place of the round, where the worker may be disturbed.
    pub fn at(&mut self, place: Place) {
        let disturbance = self.disturbance;
        match disturbance {
            Disturbance::Delay(at) if at == place => {
                (0..DELAY).for_each(|round| {
                    std::hint::black_box(round);
                });
            }
            Disturbance::Act(act, at, chance)
                if at == place && self.random(100) < u64::from(chance) =>
            {
                perform(act);
            }
            _ => {}
        }
    }
}

fn perform(act: Act) {
    match act {
        Act::Yield => thread::yield_now(),
        Act::Sleep => thread::sleep(Duration::from_micros(50)),
        Act::Signal => {
            // SAFETY: SIGUSR1 has the handler below.
            unsafe { libc::raise(libc::SIGUSR1) };
        }
    }
}

/// The work that the handler does: the address of a reference to it, or null.
static WORK: AtomicPtr<&'static dyn Work> = AtomicPtr::new(ptr::null_mut());

thread_local! {
    static SLOT: Cell<usize> = const { Cell::new(usize::MAX) };
}

extern "C" fn handler(_: libc::c_int) {
    let work = WORK.load(Ordering::Acquire);
    let slot = SLOT.get();
    if !work.is_null() && slot != usize::MAX {
        // SAFETY: `let_loose` keeps it as long as any thread with a slot is there.
        unsafe { *work }.in_handler(slot);
    }
}

/// Installs the handler, once.
pub fn install_handler() {
    // SAFETY: all zeros are a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as extern "C" fn(libc::c_int) as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: a valid action, whose handler is made for that.
    assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) }, 0);
}

/// What came of it.
pub struct Outcome {
    pub rounds: u64,
    /// What workers had in hand at the end.
    pub left: Vec<usize>,
}

/// Lets everybody work for `time`.
pub fn let_loose(work: &dyn Work, disturbance: Disturbance, time: Duration) -> Outcome {
    // SAFETY: only the lifetime changes, and the handler does not look after `WORK` is null again.
    let mut for_handler: &'static dyn Work = unsafe { std::mem::transmute(work) };
    WORK.store(&raw mut for_handler, Ordering::Release);
    let (stop, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    let body = |slot: usize| {
        SLOT.set(slot);
        let storm = disturbance.has_signals_from_outside().then(Storm::here);
        let random = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(slot as u64 + 1);
        let pending = Vec::with_capacity(1024);
        let mut worker = Worker { slot, pending, random, disturbance, stop: &stop };
        let mut done = 0;
        if slot < WORKERS {
            work.start(&mut worker);
        }
        while done < LEAST || !worker.is_over() {
            if slot < WORKERS {
                work.round(&mut worker)
            } else {
                work.drain(&mut worker)
            }
            done += 1;
        }
        rounds.fetch_add(done, Ordering::Relaxed);
        drop(storm);
        SLOT.set(usize::MAX);
        worker.pending
    };
    let left = thread::scope(|scope| {
        let slots = if work.is_drained() { SLOTS } else { WORKERS };
        let body = &body;
        let threads: Vec<_> = (0..slots).map(|slot| scope.spawn(move || body(slot))).collect();
        thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        let ends = threads.into_iter().map(|it| it.join());
        ends.flat_map(|left| left.expect("a worker panicked")).collect()
    });
    WORK.store(ptr::null_mut(), Ordering::Release);
    Outcome { rounds: rounds.into_inner(), left }
}

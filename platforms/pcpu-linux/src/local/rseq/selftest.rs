// SPDX-License-Identifier: MIT OR Apache-2.0
//! Does the kernel abort a range when another thread had the same CPU meanwhile?
//!
//! Some did not: Linux 6.19 on arm64 aborted ranges of threads that moved to another CPU, and let
//! those go on that were preempted and resumed on the same. Everything works, and counts are lost.
//!
//! ```text
//!  this thread (CPU c)         arm ─► spin while the word is 0 ─► aborted: good
//!                                                            └──► the word changed: bad
//!  another one, pinned to c    sleep, then: word = 1
//! ```
//!
//! While both are pinned to one CPU, the other thread can write only while this one is preempted.
//! What counts is a change from what was read in the range itself: between a look at the word and
//! the range, too, one may be preempted.
//! Where threads cannot be pinned or made, or the scheduler does not preempt within the time, the
//! test says nothing, and the kernel is believed.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

use super::super::arch::{At, Native, Sequences, Spun};

/// What the test saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// A preempted range was aborted.
    Aborts,
    /// A preempted range went on.
    NoAbort,
    /// Nobody was preempted in time, or the test could not be made.
    Nothing,
}

/// How long the other thread sleeps before it wants the CPU, and for how long this one waits for
/// that.
const NAP: Duration = Duration::from_micros(100);
const PATIENCE: Duration = Duration::from_millis(50);

/// Rounds of a spin between two looks at the clock, well below a time slice.
const ROUNDS: usize = 20_000;

/// Tests the calling thread, which is registered, and whose area is where `at.area` leads.
pub(super) fn run(at: At) -> Seen {
    let Ok(before) = sched_getaffinity(None) else { return Seen::Nothing };
    let seen = pinned(at);
    // The set that was in force a moment ago. Refused only if a CPU went meanwhile: nothing to do.
    let _ = sched_setaffinity(None, &before);
    seen
}

fn pinned(at: At) -> Seen {
    let cpu = sched_getcpu();
    let mut only = CpuSet::new();
    if cpu >= CpuSet::MAX_CPU {
        return Seen::Nothing;
    }
    only.set(cpu);
    if sched_setaffinity(None, &only).is_err() {
        return Seen::Nothing;
    }
    let word = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (pinned, is_pinned) = mpsc::channel();
        let (go, told) = mpsc::channel();
        // It inherits the CPU it may run on, and says so before anything depends on it.
        let (word_of_other, set) = (&word, &only);
        let other = thread::Builder::new().spawn_scoped(scope, move || {
            let same = sched_getaffinity(None).is_ok_and(|now| now == *set);
            let _ = pinned.send(same);
            while told.recv().is_ok() {
                thread::sleep(NAP);
                word_of_other.fetch_add(1, Ordering::Relaxed);
            }
        });
        if other.is_err() || is_pinned.recv() != Ok(true) {
            drop(go);
            return Seen::Nothing;
        }
        let seen = watch(at, &word, &go);
        drop(go);
        seen
    })
}

/// Spins until something is seen.
fn watch(at: At, word: &AtomicUsize, go: &mpsc::Sender<()>) -> Seen {
    let end = Instant::now() + PATIENCE;
    let mut before = word.load(Ordering::Relaxed);
    if go.send(()).is_err() {
        return Seen::Nothing;
    }
    loop {
        let spun = spin(at, word);
        let now = word.load(Ordering::Relaxed);
        match spun {
            Spun::Changed => return Seen::NoAbort,
            // Interrupted by the other thread, and not by somebody else.
            Spun::Aborted if now != before => return Seen::Aborts,
            // It ran between two spins.
            Spun::Tired if now != before && go.send(()).is_err() => return Seen::Nothing,
            Spun::Aborted | Spun::Tired => before = now,
        }
        if Instant::now() > end {
            return Seen::Nothing;
        }
    }
}

#[allow(unsafe_code)]
fn spin(at: At, word: &AtomicUsize) -> Spun {
    // SAFETY: the thread is registered with the area that `at` names; the word is borrowed.
    unsafe { Native::spin(at, word.as_ptr(), ROUNDS) }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Mode, Registrar, mode};
    use super::super::{Registered, area, register_this_thread};
    use super::*;

    /// RS-17. Being preempted beside the range must not look like being preempted in it.
    #[test]
    fn a_kernel_that_aborts_is_never_said_not_to() {
        let Mode::Sequences(sequence) = mode() else { return };
        let is_registered = match sequence.by {
            Registrar::Libc => Registered::Yes,
            Registrar::Pcpu => register_this_thread(),
        };
        assert_eq!(is_registered, Registered::Yes);
        let at = At { area: area::offset(), table: core::ptr::null(), biased: 0 };
        let mut aborts = 0;
        for round in 0..300 {
            match run(at) {
                Seen::NoAbort => panic!("in round {round}"),
                Seen::Aborts => aborts += 1,
                Seen::Nothing => {}
            }
        }
        assert!(aborts > 0, "nothing was ever seen");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads on CPUs of one's choice, and two of them at once.

use std::error::Error;
use std::fmt;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};

use super::glibc::involuntary_switches;
use crate::system::{allowed_cpus, siblings};

/// The process may use one CPU only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OneCpu;

impl fmt::Display for OneCpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this process may use one CPU, two are needed")
    }
}

impl Error for OneCpu {}

/// Keeps the calling thread on one CPU; on any, where the system does not let it.
pub fn pin(cpu: usize) {
    let mut only = CpuSet::new();
    only.set(cpu);
    // A container may forbid it. Then the scheduler moves threads, and the spread shows it.
    let _ = sched_setaffinity(None, &only);
}

/// Keeps the calling thread on the CPU whose turn it is.
pub fn pin_by_turn(number: usize) {
    if let Some(cpus) = allowed_cpus().filter(|cpus| !cpus.is_empty()) {
        pin(cpus[number % cpus.len()]);
    }
}

/// Two CPUs that this process may use: of different cores, if there are such.
///
/// # Errors
/// [`OneCpu`].
pub fn two_cpus() -> Result<[usize; 2], OneCpu> {
    let allowed = allowed_cpus().unwrap_or_default();
    let [first, second, ..] = allowed[..] else { return Err(OneCpu) };
    let same_core = siblings(first).unwrap_or_default();
    let apart = allowed[1..].iter().find(|cpu| !same_core.contains(cpu));
    Ok([first, apart.copied().unwrap_or(second)])
}

/// How many operations a second threads did together, one on each CPU, in a window of time.
///
/// `work` is called with the thread's number and told when to stop; it returns how many operations it
/// did. `None` if the system let somebody else run on one of the CPUs meanwhile.
pub fn rate(
    cpus: &[usize],
    window: Duration,
    work: &(dyn Fn(usize, Instant) -> u64 + Sync),
) -> Option<f64> {
    let start = Barrier::new(cpus.len());
    let thread = |number: usize| {
        pin(cpus[number]);
        // Whatever comes with the first operations of a thread is not meant.
        work(number, Instant::now() + window / 16);
        start.wait();
        let (before, begun) = (involuntary_switches(), Instant::now());
        let done = work(number, begun + window);
        let took = begun.elapsed();
        (involuntary_switches() == before).then(|| done as f64 / took.as_secs_f64())
    };
    let thread = &thread;
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..cpus.len()).map(|number| scope.spawn(move || thread(number))).collect();
        let rates: Vec<_> =
            threads.into_iter().map(|it| it.join().expect("work does not panic")).collect();
        rates.into_iter().sum()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_rate_is_what_all_threads_did_in_the_time() {
        let Ok(cpus) = two_cpus() else { return };
        let numbers = AtomicUsize::new(0);
        let work = |number: usize, end: Instant| {
            numbers.fetch_or(1 << number, Ordering::Relaxed);
            let mut done = 0;
            while Instant::now() < end {
                thread::sleep(Duration::from_millis(1));
                done += 1;
            }
            done
        };
        // Threads that sleep are not taken off their CPU; but once may be chance.
        let rate = (0..20).find_map(|_| rate(&cpus, Duration::from_millis(16), &work));
        let rate = rate.expect("one quiet window of 20");
        assert!(rate > 10.0 && rate < 2001.0, "{rate}");
        assert_eq!(numbers.into_inner(), 3);
    }

    #[test]
    fn two_cpus_are_two() {
        if let Ok([first, second]) = two_cpus() {
            assert_ne!(first, second);
        }
    }
}

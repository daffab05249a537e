// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long an allocation and a free take, measured without disturbing them much.
//!
//! Reading the clock costs as much as half an operation, so it is read where the kind of work
//! changes and not around every call:
//!
//! ```text
//!  a a a a a f f f a a │balance│ a a f ...
//!  ◄─ lap ─►◄lap─►◄lap►◄─ lap ─►◄lap►
//! ```
//!
//! A *lap* is a maximal stretch of equal operations. Its time, less one reading of the clock, counts
//! for its kind; balance work is a kind of its own and part of the whole only. The clock
//! stands still while the next operations are unpacked.
//!
//! A short trace is over in a millisecond, most of it spent on touching memory for the first
//! time and much of it on chance; it is replayed again while that costs little, and the middle
//! one of the runs counts.

use std::time::{Duration, Instant};

use pcpu_core::{Allocator, Cookie, Machine};
use pcpu_trace::Op;

use crate::area;
use crate::args::Balance;
use crate::by_id::ById;
use crate::trace::Trace;

/// Runs of one trace at most, an odd number.
pub const MAX_RUNS: usize = 9;

/// No further run begins after this much time.
pub const ENOUGH: Duration = Duration::from_millis(200);

/// Nanoseconds per operation; 0 where there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Times {
    /// Of an allocation.
    pub alloc_ns: f64,
    /// Of a free.
    pub free_ns: f64,
    /// Of any line of the trace: the whole loop, balance work included.
    pub op_ns: f64,
}

#[derive(Clone, Copy)]
enum Lap {
    Alloc,
    Free,
    Balance,
}

/// Splits time into laps.
struct Stopwatch {
    mark: Instant,
    lap: Lap,
    /// By kind of lap: the time, how many laps, how many operations in them.
    spent: [Duration; 3],
    nr_laps: [u32; 3],
    nr_ops: [u64; 3],
}

impl Stopwatch {
    fn new() -> Self {
        let mark = Instant::now();
        Self { mark, lap: Lap::Balance, spent: Default::default(), nr_laps: [0; 3], nr_ops: [0; 3] }
    }

    /// Goes on after [`pause`](Self::pause).
    fn resume(&mut self) {
        self.mark = Instant::now();
    }

    /// Stops the clock.
    fn pause(&mut self) {
        let now = Instant::now();
        self.spent[self.lap as usize] += now - self.mark;
        self.nr_laps[self.lap as usize] += 1;
        self.mark = now;
    }

    /// What follows is of this kind.
    #[inline]
    fn enter(&mut self, lap: Lap) {
        if self.lap as usize != lap as usize {
            self.pause();
            self.lap = lap;
        }
    }

    #[inline]
    fn count(&mut self) {
        self.nr_ops[self.lap as usize] += 1;
    }

    fn times(&self, clock_cost: Duration, nr_lines: u64) -> Times {
        let net = |lap: usize| self.spent[lap].saturating_sub(clock_cost * self.nr_laps[lap]);
        let per = |time: Duration, nr: u64| {
            if nr == 0 { 0.0 } else { time.as_nanos() as f64 / nr as f64 }
        };
        Times {
            alloc_ns: per(net(0), self.nr_ops[0]),
            free_ns: per(net(1), self.nr_ops[1]),
            op_ns: per((0..3).map(net).sum(), nr_lines),
        }
    }
}

/// Replays the trace once, checking nothing, and says how long it took.
///
/// A refused free is passed over: the checked run meets it too, and reports it.
pub fn run<P: Machine>(allocator: &Allocator<P>, trace: &Trace, balance: Balance) -> Times {
    let mut live: ById<Cookie> = ById::new();
    let mut watch = Stopwatch::new();
    let replayed: Result<(), std::convert::Infallible> = trace.replay(|ops| {
        watch.resume();
        for op in ops {
            match op {
                Op::Alloc(alloc) => {
                    watch.enter(Lap::Alloc);
                    watch.count();
                    if let Ok(cookie) = allocator.alloc(area::request(alloc)) {
                        live.put(alloc.id, cookie);
                    }
                }
                Op::Free(id) => {
                    watch.enter(Lap::Free);
                    if let Some(cookie) = live.take(*id) {
                        watch.count();
                        let _ = allocator.free(cookie);
                    }
                }
                Op::Balance => {}
            }
            let due = balance == Balance::Auto || matches!(op, Op::Balance);
            if due && allocator.balance_wanted() {
                watch.enter(Lap::Balance);
                allocator.balance();
            }
        }
        watch.pause();
        Ok(())
    });
    let Ok(()) = replayed;
    watch.times(clock_cost(), trace.nr_ops())
}

/// Returns the run whose operations took neither longest nor shortest.
pub fn middle(mut runs: Vec<Times>) -> Times {
    runs.sort_by(|a, b| a.op_ns.total_cmp(&b.op_ns));
    runs.get(runs.len() / 2).copied().unwrap_or_default()
}

/// Returns what one reading of the clock costs: the least of many, as the others were disturbed.
fn clock_cost() -> Duration {
    const READINGS: u32 = 64;
    let batch = || {
        let start = Instant::now();
        let mut last = start;
        for _ in 0..READINGS {
            last = Instant::now();
        }
        (last - start) / READINGS
    };
    (0..32).map(|_| batch()).min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_of(op_ns: f64) -> Times {
        Times { op_ns, ..Times::default() }
    }

    #[test]
    fn the_middle_run_counts() {
        let runs = [5.0, 1.0, 900.0].map(run_of).to_vec();
        assert_eq!(middle(runs).op_ns, 5.0);
        assert_eq!(middle(Vec::new()), Times::default());
    }

    #[test]
    fn each_lap_pays_for_one_reading_of_the_clock() {
        let mut watch = Stopwatch::new();
        watch.spent = [1000, 90, 500].map(Duration::from_nanos);
        watch.nr_laps = [2, 1, 1];
        watch.nr_ops = [10, 0, 0];
        let times = watch.times(Duration::from_nanos(100), 20);
        // 90 ns less 100 ns are no time, not a negative one.
        assert_eq!((times.alloc_ns, times.free_ns, times.op_ns), (80.0, 0.0, 60.0));
    }
}

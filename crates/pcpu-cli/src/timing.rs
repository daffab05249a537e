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
//! stands still while the next operations are unpacked; what lies between is a *piece* of the trace.
//!
//! The clock also runs while the system lets another program run: a few milliseconds, all of
//! them in one lap, and a lap of ten frees makes frees look ten times as slow. So the trace is
//! replayed again while that costs little, and of each piece and kind the middle time of all runs
//! counts. Whoever disturbs one piece in one run disturbs nothing; that takes most of the runs. The
//! processor time of a thread would not have this weakness, but reading it takes a system call, as
//! long as an allocation.

use std::mem;
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
pub const ENOUGH: Duration = Duration::from_millis(500);

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

/// What one run took.
pub struct Run {
    pieces: Vec<Piece>,
    nr_lines: u64,
}

/// What some thousand operations took, by kind of lap, without the clock's own time.
#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    spent: [Duration; NR_KINDS],
    nr_ops: [u64; NR_KINDS],
}

#[derive(Clone, Copy)]
enum Lap {
    Alloc,
    Free,
    Balance,
}

const NR_KINDS: usize = 3;

/// Splits time into laps.
struct Stopwatch {
    mark: Instant,
    lap: Lap,
    /// How many laps, and of each kind the time and the operations.
    nr_laps: [u32; NR_KINDS],
    piece: Piece,
}

impl Stopwatch {
    fn new() -> Self {
        let piece = Piece::default();
        Self { mark: Instant::now(), lap: Lap::Balance, nr_laps: [0; NR_KINDS], piece }
    }

    /// Goes on after [`pause`](Self::pause).
    fn resume(&mut self) {
        self.mark = Instant::now();
    }

    /// Stops the clock.
    fn pause(&mut self) {
        let now = Instant::now();
        self.piece.spent[self.lap as usize] += now - self.mark;
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
        self.piece.nr_ops[self.lap as usize] += 1;
    }

    /// Returns what was measured since the last piece; each lap pays for one reading of the clock.
    fn take_piece(&mut self, clock_cost: Duration) -> Piece {
        let mut piece = mem::take(&mut self.piece);
        for (spent, nr_laps) in piece.spent.iter_mut().zip(mem::take(&mut self.nr_laps)) {
            *spent = spent.saturating_sub(clock_cost * nr_laps);
        }
        piece
    }
}

/// Replays the trace once, checking nothing, and says how long it took.
///
/// A refused free is passed over: the checked run meets it too, and reports it.
pub fn run<P: Machine>(allocator: &Allocator<P>, trace: &Trace, balance: Balance) -> Run {
    let clock_cost = clock_cost();
    let mut pieces = Vec::new();
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
        pieces.push(watch.take_piece(clock_cost));
        Ok(())
    });
    let Ok(()) = replayed;
    Run { pieces, nr_lines: trace.nr_ops() }
}

/// Returns what the operations of a trace took that was replayed several times: of each piece and
/// kind the time that is neither long nor short.
pub fn middle(runs: &[Run]) -> Times {
    let Some(first) = runs.first() else { return Times::default() };
    let mut spent = [Duration::ZERO; NR_KINDS];
    let mut nr_ops = [0; NR_KINDS];
    for (idx, piece) in first.pieces.iter().enumerate() {
        for kind in 0..NR_KINDS {
            let mut times: Vec<Duration> =
                runs.iter().map(|run| run.pieces[idx].spent[kind]).collect();
            times.sort_unstable();
            // Of two runs the faster one: the other was disturbed.
            spent[kind] += times[(times.len() - 1) / 2];
            nr_ops[kind] += piece.nr_ops[kind];
        }
    }
    let per = |time: Duration, nr: u64| {
        if nr == 0 { 0.0 } else { time.as_nanos() as f64 / nr as f64 }
    };
    Times {
        alloc_ns: per(spent[Lap::Alloc as usize], nr_ops[Lap::Alloc as usize]),
        free_ns: per(spent[Lap::Free as usize], nr_ops[Lap::Free as usize]),
        op_ns: per(spent.iter().sum(), first.nr_lines),
    }
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

    /// A run of pieces with ten allocations and ten frees each, from what these took.
    fn run_of(pieces: &[(u64, u64)]) -> Run {
        let piece = |&(allocs, frees): &(u64, u64)| Piece {
            spent: [allocs, frees, 0].map(Duration::from_nanos),
            nr_ops: [10, 10, 0],
        };
        Run { pieces: pieces.iter().map(piece).collect(), nr_lines: 20 * pieces.len() as u64 }
    }

    #[test]
    fn a_disturbance_of_one_kind_in_one_piece_of_each_run_changes_nothing() {
        let quiet = run_of(&[(200, 50), (300, 70)]);
        let expected = Times { alloc_ns: 25.0, free_ns: 6.0, op_ns: 15.5 };
        assert_eq!(middle(std::slice::from_ref(&quiet)), expected);
        let disturbed = [
            run_of(&[(200, 9_000_000), (300, 70)]),
            run_of(&[(9_000_000, 50), (300, 70)]),
            run_of(&[(200, 50), (300, 9_000_000)]),
        ];
        assert_eq!(middle(&disturbed), expected);
        assert_eq!(middle(&disturbed[..2]), expected);
    }

    #[test]
    fn no_runs_take_no_time() {
        assert_eq!(middle(&[]), Times::default());
    }

    #[test]
    fn each_lap_pays_for_one_reading_of_the_clock() {
        let mut watch = Stopwatch::new();
        watch.piece.spent = [1000, 90, 500].map(Duration::from_nanos);
        watch.nr_laps = [2, 1, 1];
        let piece = watch.take_piece(Duration::from_nanos(100));
        // 90 ns less 100 ns are no time, not a negative one.
        assert_eq!(piece.spent, [800, 0, 400].map(Duration::from_nanos));
        assert_eq!((watch.piece.spent[0], watch.nr_laps), (Duration::ZERO, [0; NR_KINDS]));
    }
}

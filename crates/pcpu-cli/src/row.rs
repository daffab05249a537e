// SPDX-License-Identifier: MIT OR Apache-2.0
//! One row of the answer: a trace replayed on fresh machines of one kind.
//!
//! First without checks and with a clock, as often as is worth it; then once with checks and
//! without a clock. The figures of the row are what the timed runs ended with; the checked run has
//! to end with the same.

use std::time::Instant;

use pcpu_core::{Allocator, Machine, Stats};

use crate::args::Balance;
use crate::cells::Cell;
use crate::progress::Progress;
use crate::timing::{self, Times};
use crate::trace::Trace;
use crate::verify::{self, Expected, Failure, Seen};

/// What came of a cell.
pub struct Row {
    /// On what it ran.
    pub machinery: Machinery,
    /// The allocator's figures at the end of the trace.
    pub stats: Stats,
    /// How long it took.
    pub times: Times,
    /// What the checked run saw.
    pub seen: Seen,
    /// Whether every check held.
    pub verdict: Result<(), Failure>,
}

/// On what a row runs, and how.
#[derive(Clone, Copy)]
pub struct Machinery {
    /// Which cell.
    pub cell: Cell,
    /// Possible CPUs.
    pub cpus: u32,
    /// Memory nodes.
    pub nodes: u32,
    /// The platform's name.
    pub platform: &'static str,
    /// Bytes of a page.
    pub page_size: usize,
    /// When the worker runs.
    pub balance: Balance,
    /// Whether to collect where each allocation went.
    pub offsets: Offsets,
}

/// Whether to collect where each allocation went; it is as long as the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offsets {
    /// Yes.
    Collected,
    /// No.
    Dropped,
}

/// Replays the trace on allocators that `make` makes.
///
/// # Errors
/// Those of `make`. A failed check is a result: [`Row::verdict`].
pub fn replay<P: Machine, E>(
    machinery: Machinery,
    trace: &Trace,
    make: impl Fn() -> Result<Allocator<P>, E>,
) -> Result<Row, E> {
    let Machinery { cell, balance, offsets, .. } = machinery;
    let fresh = || make().inspect(|allocator| allocator.enable_balance());
    let started = Instant::now();
    let mut progress = Progress::new(format!("replaying {cell}"), 0);
    let allocator = fresh()?;
    let mut runs = vec![timing::run(&allocator, trace, balance)];
    let stats = allocator.stats();
    drop(allocator);
    while runs.len() < timing::MAX_RUNS && started.elapsed() < timing::ENOUGH {
        progress.advance(1);
        runs.push(timing::run(&fresh()?, trace, balance));
    }
    drop(progress);

    let mut seen = match offsets {
        Offsets::Collected => Seen::with_offsets(),
        Offsets::Dropped => Seen::default(),
    };
    let expected = Expected { cell, balance, timed: &stats };
    let verdict = verify::run(&fresh()?, trace, &expected, &mut seen);
    Ok(Row { machinery, stats, times: timing::middle(&runs), seen, verdict })
}

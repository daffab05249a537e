// SPDX-License-Identifier: MIT OR Apache-2.0
//! `pcpu bench`: the figures of the scoreboard, and what else a person would compare, measured on
//! this machine.
//!
//! ```text
//!   rows ─► child: one process, one row ─► race: contenders, batch by batch ─► Sample
//!    │        └─ again, so many times                                           │
//!    └────────────────────────────────────► Row: medians over the processes ◄───┘
//!                                             └─► table or json
//! ```
//!
//! # Method
//! - **Processes, not length.** Addresses, and so cache sets, are dealt out once for a process. A
//!   longer run repeats that luck; a fresh process has its own. The median is over processes.
//! - **Interleaved batches.** The clock of a machine changes within milliseconds. Contenders take
//!   turns, each for a fraction of a millisecond, so that they meet the same clock: trust ratios.
//! - **Batches in which the system let somebody else run are dropped**: the kernel counts these.
//!
//! Nothing is taken off for the loop around an operation. Where that counts, the peer has it too.

mod child;
mod duo;
mod glibc;
mod json;
mod race;
mod row;
mod rows;
mod sample;
mod table;

use std::io::{self, Write};
use std::time::Duration;

use thiserror::Error;

use crate::args::BenchArgs;
use crate::progress::Progress;
use crate::system::System;
use row::Row;
use rows::Figure;

pub use rows::parse_name;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The answer cannot be written.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
    /// In a child: the row cannot be measured here.
    #[error("{0}")]
    Row(String),
    /// No row could be measured.
    #[error("no row could be measured")]
    Nothing,
}

/// How thoroughly to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// So that medians mean something.
    Full,
    /// To see whether it works.
    Quick,
}

impl Pace {
    /// How many processes a row gets that asks for `full`.
    fn processes(self, full: usize) -> usize {
        match self {
            Self::Full => full,
            Self::Quick => full.min(3),
        }
    }

    /// How long a process measures.
    fn budget(self, full: Duration) -> Duration {
        match self {
            Self::Full => full,
            Self::Quick => full / 4,
        }
    }
}

/// One process's turn at a row.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// Which one, from 0: processes take turns at CPUs too.
    number: usize,
    budget: Duration,
}

/// Processes of a row that may fail before it is left out.
const MOST_FAILURES: usize = 3;

/// Measures and prints; or, in a child, measures one row once.
///
/// # Errors
/// See [`BenchError`]. A row that cannot be measured here is said so, and left out.
pub fn run(args: &BenchArgs) -> Result<(), BenchError> {
    let pace = if args.quick { Pace::Quick } else { Pace::Full };
    if let Some(name) = &args.in_child {
        return child::be(name, args.turn, pace);
    }
    let figures = rows::chosen(&args.rows);
    let measured = measure(&figures, pace);
    if measured.is_empty() {
        return Err(BenchError::Nothing);
    }
    let (system, mode) = (System::look(), pcpu::mode());
    let mut out = anstream::stdout().lock();
    if args.json {
        json::write(&mut out, &system, mode, &measured)?;
    } else {
        table::write(&mut out, &system, mode, &measured, pace)?;
    }
    Ok(out.flush()?)
}

fn measure(figures: &[&'static Figure], pace: Pace) -> Vec<Row> {
    let nr_processes = figures.iter().map(|figure| pace.processes(figure.processes)).sum::<usize>();
    let mut progress = Progress::new("measuring", nr_processes as u64);
    let mut rows = Vec::new();
    for figure in figures {
        let (mut samples, mut failures) = (Vec::new(), Vec::new());
        for turn in 0..pace.processes(figure.processes) {
            match child::ask(figure, turn, pace) {
                Ok(sample) => samples.push(sample),
                Err(error) => failures.push(error),
            }
            progress.advance(1);
            if failures.len() > MOST_FAILURES {
                break;
            }
        }
        // On a busy machine a process or two may not get to measure anything.
        match failures.pop() {
            Some(error) if failures.len() >= samples.len() || failures.len() >= MOST_FAILURES => {
                anstream::eprintln!("pcpu: {} is left out: {error}", figure.id);
            }
            _ => rows.push(Row::of(figure, &samples)),
        }
    }
    rows
}

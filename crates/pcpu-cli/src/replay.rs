// SPDX-License-Identifier: MIT OR Apache-2.0
//! `pcpu replay`: reads a trace, replays it in each cell, prints the answer.

use std::io::{self, Write};
use std::path::Path;

use pcpu_trace::TraceError;
use thiserror::Error;

use crate::args::ReplayArgs;
use crate::json;
use crate::plan::{self, Plan, UsageError};
use crate::row::Row;
use crate::table::{self, KernelStats};
use crate::trace::{Source, Trace};
use crate::wiring::{self, StartError};

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// Flags that do not go together.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A machine cannot be had.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The answer cannot be written.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

/// Whether every check held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of them.
    Sound,
    /// Not all; the answer says which.
    Failed,
}

/// Does what the command says.
///
/// # Errors
/// See [`ReplayError`]. A failed check is a [`Verdict`].
pub fn run(args: &ReplayArgs) -> Result<Verdict, ReplayError> {
    plan::check(args)?;
    let trace = Trace::read(source(args))?;
    let plan = Plan::new(args, &trace)?;
    let rows: Result<Vec<Row>, StartError> =
        plan.cells.iter().map(|&cell| wiring::replay(cell, &plan, &trace)).collect();
    let rows = rows?;

    let output = &args.output;
    let mut out = anstream::stdout().lock();
    if output.json {
        json::write(&mut out, &trace, &rows, output)?;
    } else {
        let stats = if output.stats { KernelStats::Shown } else { KernelStats::Hidden };
        table::write(&mut out, &trace, &rows, stats)?;
    }
    out.flush()?;

    for row in &rows {
        if let Err(failure) = &row.verdict {
            anstream::eprintln!("pcpu: a check failed in {}: {failure}", row.machinery.cell);
        }
    }
    let sound = rows.iter().all(|row| row.verdict.is_ok());
    Ok(if sound { Verdict::Sound } else { Verdict::Failed })
}

fn source(args: &ReplayArgs) -> Source<'_> {
    match args.trace.as_deref() {
        None => Source::BuiltIn,
        Some(path) if path == Path::new("-") => Source::Stdin,
        Some(path) => Source::File(path),
    }
}

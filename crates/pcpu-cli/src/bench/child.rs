// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process for one row: this program again, with hidden words.

use std::env;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use thiserror::Error;

use super::rows::{self, Figure};
use super::sample::Sample;
use super::{BenchError, Pace, Turn};

/// How long a process measures, where the row does not say.
const BUDGET: Duration = Duration::from_millis(120);

/// Why a process found nothing.
#[derive(Debug, Error)]
pub enum ChildError {
    /// It could not be started.
    #[error("no process: {0}")]
    Start(#[from] io::Error),
    /// It said why.
    #[error("{0}")]
    Said(String),
    /// It did not say what it should have.
    #[error("its process printed no sample: {0}")]
    Answer(#[from] serde_json::Error),
}

/// Has a row measured in a process of its own.
///
/// # Errors
/// [`ChildError`].
pub fn ask(figure: &Figure, turn: usize, pace: Pace) -> Result<Sample, ChildError> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["bench", "--in-child", figure.id, "--turn", &turn.to_string()]);
    if pace == Pace::Quick {
        command.arg("--quick");
    }
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().trim_start_matches("pcpu: ");
        let silent = format!("its process ended with {}", output.status);
        return Err(ChildError::Said(if said.is_empty() { silent } else { said.to_owned() }));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Measures a row once, and prints the sample.
///
/// # Errors
/// [`BenchError`].
pub fn be(name: &str, turn: usize, pace: Pace) -> Result<(), BenchError> {
    let unknown = || BenchError::Row(format!("no row is called {name}"));
    let figure = rows::exactly(name).ok_or_else(unknown)?;
    let budget = pace.budget(figure.budget.unwrap_or(BUDGET));
    let sample = (figure.measure)(Turn { number: turn, budget });
    let sample = sample.map_err(|error| BenchError::Row(error.to_string()))?;
    let mut line = serde_json::to_vec(&sample).map_err(io::Error::from)?;
    line.push(b'\n');
    Ok(io::stdout().write_all(&line)?)
}

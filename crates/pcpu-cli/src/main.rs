// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `pcpu` command: real traces of per-CPU memory, replayed through the real allocator.
//!
//! ```text
//!  args ─► plan ─┐
//!                ├─► for each cell: wiring ─► row ─┬─ timing   no checks, a clock
//!  trace ────────┘                                 └─ verify   no clock, every check
//!                                    │
//!                                    ▼
//!                              table or json
//! ```
//!
//! Exit codes: 0 when every check held, 1 when one failed or pcpu itself broke, 2 for bad usage and
//! unreadable input.

#![deny(unsafe_code)]

mod area;
mod args;
#[cfg(target_os = "linux")]
mod bench;
mod by_id;
mod cells;
#[cfg(target_os = "linux")]
mod doctor;
mod embedded;
mod json;
mod plan;
mod progress;
mod replay;
mod row;
mod size;
mod spark;
#[cfg(target_os = "linux")]
mod system;
mod table;
mod timing;
mod trace;
mod verify;
mod wiring;

use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use args::{Cli, Command};
use replay::{ReplayError, Verdict};

/// A check failed, or an invariant of pcpu's own.
const UNSOUND: u8 = 1;
/// Bad usage or unreadable input.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The message of a panic is printed where it happens; here only the exit code is at stake.
    match panic::catch_unwind(AssertUnwindSafe(|| run(&cli.command))) {
        Ok(code) => code,
        Err(_) => {
            anstream::eprintln!(
                "pcpu: this is a fault of pcpu's own; the trace that shows it is a good report"
            );
            ExitCode::from(UNSOUND)
        }
    }
}

fn run(command: &Command) -> ExitCode {
    let done = match command {
        Command::Replay(args) => return finish(replay::run(args)),
        #[cfg(target_os = "linux")]
        Command::Bench(args) => return finish_bench(bench::run(args)),
        #[cfg(target_os = "linux")]
        Command::Doctor(args) => doctor::run(args),
        Command::Completions { shell } => print(|out| {
            clap_complete::generate(*shell, &mut Cli::command(), "pcpu", out);
            Ok(())
        }),
        Command::Man => print(print_manual),
    };
    finish(done.map(|()| Verdict::Sound).map_err(ReplayError::Output))
}

fn finish(done: Result<Verdict, ReplayError>) -> ExitCode {
    match done {
        Ok(Verdict::Sound) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::from(UNSOUND),
        // Whoever reads has read enough.
        Err(ReplayError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(ReplayError::Usage(error)) => {
            let mut command = Cli::command();
            // Gives the subcommand its full name for the usage line.
            command.build();
            let command = command.find_subcommand_mut("replay");
            match command {
                Some(command) => command.error(ErrorKind::ArgumentConflict, error).exit(),
                None => ExitCode::from(UNUSABLE),
            }
        }
        Err(error) => {
            anstream::eprintln!("pcpu: {error}");
            ExitCode::from(UNUSABLE)
        }
    }
}

#[cfg(target_os = "linux")]
fn finish_bench(done: Result<(), bench::BenchError>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(bench::BenchError::Output(error)) => finish(Err(ReplayError::Output(error))),
        Err(error) => {
            anstream::eprintln!("pcpu: {error}");
            ExitCode::from(UNSOUND)
        }
    }
}

/// Prints what `write` makes, all at once: its writer may not fail.
fn print(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    let mut text = Vec::new();
    write(&mut text)?;
    io::stdout().write_all(&text)
}

/// The page of `pcpu`, then one of each of its commands.
fn print_manual(out: &mut Vec<u8>) -> io::Result<()> {
    let mut command = Cli::command().disable_help_subcommand(true);
    // Gives the commands their full names.
    command.build();
    clap_mangen::Man::new(command.clone()).render(out)?;
    for subcommand in command.get_subcommands() {
        clap_mangen::Man::new(subcommand.clone()).render(out)?;
    }
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask`: everything that CI runs, and how to set it up.
//!
//! ```text
//!   test ──▶ setup ──▶ ┐
//!   ci  ─────────────▶ ├─▶ stages ──▶ report: seconds, table, closing line
//!   nightly ─────────▶ ┘
//!   firmware ────────▶ images, booted in QEMU: a line each
//!   rseq-vm ─────────▶ Linux on foreign processors, booted in QEMU: a line for each check
//!   reference-compare ─▶ a table of peak memory, refusals and times
//! ```
//!
//! A *stage* is one check that a person can name (`cargo xtask ci --list`). A stage knows
//! nothing of the others, leaves nothing behind outside the build folder, and may be run
//! alone (`--only`). Set-up is apart from the stages, so that `ci` installs nothing, ever.
//!
//! `docs/testing.md` says what each stage proves.

#![forbid(unsafe_code)]

mod boot;
mod cells;
mod doc_paths;
mod firmware;
mod instructions;
mod layers;
mod nightly;
mod reference;
mod report;
mod rseq_vm;
mod setup;
mod site;
mod stages;
mod symbols;
mod tally;
mod tree;
mod unsafe_files;

use std::process::ExitCode;

use anstream::eprintln;
use clap::{Parser, Subcommand};

use setup::Consent;
use site::{Result, Site};

/// Runs the project's checks.
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Set up what the tests need, then run everything that CI runs
    Test {
        /// Install what is missing without asking (CI=true says the same)
        #[arg(long)]
        yes: bool,
    },
    /// Run everything that CI runs; install nothing
    Ci(Selection),
    /// Run the long forms: more cases, more seeds, more shapes of machine
    Nightly(Selection),
    /// Boot the images for boards in QEMU
    Firmware(firmware::Options),
    /// Boot Linux on foreign processors in QEMU, and check restartable sequences there
    RseqVm(rseq_vm::Options),
    /// Compare the assembly of operations on the running CPU's copy with codegen/, and count
    Instructions(instructions::Options),
    /// Compare with programs that replay traces by the kernel's own algorithm
    ReferenceCompare(reference::Options),
}

#[derive(clap::Args)]
struct Selection {
    /// Run this stage alone; may be repeated
    #[arg(long, value_name = "STAGE")]
    only: Vec<String>,
    /// List the stages and run none
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}error:{} {error}", report::RED, report::RESET);
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result {
    let site = Site::find()?;
    match task {
        Task::Test { yes } => {
            let missing = setup::set_up(&site, Consent::from_flag_and_environment(yes))?;
            report::run(&site, "test", &stages::ALL.iter().collect::<Vec<_>>(), &missing)
        }
        Task::Ci(selection) => selection.run(&site, "ci", stages::ALL),
        Task::Nightly(selection) => selection.run(&site, "nightly", nightly::ALL),
        Task::Firmware(options) => firmware::perform(&site, &options),
        Task::RseqVm(options) => rseq_vm::perform(&site, &options),
        Task::Instructions(options) => instructions::perform(&site, &options),
        Task::ReferenceCompare(options) => reference::compare(&site, &options),
    }
}

impl Selection {
    fn run(&self, site: &Site, name: &str, all: &'static [stages::Stage]) -> Result {
        if self.list {
            report::list(all);
            return Ok(());
        }
        report::run(site, name, &stages::select(all, &self.only)?, &[])
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask firmware`: images that boot on machines of all four cells, in QEMU.
//!
//! ```text
//!   boards ──▶ build ──▶ boot ──▶ verdict ──▶ a line each, and a closing one
//!   (table)    (Cargo)   (QEMU, two lanes)    (status, last line, lines asked for)
//!      │
//!      └─ mutants: the same, on sources with one line made wrong; has to fail
//! ```
//!
//! The closing line has the form of Rust's own test runner, since an image booted in one
//! lane *is* a test: `.ci/run` adds up such lines.

mod boards;
mod build;
mod lane;
mod lint;
mod mutants;
mod seed;
mod size;
mod tree_copy;

use std::collections::BTreeSet;
use std::time::Duration;

use anstream::{print, println};

use boards::Board;
use build::Workshop;
use lane::Lane;

pub use build::metadata;
pub use lint::{fmt, lint};
pub use mutants::check as mutants;
pub use seed::check as seed;
pub use size::check as size;

use crate::boot::verdict;
use crate::report::{RED, RESET};
use crate::site::{Result, Site};
use crate::tally::Tally;

/// What `cargo xtask firmware` may be followed by besides names of boards: no board may be
/// called so.
#[cfg(test)]
const SUBCOMMANDS: &[&str] = &["size"];

/// A boot takes a second or a few; one that takes this long hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// What `cargo xtask firmware` is asked for.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    task: Option<Task>,
    /// Boot these images alone
    #[arg(value_name = "BOARD")]
    boards: Vec<String>,
    /// List the boards and boot none
    #[arg(long, conflicts_with_all = ["mutants", "show"])]
    list: bool,
    /// Print what each image prints, not only where it failed
    #[arg(long)]
    show: bool,
    /// Break the sources, one line at a time, and see that some image fails
    #[arg(long, conflicts_with_all = ["boards", "show"])]
    mutants: bool,
}

#[derive(clap::Subcommand)]
enum Task {
    /// Measure what the allocator costs in flash and RAM, and compare with docs/size.md
    Size(size::Options),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Consoles {
    /// Of failed boots.
    OfFailures,
    /// Of every boot.
    All,
}

/// Does what `options` say.
pub fn perform(site: &Site, options: &Options) -> Result {
    if let Some(Task::Size(options)) = &options.task {
        return size::perform(site, options);
    }
    if options.mutants {
        return mutants::check(site);
    }
    let boards = boards::select(&options.boards)?;
    if options.list {
        list(&boards);
        return Ok(());
    }
    let consoles = if options.show { Consoles::All } else { Consoles::OfFailures };
    boot_all(site, &boards, consoles)
}

/// The stage: every image, in both lanes.
pub fn check(site: &Site) -> Result {
    boot_all(site, &boards::select(&[])?, Consoles::OfFailures)
}

/// The programs of QEMU that boots need.
pub fn emulators() -> BTreeSet<&'static str> {
    boards::ALL.iter().map(|board| board.qemu).collect()
}

fn list(boards: &[&Board]) {
    for board in boards {
        println!("{} {}", machine(board), board.target);
        println!("{:<16} {} {}", "", board.qemu, words(board.machine));
    }
}

/// `text` with one blank where it has several.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Builds all images, then boots them one after the other.
fn boot_all(site: &Site, boards: &[&Board], consoles: Consoles) -> Result {
    let workshop = Workshop::of(site)?;
    let batches = build::batches(boards);
    let mut built = Vec::new();
    for batch in &batches {
        let all = workshop.build(batch).run().is_ok();
        // One that does not build shall not look as if its neighbours did not.
        let alone = |board| workshop.build(&vec![board]).run().is_ok();
        built.extend(batch.iter().filter(|board| all || alone(**board)).map(|board| board.name));
    }

    let mut tally = Tally::new("boots");
    for board in boards {
        for lane in Lane::ALL {
            let passed = if built.contains(&board.name) {
                boot_one(&workshop, board, lane, consoles)?
            } else {
                println!("{} {RED}does not build{RESET}", title(board, lane));
                false
            };
            tally.count(&format!("{} ({})", board.name, lane.name()), passed);
        }
    }
    tally.close()
}

/// Boots one image in one lane, prints its line, and says whether it went well.
fn boot_one(workshop: &Workshop, board: &Board, lane: Lane, consoles: Consoles) -> Result<bool> {
    let boot = lane::boot(board, &workshop.image(board), lane, LIMIT)?;
    let verdict = verdict::judge(&board.asked(), &boot);
    print!("{} {:>5.1} s  ", title(board, lane), boot.took.as_secs_f64());
    match &verdict {
        Ok(()) => println!("passed"),
        Err(fault) => println!("{RED}FAILED{RESET}: {fault}"),
    }
    if verdict.is_err() || consoles == Consoles::All {
        boot.show();
    }
    Ok(verdict.is_ok())
}

fn title(board: &Board, lane: Lane) -> String {
    format!("{} {:<10}", machine(board), lane.name())
}

fn machine(board: &Board) -> String {
    let Board { name, cell, cpus, .. } = board;
    let unit = if *cpus == 1 { "CPU" } else { "CPUs" };
    format!("{name:<16} {cell:<12} {cpus} {unit:<4}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_says_board_cell_processors_and_lane() {
        let board = boards::select(&["an536".to_owned()]).unwrap()[0];
        assert_eq!(words(&title(board, Lane::Racing)), "an536 SMP, no MMU 2 CPUs racing");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mutants: sources with one place made wrong, and at least one image has to notice.
//!
//! An image that passes says little unless it would fail on broken code. So the sources are
//! copied, one mutation is applied, and the images that ought to notice are built and booted. A
//! mutant is *caught* when a boot is no success: wrong status, no `PASS`, or no end. One that
//! passes everywhere has *survived*, and is the failure here.
//!
//! Two things must not look like a catch. A mutant that does not compile proves nothing; it is
//! an error of the table. And a machine that is broken anyway would catch everything; so the
//! unchanged copy has to pass first.

mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anstream::println;

use super::LIMIT;
use super::boards::{self, Board};
use super::build::{self, Workshop};
use super::lane::{self, Lane};
use super::tree_copy::TreeCopy;
use crate::boot::verdict::{self, Fault};
use crate::report::{RED, RESET};
use crate::site::{Result, Site};
use crate::tally::Tally;

/// One way to make the sources wrong.
struct Mutant {
    /// What is wrong then.
    name: &'static str,
    /// The file, from the root.
    file: &'static str,
    /// Text that occurs in it exactly once.
    find: &'static str,
    /// What takes its place.
    replace: &'static str,
    /// The images that ought to notice; one has to.
    boards: &'static [&'static str],
}

/// What became of a mutant.
enum Outcome {
    Caught { board: &'static str, boots: u32, by: Fault },
    Survived,
    DoesNotCompile { board: &'static str, message: String },
}

/// A mutant whose fault depends on who is first may get away once.
const BOOTS: u32 = 3;

/// The time limit of a mutant: this much more than the unchanged image took, which on a busy
/// machine is more than on an idle one.
const PATIENCE_FACTOR: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(5);

/// A board, and how long its unchanged image took.
struct Control {
    board: &'static Board,
    took: Duration,
}

/// The stage: the unchanged images pass, and every mutant of the table is caught.
pub fn check(site: &Site) -> Result {
    let folder = site.metadata()?.target_directory.join("mutants");
    let copy = TreeCopy::make(site.root(), &folder.join("tree"))?;
    // Where the images are built, for the crates of others are built there already.
    let workshop = Workshop::at(copy.root(), &build::metadata(site)?.target_directory)?;
    let controls = pass_unchanged(&workshop)?;

    let mut tally = Tally::new("mutants");
    for mutant in table::ALL {
        let text = mutant.original(copy.root())?;
        copy.write(mutant.file, &mutant.applied_to(&text)?)?;
        let outcome = try_mutant(&workshop, mutant, &controls);
        copy.write(mutant.file, &text)?;
        let outcome = outcome?;
        println!("{:<44} {}", mutant.name, outcome.in_words());
        tally.count(mutant.name, matches!(outcome, Outcome::Caught { .. }));
    }
    tally.close()
}

/// Boots the unchanged image of every board that the table names.
fn pass_unchanged(workshop: &Workshop) -> Result<Vec<Control>> {
    let names: BTreeSet<_> = table::ALL.iter().flat_map(|mutant| mutant.boards).collect();
    if names.is_empty() {
        return Err("the table of mutants is empty, which proves nothing".into());
    }
    let names: Vec<_> = names.iter().map(|name| (**name).to_owned()).collect();
    let boards = boards::select(&names)?;
    for batch in build::batches(&boards) {
        workshop.build(&batch).run()?;
    }
    let mut controls = Vec::new();
    for board in boards {
        let boot = lane::boot(board, &workshop.image(board), Lane::Racing, LIMIT)?;
        if let Err(fault) = verdict::judge(&board.asked(), &boot) {
            boot.show();
            return Err(format!("{} fails without any mutation: {fault}", board.name).into());
        }
        println!("{:<16} passes unchanged, {:.1} s", board.name, boot.took.as_secs_f64());
        controls.push(Control { board, took: boot.took });
    }
    Ok(controls)
}

fn try_mutant(workshop: &Workshop, mutant: &Mutant, controls: &[Control]) -> Result<Outcome> {
    for name in mutant.boards {
        let control = controls.iter().find(|control| control.board.name == *name);
        let Control { board, took } = control.expect("the control ran on every board named");
        let output = workshop.build(&vec![*board]).quiet().ignore_status().output()?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            return Ok(Outcome::DoesNotCompile { board: board.name, message });
        }
        for boots in 1..=BOOTS {
            let limit = *took * PATIENCE_FACTOR + PATIENCE;
            let boot = lane::boot(board, &workshop.image(board), Lane::Racing, limit)?;
            if let Err(by) = verdict::judge(&board.asked(), &boot) {
                return Ok(Outcome::Caught { board: board.name, boots, by });
            }
        }
    }
    Ok(Outcome::Survived)
}

impl Mutant {
    /// Reads the file that is to be made wrong.
    fn original(&self, root: &Path) -> std::result::Result<String, String> {
        let text = fs::read_to_string(root.join(self.file));
        text.map_err(|error| format!("{}: {}: {error}", self.name, self.file))
    }

    /// Returns `text` with the mutation.
    ///
    /// # Errors
    /// The text to find is not there exactly once, or nothing changes.
    fn applied_to(&self, text: &str) -> std::result::Result<String, String> {
        let count = text.matches(self.find).count();
        if count != 1 {
            let Mutant { name, file, .. } = self;
            return Err(format!("{name}: the text is {count} times in {file}, expected once"));
        }
        if self.find == self.replace {
            return Err(format!("{}: nothing changes", self.name));
        }
        Ok(text.replacen(self.find, self.replace, 1))
    }
}

impl Outcome {
    fn in_words(&self) -> String {
        match self {
            Outcome::Caught { board, boots, by } => {
                format!("caught by {board}, boot {boots}: {by}")
            }
            Outcome::Survived => format!("{RED}survived{RESET}"),
            Outcome::DoesNotCompile { board, message } => {
                format!("{RED}does not compile{RESET} for {board}:\n{message}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUTANT: Mutant =
        Mutant { name: "sum", file: "a.rs", find: "a + b", replace: "a - b", boards: &["an536"] };

    #[test]
    fn a_mutation_changes_its_place_and_no_other() {
        assert_eq!(MUTANT.applied_to("x\na + b\ny\n").unwrap(), "x\na - b\ny\n");
    }

    #[test]
    fn a_text_that_is_absent_or_ambiguous_is_an_error() {
        let error = MUTANT.applied_to("a+b").unwrap_err();
        assert_eq!(error, "sum: the text is 0 times in a.rs, expected once");
        assert!(MUTANT.applied_to("a + b; a + b").unwrap_err().contains("2 times"));
    }

    #[test]
    fn a_mutation_that_changes_nothing_is_an_error() {
        let mutant = Mutant { replace: "a + b", ..MUTANT };
        assert_eq!(mutant.applied_to("a + b").unwrap_err(), "sum: nothing changes");
    }

    #[test]
    fn every_mutation_of_the_table_fits_the_sources_as_they_are() {
        let site = Site::find().unwrap();
        for mutant in table::ALL {
            let text = mutant.original(site.root()).unwrap();
            mutant.applied_to(&text).unwrap();
        }
    }

    #[test]
    fn every_mutant_names_boards_that_exist_and_is_unique() {
        for mutant in table::ALL {
            let names: Vec<_> = mutant.boards.iter().map(|name| (*name).to_owned()).collect();
            assert!(!names.is_empty(), "{}", mutant.name);
            boards::select(&names).unwrap();
        }
        let names: BTreeSet<_> = table::ALL.iter().map(|mutant| mutant.name).collect();
        assert_eq!(names.len(), table::ALL.len());
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs stages one after the other and says how they went.
//!
//! A failed stage does not stop the rest: one run shows everything there is to mend. The
//! table and the closing line go to stdout, after whatever the stages printed.

use std::time::{Duration, Instant};

use anstream::println;
use anstyle::{AnsiColor, Color, Reset, Style};

use crate::setup::LeftOut;
use crate::site::{Result, Site};
use crate::stages::Stage;

/// For what failed.
pub const RED: Style = colour(AnsiColor::Red);
/// For what was left out.
pub const YELLOW: Style = colour(AnsiColor::Yellow);
/// Ends either.
pub const RESET: Reset = Reset;
const BOLD: Style = Style::new().bold();

const fn colour(colour: AnsiColor) -> Style {
    Style::new().bold().fg_color(Some(Color::Ansi(colour)))
}

enum Verdict {
    Passed,
    Failed(String),
    LeftOut(String),
}

struct Row {
    name: &'static str,
    took: Duration,
    verdict: Verdict,
}

/// Prints the stages' names and what each checks.
pub fn list(stages: &[Stage]) {
    for stage in stages {
        println!("{:<13} {}", stage.name, stage.what);
    }
}

/// Runs `stages`, except those `left_out`, and prints the table.
///
/// # Errors
/// The closing line, if a stage failed.
pub fn run(site: &Site, task: &str, stages: &[&Stage], left_out: &[LeftOut]) -> Result {
    let started = Instant::now();
    let rows: Vec<Row> = stages.iter().map(|stage| run_one(site, stage, left_out)).collect();

    println!("\n{BOLD}{:<13} {:>8}  result{RESET}", "stage", "seconds");
    for row in &rows {
        println!("{:<13} {:>8.1}  {}", row.name, row.took.as_secs_f64(), row.verdict.in_words());
    }
    let (line, good) = closing_line(task, &rows, started.elapsed());
    if !good {
        return Err(line.into());
    }
    println!("{line}");
    Ok(())
}

fn run_one(site: &Site, stage: &Stage, left_out: &[LeftOut]) -> Row {
    println!("\n{BOLD}== {}: {}{RESET}", stage.name, stage.what);
    let started = Instant::now();
    let verdict = match left_out.iter().find(|left| left.stage == stage.name) {
        Some(left) => Verdict::LeftOut(left.why.clone()),
        None => match (stage.run)(site) {
            Ok(()) => Verdict::Passed,
            Err(error) => Verdict::Failed(error.to_string()),
        },
    };
    let took = started.elapsed();
    println!("== {}: {} in {:.1} s", stage.name, verdict.in_words(), took.as_secs_f64());
    Row { name: stage.name, took, verdict }
}

impl Verdict {
    fn in_words(&self) -> String {
        match self {
            Verdict::Passed => "passed".to_owned(),
            Verdict::Failed(why) => format!("{RED}FAILED{RESET}: {why}"),
            Verdict::LeftOut(why) => format!("{YELLOW}LEFT OUT{RESET}: {why}"),
        }
    }
}

/// One plain line, and whether it is a good one.
fn closing_line(task: &str, rows: &[Row], took: Duration) -> (String, bool) {
    let named = |wanted: fn(&Verdict) -> bool| {
        let names = rows.iter().filter(|row| wanted(&row.verdict)).map(|row| row.name);
        names.collect::<Vec<_>>()
    };
    let failed = named(|verdict| matches!(verdict, Verdict::Failed(_)));
    let left_out = named(|verdict| matches!(verdict, Verdict::LeftOut(_)));
    let passed = rows.len() - failed.len() - left_out.len();
    let mut line = format!("cargo xtask {task}: {passed} of {} stages passed", rows.len());
    if !failed.is_empty() {
        line += &format!(", failed: {}", failed.join(", "));
    }
    if !left_out.is_empty() {
        line += &format!(", LEFT OUT: {}", left_out.join(", "));
    }
    (format!("{line}; {:.0} s", took.as_secs_f64()), failed.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, verdict: Verdict) -> Row {
        Row { name, took: Duration::ZERO, verdict }
    }

    #[test]
    fn the_closing_line_names_what_failed_and_what_was_left_out() {
        let rows = [
            row("fmt", Verdict::Passed),
            row("clippy", Verdict::Failed("a lint".to_owned())),
            row("miri", Verdict::LeftOut("no nightly".to_owned())),
        ];
        let (line, good) = closing_line("ci", &rows, Duration::from_secs(3));
        let said = "cargo xtask ci: 1 of 3 stages passed, failed: clippy, LEFT OUT: miri; 3 s";
        assert_eq!(line, said);
        assert!(!good);
    }

    #[test]
    fn a_stage_left_out_is_not_a_failure_but_is_named() {
        let rows = [row("miri", Verdict::LeftOut("no nightly".to_owned()))];
        let (line, good) = closing_line("test", &rows, Duration::ZERO);
        assert_eq!(line, "cargo xtask test: 0 of 1 stages passed, LEFT OUT: miri; 0 s");
        assert!(good);
    }
}

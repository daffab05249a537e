// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts what passed and what failed, and closes as Rust's own test runner does.

use std::time::{Duration, Instant};

use anstream::println;

use crate::site::Result;

/// Passed and failed so far.
pub struct Tally {
    what: &'static str,
    passed: usize,
    failed: Vec<String>,
    started: Instant,
}

impl Tally {
    /// Nothing yet, of `what`: a plural.
    pub fn new(what: &'static str) -> Tally {
        Tally { what, passed: 0, failed: Vec::new(), started: Instant::now() }
    }

    /// Counts one, called `name`.
    pub fn count(&mut self, name: &str, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed.push(name.to_owned());
        }
    }

    /// Prints the closing line.
    ///
    /// # Errors
    /// Something failed, or there was nothing that could have passed.
    pub fn close(self) -> Result {
        println!("\n{}\n", self.closing_line(self.started.elapsed()));
        let all = self.passed + self.failed.len();
        if all == 0 {
            return Err(format!("no {} were made, which proves nothing", self.what).into());
        }
        if !self.failed.is_empty() {
            let names = self.failed.join(", ");
            let count = self.failed.len();
            return Err(format!("{count} of {all} {} failed: {names}", self.what).into());
        }
        Ok(())
    }

    /// In the form that `.ci/run` adds up.
    fn closing_line(&self, took: Duration) -> String {
        let result = if self.failed.is_empty() { "ok" } else { "FAILED" };
        format!(
            "test result: {result}. {} passed; {} failed; 0 ignored; 0 measured; 0 filtered out; \
             finished in {:.2}s",
            self.passed,
            self.failed.len(),
            took.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(verdicts: &[(&str, bool)]) -> Tally {
        let mut tally = Tally::new("boots");
        for (name, passed) in verdicts {
            tally.count(name, *passed);
        }
        tally
    }

    #[test]
    fn the_closing_line_is_that_of_the_test_runner() {
        let line = tally(&[("a", true), ("b", true)]).closing_line(Duration::from_millis(1500));
        let said = "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; \
                    finished in 1.50s";
        assert_eq!(line, said);
        assert_eq!(tally(&[("a", true), ("b", true)]).close().ok(), Some(()));
    }

    #[test]
    fn failures_are_counted_and_named() {
        let tally = tally(&[("a", true), ("b", false), ("c", false)]);
        let line = tally.closing_line(Duration::ZERO);
        assert!(line.starts_with("test result: FAILED. 1 passed; 2 failed; "), "{line}");
        assert_eq!(tally.close().unwrap_err().to_string(), "2 of 3 boots failed: b, c");
    }

    #[test]
    fn nothing_done_is_no_success() {
        let error = tally(&[]).close().unwrap_err().to_string();
        assert_eq!(error, "no boots were made, which proves nothing");
    }
}

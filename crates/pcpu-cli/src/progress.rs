// SPDX-License-Identifier: MIT OR Apache-2.0
//! A progress bar for those who wait: on standard error, only on a terminal, only after a second.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How long nobody minds waiting without being told why.
const PATIENCE: Duration = Duration::from_secs(1);

/// One piece of work of known length. The bar goes when this is dropped.
pub struct Progress {
    what: String,
    started: Instant,
    total: u64,
    done: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins work of `total` steps; 0 if that is not known.
    pub fn new(what: impl Into<String>, total: u64) -> Self {
        Self { what: what.into(), started: Instant::now(), total, done: 0, bar: None }
    }

    /// Says that `more` steps are done.
    pub fn advance(&mut self, more: u64) {
        self.reach(self.done + more);
    }

    /// Says that `done` steps are done in all.
    pub fn reach(&mut self, done: u64) {
        self.done = done;
        if self.bar.is_none() && self.started.elapsed() > PATIENCE && io::stderr().is_terminal() {
            self.bar = Some(self.new_bar());
        }
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
    }

    fn new_bar(&self) -> ProgressBar {
        if self.total == 0 {
            return ProgressBar::new_spinner().with_message(self.what.clone());
        }
        let style = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} %, {eta} left");
        let bar = ProgressBar::new(self.total).with_message(self.what.clone());
        bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading `percpu_stats`: headings, and groups of values under them.
//!
//! Blank lines and rules of dashes are passed over wherever they stand.

use std::iter::Peekable;
use std::str::Lines;

use thiserror::Error;

use super::group::Group;
use super::{ALLOCATION, CHUNKS, ChunkLabel, ChunkReport, GLOBAL, Report, TITLE};
use crate::error::quoted;

/// Why a text is not that of `percpu_stats`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {kind}")]
pub struct StatsError {
    /// The line, from 1; one past the last where the text ends too early.
    pub line: usize,
    /// What is wrong with it.
    pub kind: StatsErrorKind,
}

/// What is wrong with a `percpu_stats` text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StatsErrorKind {
    /// Another line, or the end, stands where a heading has to be.
    #[error("found `{found}`, expected is `{expected}`")]
    Expected {
        /// The heading.
        expected: &'static str,
        /// What is there; empty at the end.
        found: String,
    },
    /// A line in a group is not `name : value` with a whole number.
    #[error("`{line}` is not `name : value` with a number of at most 64 bits")]
    NotAValue {
        /// The line.
        line: String,
    },
    /// A field stands twice in its group.
    #[error("`{field}` is given twice in its section, once is allowed")]
    Repeated {
        /// The field.
        field: &'static str,
    },
    /// A group ends without one of its fields.
    #[error("the section ends without `{field}`")]
    Missing {
        /// The field.
        field: &'static str,
    },
}

/// Reads the text of one `percpu_stats` file.
///
/// # Errors
/// The first line that is not as it should be.
pub fn parse(text: &str) -> Result<Report, StatsError> {
    let mut parser = Parser::new(text);

    parser.heading(TITLE)?;
    parser.heading(ALLOCATION)?;
    let allocation = parser.group()?;
    parser.heading(GLOBAL)?;
    let global = parser.group()?;

    parser.heading(CHUNKS)?;
    let mut chunks = Vec::new();
    while let Some(label) = parser.chunk_heading()? {
        let stats = parser.group()?;
        chunks.push(ChunkReport { label, stats });
    }
    Ok(Report { allocation, global, chunks })
}

/// The lines that say something: no blank ones and no rules.
struct Parser<'a> {
    lines: Peekable<Lines<'a>>,
    /// Number of the line taken last.
    number: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Parser { lines: text.lines().peekable(), number: 0 }
    }

    /// The next line without its blanks, left where it is.
    fn peek(&mut self) -> Option<&'a str> {
        let empty = |line: &&str| line.trim().trim_start_matches('-').is_empty();
        while self.lines.next_if(empty).is_some() {
            self.number += 1;
        }
        self.lines.peek().map(|line| line.trim())
    }

    fn take(&mut self) {
        self.lines.next();
        self.number += 1;
    }

    /// An error about the line that would be taken next.
    fn error(&self, kind: StatsErrorKind) -> StatsError {
        let line = self.number + 1;
        StatsError { line, kind }
    }

    fn expected(&mut self, expected: &'static str) -> StatsError {
        let found = quoted(self.peek().unwrap_or_default().as_bytes());
        self.error(StatsErrorKind::Expected { expected, found })
    }

    fn heading(&mut self, heading: &'static str) -> Result<(), StatsError> {
        if self.peek() != Some(heading) {
            return Err(self.expected(heading));
        }
        self.take();
        Ok(())
    }

    fn chunk_heading(&mut self) -> Result<Option<ChunkLabel>, StatsError> {
        let Some(line) = self.peek() else {
            return Ok(None);
        };
        let label = ChunkLabel::ALL.into_iter().find(|l| l.heading() == line);
        let Some(label) = label else {
            return Err(self.expected(ChunkLabel::Plain.heading()));
        };
        self.take();
        Ok(Some(label))
    }

    /// Takes value lines up to the next heading.
    fn group<G: Group>(&mut self) -> Result<G, StatsError> {
        let mut group = G::default();
        let mut missing = G::NAMES.to_vec();
        while let Some(line) = self.peek().filter(|line| !is_heading(line)) {
            let Some((name, value)) = value_line(line) else {
                let line = quoted(line.as_bytes());
                return Err(self.error(StatsErrorKind::NotAValue { line }));
            };
            if let Some(field) = group.field_mut(name) {
                *field = value;
                self.strike(name, G::NAMES, &mut missing)?;
            }
            self.take();
        }
        match missing.first() {
            None => Ok(group),
            Some(&field) => Err(self.error(StatsErrorKind::Missing { field })),
        }
    }

    /// Strikes a known field off the list of those still missing.
    fn strike(
        &self,
        name: &str,
        known: &[&'static str],
        missing: &mut Vec<&'static str>,
    ) -> Result<(), StatsError> {
        let before = missing.len();
        missing.retain(|&field| field != name);
        match known.iter().find(|&&field| field == name) {
            Some(&field) if missing.len() == before => {
                Err(self.error(StatsErrorKind::Repeated { field }))
            }
            _ => Ok(()),
        }
    }
}

fn is_heading(line: &str) -> bool {
    line.starts_with("Chunk") || [TITLE, ALLOCATION, GLOBAL, CHUNKS].contains(&line)
}

fn value_line(line: &str) -> Option<(&str, u64)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim(), value.trim().parse().ok()?))
}

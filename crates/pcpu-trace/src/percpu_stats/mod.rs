// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's `percpu_stats` file: read and written.
//!
//! Linux with `CONFIG_PERCPU_STATS` shows its per-CPU allocator in
//! `/sys/kernel/debug/percpu_stats`: the layout, totals since boot, and one section for each
//! chunk. [`parse`] reads that text and printing a [`Report`] writes it, byte for byte, so
//! that the two allocators can be put side by side.
//!
//! ```text
//! Percpu Memory Statistics
//! Allocation Info:                      Allocation
//! Global Stats:                         Global
//! Per Chunk Stats:                      Vec<ChunkReport>
//! Chunk: <- First Chunk
//!   nr_alloc            :          529
//! ```
//!
//! Fields are found by name, in any order; unknown ones are skipped, missing ones are errors.
//!
//! # Examples
//! ```
//! # let text = include_str!("../../tests/data/percpu_stats.txt");
//! use pcpu_trace::percpu_stats::{self, ChunkLabel};
//!
//! let report = percpu_stats::parse(text)?;
//! assert_eq!(report.chunks[0].label, ChunkLabel::First);
//! assert_eq!(report.global.nr_chunks, 4);
//! assert_eq!(report.to_string(), text);
//! # Ok::<(), percpu_stats::StatsError>(())
//! ```
//!
//! # Source
//! Behaves as Linux's file does, observed on 6.12 and 6.18.

mod group;
mod parser;

use std::fmt;

pub use group::{Allocation, ChunkStats, Global};
pub use parser::{StatsError, StatsErrorKind, parse};

const TITLE: &str = "Percpu Memory Statistics";
const ALLOCATION: &str = "Allocation Info:";
const GLOBAL: &str = "Global Stats:";
const CHUNKS: &str = "Per Chunk Stats:";
const RULE: &str = "----------------------------------------";

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How the allocator was set up.
    pub allocation: Allocation,
    /// Totals over all chunks.
    pub global: Global,
    /// The chunks, in the file's order: reserved first, then from the fullest list on.
    pub chunks: Vec<ChunkReport>,
}

/// One chunk's section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkReport {
    /// What the section's heading says.
    pub label: ChunkLabel,
    /// Its figures.
    pub stats: ChunkStats,
}

/// What the heading of a chunk's section says about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ChunkLabel {
    /// The chunk of the reserved region.
    Reserved,
    /// The chunk made at boot.
    First,
    /// Waiting for its empty pages to be taken away.
    ToDepopulate,
    /// Set aside after that, until there is need for it.
    Sidelined,
    /// Any other chunk.
    #[default]
    Plain,
}

impl ChunkLabel {
    const ALL: [ChunkLabel; 5] = [
        ChunkLabel::Reserved,
        ChunkLabel::First,
        ChunkLabel::ToDepopulate,
        ChunkLabel::Sidelined,
        ChunkLabel::Plain,
    ];

    /// Returns the heading of a chunk so labelled.
    pub fn heading(self) -> &'static str {
        match self {
            ChunkLabel::Reserved => "Chunk: <- Reserved Chunk",
            ChunkLabel::First => "Chunk: <- First Chunk",
            ChunkLabel::ToDepopulate => "Chunk (to_depopulate)",
            ChunkLabel::Sidelined => "Chunk (sidelined):",
            ChunkLabel::Plain => "Chunk:",
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{TITLE}\n{ALLOCATION}\n{RULE}\n{}\n", self.allocation)?;
        write!(f, "{GLOBAL}\n{RULE}\n{}\n", self.global)?;
        write!(f, "{CHUNKS}\n{RULE}\n")?;
        for chunk in &self.chunks {
            write!(f, "{}\n{}\n", chunk.label.heading(), chunk.stats)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

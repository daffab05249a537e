// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `pcpu replay --json` says, and the stages that hold it to it.

use std::ffi::OsStr;
use std::path::PathBuf;

use serde::Deserialize;
use xshell::cmd;

use crate::site::{Result, Site};

/// The answer to one replay: one entry a cell.
#[derive(Deserialize)]
pub struct Replay {
    /// In the order UP/no MMU, UP/MMU, SMP/no MMU, SMP/MMU; fewer if filtered.
    pub cells: Vec<Cell>,
}

/// What one cell did with a trace; the part that is needed here.
#[derive(Clone, Debug, Deserialize)]
pub struct Cell {
    /// More than one CPU is possible.
    pub smp: bool,
    /// Pages can be mapped.
    pub mmu: bool,
    /// Possible CPUs.
    pub cpus: u32,
    /// Bytes of one CPU's piece of a chunk.
    pub unit_size: u64,
    /// Bytes of the static region.
    pub static_size: u64,
    /// Bytes of the reserved region.
    pub reserved_size: u64,
    /// Bytes of the first chunk's dynamic region.
    pub dyn_size: u64,
    /// Refused requests.
    pub failures: u64,
    /// Pages of all CPUs that chunks covered at the highest moment.
    pub peak_total_pages: u64,
    /// The first chunk's share of them.
    pub first_chunk_pages: u64,
    /// The most pages held that no unit covers.
    pub wasted_pages: u64,
    /// Mean time of an allocation, nanoseconds.
    pub alloc_ns: f64,
    /// Mean time of a free, nanoseconds.
    pub free_ns: f64,
    /// A second run checked every area, and found nothing wrong.
    pub verified: bool,
}

/// The rows that a replay without filters prints: (SMP, MMU).
const FOUR_CELLS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

/// Builds the command line program and returns where it is.
pub fn build(site: &Site) -> Result<PathBuf> {
    cmd!(site.sh, "cargo build --release -p pcpu-cli").run()?;
    site.release_program("", "pcpu")
}

/// Runs `pcpu replay --json` with more arguments.
pub fn replay<I>(site: &Site, program: &PathBuf, arguments: I) -> Result<Replay>
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    let run = cmd!(site.sh, "{program} replay --json").args(arguments);
    let output = run.quiet().ignore_status().output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.lines().next_back().unwrap_or("pcpu replay failed").to_owned().into());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("its JSON: {error}").into())
}

/// The stage: the README's command, as it stands there, gives four verified cells.
pub fn smoke(site: &Site) -> Result {
    let json = cmd!(site.sh, "cargo run --release --quiet -- replay --json").read()?;
    Ok(judge(&json)?)
}

fn judge(json: &str) -> std::result::Result<(), String> {
    let replay: Replay = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let rows: Vec<_> = replay.cells.iter().map(|cell| (cell.smp, cell.mmu)).collect();
    if rows != FOUR_CELLS {
        return Err(format!("(smp, mmu) rows are {rows:?}, expected {FOUR_CELLS:?}"));
    }
    match replay.cells.iter().find(|cell| !cell.verified) {
        Some(cell) => Err(format!("the cell smp={} mmu={} is not verified", cell.smp, cell.mmu)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(smp: bool, mmu: bool, verified: bool) -> String {
        format!(
            r#"{{"smp": {smp}, "mmu": {mmu}, "cpus": 1, "unit_size": 4096, "static_size": 0,
            "reserved_size": 0, "dyn_size": 4096, "failures": 0, "peak_total_pages": 1,
            "first_chunk_pages": 1, "wasted_pages": 0, "alloc_ns": 1.0, "free_ns": 1.0,
            "verified": {verified}, "and": "more"}}"#
        )
    }

    fn json(cells: &[String]) -> String {
        format!(r#"{{"trace": {{}}, "cells": [{}]}}"#, cells.join(","))
    }

    #[test]
    fn four_verified_cells_in_order_are_good() {
        let cells = FOUR_CELLS.map(|(smp, mmu)| cell(smp, mmu, true));
        assert_eq!(judge(&json(&cells)), Ok(()));
    }

    #[test]
    fn a_missing_cell_is_a_fault() {
        let cells = [(false, false), (false, true), (true, true)].map(|(s, m)| cell(s, m, true));
        assert!(judge(&json(&cells)).unwrap_err().starts_with("(smp, mmu) rows are"));
    }

    #[test]
    fn an_unverified_cell_is_a_fault() {
        let cells = FOUR_CELLS.map(|(smp, mmu)| cell(smp, mmu, !(smp && mmu)));
        assert_eq!(judge(&json(&cells)).unwrap_err(), "the cell smp=true mmu=true is not verified");
    }
}

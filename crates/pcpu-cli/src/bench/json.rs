// SPDX-License-Identifier: MIT OR Apache-2.0
//! The answer as one JSON object. Names and order are a contract; fields are added at the end or not
//! at all.

use std::io::{self, Write};

use pcpu::Mode;
use serde::Serialize;

use super::row::Row;
use super::rows::Better;
use crate::doctor::mode_word;
use crate::system::System;

#[derive(Serialize)]
struct Answer<'a> {
    machine: &'a System,
    mode: &'static str,
    rows: Vec<RowFacts<'a>>,
}

#[derive(Serialize)]
struct RowFacts<'a> {
    id: &'static str,
    what: &'static str,
    unit: &'static str,
    better: Better,
    ours: f64,
    peer: &'a str,
    peers: Vec<PeerFacts<'a>>,
    ratio: f64,
    target: Option<f64>,
    met: Option<bool>,
    spread: f64,
    rounds: usize,
}

#[derive(Serialize)]
struct PeerFacts<'a> {
    name: &'a str,
    value: f64,
}

/// Writes the object and a line end.
pub fn write(out: &mut impl Write, system: &System, mode: Mode, rows: &[Row]) -> io::Result<()> {
    let rows = rows.iter().map(facts).collect();
    serde_json::to_writer(&mut *out, &Answer { machine: system, mode: mode_word(mode), rows })?;
    writeln!(out)
}

fn facts(row: &Row) -> RowFacts<'_> {
    let peers = row.peers.iter();
    let peers = peers.map(|(name, value)| PeerFacts { name, value: rounded(*value) });
    RowFacts {
        id: row.figure.id,
        what: row.figure.what,
        unit: row.figure.unit,
        better: row.figure.better,
        ours: rounded(row.ours),
        peer: &row.peers[0].0,
        peers: peers.collect(),
        ratio: rounded(row.ratio()),
        target: row.figure.target,
        met: row.met(),
        spread: rounded(row.spread),
        rounds: row.rounds,
    }
}

/// Four digits are more than a clock of a shared machine knows.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        assert_eq!([1.02345, 0.004_567_8, 31_415.9].map(rounded), [1.023, 0.004_568, 31_420.0]);
        assert_eq!(rounded(0.0), 0.0);
        assert_eq!(rounded(32.0), 32.0);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The answer as a person would draw it: a line for each row, then everybody it was compared with.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use pcpu::Mode;

use super::Pace;
use super::row::Row;
use super::rows::Better;
use crate::system::System;

const TITLE: Style = Style::new().bold();
const POOR: Style = AnsiColor::Yellow.on_default();

const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// The columns of the rows, each with the side on which its entries line up.
const ROWS: [(&str, CellAlignment); 8] = [
    ("row", CellAlignment::Left),
    ("what", CellAlignment::Left),
    ("pcpu", CellAlignment::Right),
    ("against", CellAlignment::Right),
    ("ratio", CellAlignment::Right),
    ("target", CellAlignment::Right),
    ("met", CellAlignment::Left),
    ("spread", CellAlignment::Right),
];

/// Those of the peers.
const PEERS: [(&str, CellAlignment); 4] = [
    ("row", CellAlignment::Left),
    ("compared with", CellAlignment::Left),
    ("", CellAlignment::Right),
    ("pcpu / it", CellAlignment::Right),
];

/// Writes the whole answer.
pub fn write(
    out: &mut impl Write,
    system: &System,
    mode: Mode,
    rows: &[Row],
    pace: Pace,
) -> io::Result<()> {
    let cpus = match system.cpus.allowed {
        None => "CPUs".to_owned(),
        Some(1) => "1 CPU".to_owned(),
        Some(nr) => format!("{nr} CPUs"),
    };
    let title = format!("{}, {cpus}, {}", system.processor(), system.kernel);
    writeln!(out, "{TITLE}{title}{TITLE:#}")?;
    writeln!(out, "Operations on the running CPU's copy by {mode}.\n")?;

    let lines = rows.iter().map(line);
    writeln!(out, "{}\n", table(&ROWS, lines).trim_fmt())?;
    let peers = rows.iter().flat_map(peers);
    writeln!(out, "{}\n", table(&PEERS, peers).trim_fmt())?;

    writeln!(
        out,
        "Against: the first of those below it. Medians over processes ({}); spread: the middle\n\
         half of the processes' ratios. A machine that others use too is noisy: believe ratios whose\n\
         spread is small, and none that you have not seen twice.",
        most_rounds(rows)
    )?;
    if pace == Pace::Quick {
        writeln!(out, "{POOR}A quick look: for figures to rely on, leave out --quick.{POOR:#}")?;
    }
    Ok(())
}

/// The number of processes of a row, or the least and the most.
fn most_rounds(rows: &[Row]) -> String {
    let rounds = || rows.iter().map(|row| row.rounds);
    match (rounds().min(), rounds().max()) {
        (Some(least), Some(most)) if least != most => format!("{least} to {most} a row"),
        (_, most) => format!("{} a row", most.unwrap_or(0)),
    }
}

fn line(row: &Row) -> Vec<String> {
    let figure = row.figure;
    let sign = match figure.better {
        Better::Lower => "≤",
        Better::Higher => "≥",
    };
    let met = row.met().map_or("", |met| if met { "yes" } else { "no" });
    vec![
        figure.id.to_owned(),
        figure.what.to_owned(),
        spoken(row.ours, figure.unit),
        spoken(row.peers[0].1, figure.unit),
        format!("{:.2}", row.ratio()),
        figure.target.map_or(String::new(), |target| format!("{sign} {target:.2}")),
        met.to_owned(),
        format!("{:.0} %", 100.0 * row.spread),
    ]
}

fn peers(row: &Row) -> Vec<Vec<String>> {
    let unit = row.figure.unit;
    let line = |(idx, (name, value)): (usize, &(String, f64))| {
        let id = if idx == 0 { row.figure.id } else { "" };
        let ratio = format!("{:.2}", row.ours / value);
        vec![id.to_owned(), name.clone(), spoken(*value, unit), ratio]
    };
    row.peers.iter().enumerate().map(line).collect()
}

/// Three digits and the unit.
fn spoken(value: f64, unit: &str) -> String {
    let digits = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    format!("{value:.digits$} {unit}")
}

fn table(columns: &[(&str, CellAlignment)], lines: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_header(columns.iter().map(|(name, _)| *name));
    lines.for_each(|line| {
        table.add_row(line);
    });
    for (column, (_, side)) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 1)).set_cell_alignment(*side);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_their_unit() {
        let spoken = |value| spoken(value, "ns");
        assert_eq!(spoken(1.0234), "1.02 ns");
        assert_eq!(spoken(31.26), "31.3 ns");
        assert_eq!(spoken(2999.6), "3000 ns");
    }
}

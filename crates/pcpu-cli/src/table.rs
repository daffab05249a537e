// SPDX-License-Identifier: MIT OR Apache-2.0
//! The answer as a person would draw it: one table, and what it means in words.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use crate::embedded;
use crate::row::Row;
use crate::size::spoken;
use crate::spark;
use crate::trace::Trace;

const TITLE: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// The columns, each with the side on which its entries line up. The last one appears only where a
/// request was refused.
const COLUMNS: [(&str, CellAlignment); 10] = [
    ("cell", CellAlignment::Left),
    ("back end", CellAlignment::Left),
    ("chunks", CellAlignment::Right),
    ("pages", CellAlignment::Right),
    ("over the trace", CellAlignment::Left),
    ("idle", CellAlignment::Right),
    ("alloc", CellAlignment::Right),
    ("free", CellAlignment::Right),
    ("checked", CellAlignment::Left),
    ("refused", CellAlignment::Right),
];

/// One line below the header, and air.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Whether the kernel's statistics are printed as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelStats {
    /// They are.
    Shown,
    /// They are not.
    Hidden,
}

/// Writes the whole answer. Colour is up to `out`.
pub fn write(
    out: &mut impl Write,
    trace: &Trace,
    rows: &[Row],
    kernel_stats: KernelStats,
) -> io::Result<()> {
    writeln!(out, "{TITLE}{}{TITLE:#}\n", title(trace))?;
    writeln!(out, "{}\n", table(rows).trim_fmt())?;
    for line in legend(rows).into_iter().chain(gaps(trace)).chain(refusals(rows)) {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "\n{}\n", memory(rows))?;
    write_verdict(out, rows)?;

    if kernel_stats == KernelStats::Shown {
        for Row { machinery, seen, .. } in rows {
            writeln!(out, "\n{TITLE}percpu_stats: {}{TITLE:#}\n", machinery.cell)?;
            writeln!(out, "{}", seen.percpu_stats.trim_end())?;
        }
    }
    Ok(())
}

fn title(trace: &Trace) -> String {
    let counts = trace.counts();
    let story = if trace.name() == embedded::NAME { embedded::STORY } else { "" };
    let comma = if story.is_empty() { "" } else { ", " };
    let (name, allocs, frees) = (trace.name(), counts.allocs, counts.frees);
    format!("{name}{comma}{story}: {allocs} allocations and {frees} frees")
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    let any_refused = rows.iter().any(|row| row.seen.refused.all > 0);
    let nr_columns = if any_refused { COLUMNS.len() } else { COLUMNS.len() - 1 };
    let names = COLUMNS.iter().map(|(name, _)| *name);
    table.load_style(STYLE).set_header(names.take(nr_columns));
    // One scale for all rows, so that they can be compared.
    let top = rows.iter().flat_map(|row| &row.seen.samples).copied().max().unwrap_or(0);
    for row in rows {
        table.add_row(cells(row, top).into_iter().take(nr_columns));
    }
    for (column, (_, side)) in table.column_iter_mut().zip(COLUMNS) {
        column.set_padding((0, 1)).set_cell_alignment(side);
    }
    table
}

fn cells(row: &Row, top: u64) -> [String; COLUMNS.len()] {
    let Row { machinery, stats, times, seen, verdict } = row;
    [
        machinery.cell.to_string(),
        machinery.cell.backend().to_owned(),
        now_and_peak(stats.nr_chunks, stats.nr_max_chunks),
        now_and_peak(stats.populated_pages, stats.peak_populated_pages),
        spark::line(&seen.samples, top),
        format!("{:.0} %", idle_percent(row)),
        per_call(times.alloc_ns),
        per_call(times.free_ns),
        if verdict.is_ok() { "yes" } else { "FAILED" }.to_owned(),
        seen.refused.all.to_string(),
    ]
}

/// In the unit in which it is short: a slow machine does not make the table wider.
fn per_call(ns: f64) -> String {
    match ns {
        0.0 => "-".to_owned(),
        ..100_000.0 => format!("{ns:.0} ns"),
        _ => format!("{:.0} us", ns / 1000.0),
    }
}

fn now_and_peak(now: usize, peak: usize) -> String {
    format!("{now} / {peak}")
}

/// The share of backed bytes, static variables left out, on which no area lies.
fn idle_percent(row: &Row) -> f64 {
    let backed = row.stats.populated_pages * row.machinery.page_size;
    let served = backed.saturating_sub(row.stats.static_size) as f64;
    if served == 0.0 { 0.0 } else { 100.0 * (1.0 - row.stats.live_bytes as f64 / served) }
}

fn legend(rows: &[Row]) -> Option<String> {
    let page_size = rows.first()?.machinery.page_size;
    Some(format!(
        "Chunks, pages: at the end of the trace / at most. A page is {page_size} bytes on each CPU; those \
         of static\nvariables are counted. Idle: the share of the other backed bytes on which no area lies \
         at the end.\nTimes are per call, zeroing included."
    ))
}

/// What the recording itself lacks, a line each.
fn gaps(trace: &Trace) -> Vec<String> {
    let counts = trace.counts();
    let facts = [
        (counts.unknown_frees, "frees of areas from before the recording began were left out."),
        (counts.implied_frees, "frees that the recording lacks were put in."),
        (counts.failed, "requests that failed when recorded were left out."),
        (counts.lost, "events or more were lost by the recorder."),
    ];
    let facts = facts.iter().filter(|(nr, _)| *nr > 0);
    facts.map(|(nr, what)| format!("{nr} {what}")).collect()
}

fn refusals(rows: &[Row]) -> Vec<String> {
    let refused = rows.iter().filter(|row| row.seen.refused.all > 0);
    let line = |row: &Row| {
        let refused = &row.seen.refused;
        format!(
            "{}: {} refused, {} from callers that may not sleep, {} of impossible size or alignment.",
            row.machinery.cell, refused.all, refused.atomic, refused.invalid
        )
    };
    refused.map(line).collect()
}

/// How much memory it took.
fn memory(rows: &[Row]) -> String {
    let most = rows.iter().map(|row| row.stats.peak_live_bytes).max().unwrap_or(0);
    let mut text = format!("At most {} of areas per CPU were alive at once.", spoken(most));
    text += " The memory this took, at its peak:";
    for Row { machinery, stats, .. } in rows {
        let pages = stats.peak_populated_pages as u64 * u64::from(machinery.cpus);
        let bytes = spoken(pages * machinery.page_size as u64);
        let cpus = match (machinery.cpus, machinery.nodes) {
            (1, _) => "1 CPU".to_owned(),
            (cpus, 1) => format!("{cpus} CPUs"),
            (cpus, nodes) => format!("{cpus} CPUs of {nodes} nodes"),
        };
        let way = if machinery.cell.is_vm() { "page by page" } else { "in whole chunks" };
        let cell = machinery.cell.to_string();
        text += &format!("\n  {cell:11}  {bytes:>10} on {cpus}, {way}");
    }
    text
}

fn write_verdict(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    for row in rows {
        if let Err(failure) = &row.verdict {
            let cell = row.machinery.cell;
            writeln!(out, "{BAD}A check failed in {cell}:{BAD:#} {failure}.")?;
        }
    }
    if rows.iter().any(|row| row.verdict.is_err()) {
        return Ok(());
    }
    let partly = rows.iter().find(|row| row.seen.verified_cpus < u64::from(row.machinery.cpus));
    let where_ = partly.map_or_else(
        || "on every CPU".to_owned(),
        |row| format!("on {} of {} CPUs", row.seen.verified_cpus, row.machinery.cpus),
    );
    writeln!(
        out,
        "{GOOD}Every area was zero when handed out, shared no byte with another, and kept its \
         content\nuntil it was freed, {where_}; once all were freed, every chunk and page came \
         back.{GOOD:#}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_times_are_no_wider_than_short_ones() {
        let spoken = [0.0, 4.4, 99_999.0, 1_032_917.4].map(per_call);
        assert_eq!(spoken, ["-", "4 ns", "99999 ns", "1033 us"]);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask firmware size`: what the allocator costs in flash and RAM.
//!
//! The package `size` is built once for each set of features, optimised for size as firmware is,
//! and its sections and symbols are read. The figures stand in `docs/size.md`; the check builds
//! them again and compares, so the document stays true and growth has to be written down.
//!
//! ```text
//!   build x 4 ──▶ sections, symbols ──▶ table ──┬─▶ print
//!                                               ├─▶ compare with docs/size.md (5 %)
//!                                               └─▶ --bless: write it there
//! ```

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anstream::println;
use object::{Object, ObjectSection, ObjectSymbol};

use super::build::Workshop;
use crate::site::{Result, Site};

const TARGET: &str = "thumbv8m.main-none-eabi";
const DOCUMENT: &str = "docs/size.md";
const BEGIN: &str = "<!-- cargo xtask firmware size --bless writes from here -->";
const END: &str = "<!-- to here -->";

/// What each build adds to the one before it.
const STEPS: &[(&str, &str)] = &[
    ("set-up of a pool, and nothing else", ""),
    ("+ `alloc`", "alloc"),
    ("+ `free`", "alloc,free"),
    ("+ `balance`", "alloc,free,balance"),
    ("+ the feature `statistics`", "alloc,free,balance,statistics"),
];

/// The step that the limits are for: all operations, no statistics.
const JUDGED: usize = 3;

/// Growth that passes without a word, in percent.
const TOLERANCE: u64 = 5;

/// Bytes that `alloc`, `free` and `balance` may take together.
const LIMIT_FLASH: u64 = 6 << 10;

/// Bytes of RAM that a pool may take, maps not counted.
const LIMIT_RAM: u64 = 512;

/// Symbols smaller than this are shown together.
const SMALL: u64 = 64;

/// The pool's own name in the image.
const POOL: &str = "PCPU_POOL";

/// What `cargo xtask firmware size` may be told.
#[derive(clap::Args)]
pub struct Options {
    /// Write the figures into docs/size.md
    #[arg(long)]
    bless: bool,
}

/// What was read off one image.
struct Figures {
    /// `.text` and `.rodata`.
    flash: u64,
    /// The pool.
    ram: u64,
    /// Bytes of code by function.
    functions: BTreeMap<String, u64>,
}

/// Measures, prints, and compares or writes.
pub fn perform(site: &Site, options: &Options) -> Result {
    let table = table(&measure(site)?);
    println!("{table}");
    let path = site.root().join(DOCUMENT);
    let document = fs::read_to_string(&path)?;
    if options.bless {
        fs::write(path, replaced(&document, &table)?)?;
        return Ok(());
    }
    compare(&numbers(written(&document)?), &numbers(&table))
}

/// The stage.
pub fn check(site: &Site) -> Result {
    perform(site, &Options { bless: false })
}

fn measure(site: &Site) -> Result<Vec<Figures>> {
    let workshop = Workshop::of(site)?;
    let mut all = Vec::new();
    for (_, features) in STEPS {
        let build = workshop.cargo("build").args(["--quiet", "--profile", "size", "-p", "size"]);
        build.args(["--target", TARGET, "--features", features]).run()?;
        all.push(figures(&workshop.built(TARGET, "size", "size"))?);
    }
    let (flash, ram) = (all[JUDGED].flash - all[0].flash, all[JUDGED].ram);
    if flash > LIMIT_FLASH {
        return Err(format!("alloc, free and balance take {flash} B, at most {LIMIT_FLASH}").into());
    }
    if ram > LIMIT_RAM {
        return Err(format!("a pool takes {ram} B of RAM, at most {LIMIT_RAM}").into());
    }
    Ok(all)
}

fn figures(image: &Path) -> Result<Figures> {
    let bytes = fs::read(image).map_err(|error| format!("{}: {error}", image.display()))?;
    let file = object::File::parse(&*bytes)?;
    let size = |name| file.section_by_name(name).map_or(0, |section| section.size());
    let mut functions = BTreeMap::new();
    for symbol in file.symbols().filter(|it| it.kind() == object::SymbolKind::Text) {
        let name = format!("{:#}", rustc_demangle::demangle(symbol.name()?));
        *functions.entry(name).or_default() += symbol.size();
    }
    let pool = file.symbol_by_name(POOL).ok_or("the image has no pool")?;
    Ok(Figures { flash: size(".text") + size(".rodata"), ram: pool.size(), functions })
}

/// The text between the marks of the document.
fn table(all: &[Figures]) -> String {
    let mut lines = vec![
        "| | flash: `.text` + `.rodata` | more than the row above | RAM: the pool |".to_owned(),
        "|---|--:|--:|--:|".to_owned(),
    ];
    let mut before = 0;
    for ((what, _), figures) in STEPS.iter().zip(all) {
        let more = figures.flash.saturating_sub(before);
        lines.push(format!("| {what} | {} | {more} | {} |", figures.flash, figures.ram));
        before = figures.flash;
    }
    let judged = &all[JUDGED];
    let together = judged.flash - all[0].flash;
    lines.push(format!(
        "\n`alloc`, `free` and `balance` together: {together} bytes, at most {LIMIT_FLASH}; the pool: {} \
         bytes, at most {LIMIT_RAM}.\n",
        judged.ram
    ));

    lines.push("| function, in the image with all three | bytes |\n|---|--:|".to_owned());
    let mut functions: Vec<_> = judged.functions.iter().collect();
    functions.sort_unstable_by_key(|(name, size)| (Reverse(**size), *name));
    let (large, small): (Vec<_>, Vec<_>) = functions.into_iter().partition(|it| *it.1 >= SMALL);
    lines.extend(large.iter().map(|(name, size)| format!("| `{name}` | {size} |")));
    let rest: u64 = small.iter().map(|it| it.1).sum();
    lines.push(format!("| {} smaller ones | {rest} |\n", small.len()));
    lines.join("\n")
}

/// The rows of the first table: what, and bytes more than the row above.
fn numbers(table: &str) -> Vec<(String, u64)> {
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells
        .filter_map(|cells| Some((cells.get(1)?.to_string(), cells.get(3)?.parse().ok()?)))
        .collect()
}

/// Refuses a row that grew by more than the tolerance, and one that is not written down.
fn compare(written: &[(String, u64)], measured: &[(String, u64)]) -> Result {
    let mut faults = Vec::new();
    for (what, now) in measured {
        match written.iter().find(|(row, _)| row == what) {
            None => faults.push(format!("{DOCUMENT} has no row {what}")),
            Some((_, then)) if *now * 100 > then * (100 + TOLERANCE) => {
                faults.push(format!("{what}: {now} bytes, {then} in {DOCUMENT}"));
            }
            Some(_) => {}
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    let faults = faults.join("; ");
    Err(format!("{faults}; if it is worth it: cargo xtask firmware size --bless").into())
}

/// The document up to the first mark, the table, and the document from the second mark on.
fn cut(document: &str) -> Result<(&str, &str, &str)> {
    let lacks = |mark: &str| format!("{DOCUMENT} lacks the mark {mark}");
    let (before, rest) = document.split_once(BEGIN).ok_or_else(|| lacks(BEGIN))?;
    let (table, after) = rest.split_once(END).ok_or_else(|| lacks(END))?;
    Ok((before, table.trim_start(), after))
}

fn written(document: &str) -> Result<&str> {
    Ok(cut(document)?.1)
}

fn replaced(document: &str, table: &str) -> Result<String> {
    let (before, _, after) = cut(document)?;
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "| | flash | more |\n|---|--:|--:|\n| set-up | 100 | 100 |\n| + `alloc` | 160 | 60 |\n\n| other | 3 |\n";

    fn rows(of: &[(&str, u64)]) -> Vec<(String, u64)> {
        of.iter().map(|(what, size)| ((*what).to_owned(), *size)).collect()
    }

    #[test]
    fn the_first_table_is_read_and_no_other() {
        assert_eq!(numbers(TABLE), rows(&[("set-up", 100), ("+ `alloc`", 60)]));
    }

    #[test]
    fn growth_of_five_percent_passes_and_of_six_does_not() {
        let written = rows(&[("set-up", 100)]);
        assert!(compare(&written, &rows(&[("set-up", 105)])).is_ok());
        let error = compare(&written, &rows(&[("set-up", 106)])).unwrap_err().to_string();
        assert!(error.starts_with("set-up: 106 bytes, 100 in docs/size.md"), "{error}");
    }

    #[test]
    fn a_row_that_is_not_written_down_is_a_fault() {
        assert!(compare(&[], &rows(&[("set-up", 1)])).is_err());
    }

    #[test]
    fn blessing_replaces_what_is_between_the_marks_alone() {
        let document = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let blessed = replaced(&document, TABLE).unwrap();
        assert_eq!(written(&blessed).unwrap().trim_end(), TABLE.trim_end());
        assert!(blessed.starts_with("before\n") && blessed.ends_with("after\n"));
        let empty = format!("before\n{BEGIN}\n{END}\nafter\n");
        assert_eq!(replaced(&empty, TABLE).unwrap(), blessed);
    }
}

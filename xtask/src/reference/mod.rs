// SPDX-License-Identifier: MIT OR Apache-2.0
//! `reference-compare`: peak memory against the kernel's own algorithm, on the same traces.
//!
//! The user names a folder with three programs; nothing of them is part of this project:
//!
//! | program | what it does |
//! |---|---|
//! | `oracle-vm`, `oracle-km` | replay a file in the trace language with the kernel's own algorithm (mapped pages; contiguous memory) and print `key=value` lines |
//! | `gen` | prints a trace: `gen --seed S --ops N --profile P` |
//!
//! ```text
//!   gen, kernel traces ──▶ files in the trace language ──┬─▶ oracle-{vm,km} ─▶ key=value ┐
//!                                                        └─▶ pcpu replay ────▶ JSON ─────┴▶ rows
//! ```
//!
//! Both get the same geometry, and a row is refused if their units differ all the same. What
//! is compared is the scoreboard's: pages beyond the first chunk at the highest moment, all
//! CPUs together (P6), and refused requests (P6, P7).

mod oracle;
mod table;
mod workload;

use std::fs;
use std::path::{Path, PathBuf};

use anstream::{eprintln, print};
use clap::Args;

use crate::cells::{self, Cell};
use crate::site::{Result, Site};
use oracle::Figures;
use table::{Row, Table};
use workload::Workload;

/// What to compare, and with what.
#[derive(Args)]
pub struct Options {
    /// Folder with the programs oracle-vm, oracle-km and gen
    dir: PathBuf,
    /// More traces, in the trace language or as kernel text
    traces: Vec<PathBuf>,
    /// Write the table here too
    #[arg(long, value_name = "FILE.md")]
    out: Option<PathBuf>,
    /// Possible CPUs
    #[arg(long, value_delimiter = ',', default_value = "2,8,64")]
    cpus: Vec<u32>,
    /// Operations of a generated trace; 0 generates none
    #[arg(long, default_value_t = 100_000)]
    ops: u64,
    /// Seed of the generated traces
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Objects alive at most in a generated trace; more may not fit in memory with 64 CPUs
    #[arg(long, default_value_t = 3_000)]
    live: u64,
    /// Bytes of the static region
    #[arg(long = "static", default_value_t = 184_320)]
    static_size: u64,
    /// Bytes of the reserved region
    #[arg(long = "reserved", default_value_t = 8_192)]
    reserved_size: u64,
    /// Bytes of the first chunk's dynamic region
    #[arg(long = "dyn", default_value_t = 28_672)]
    dyn_size: u64,
}

/// The two back ends, each with the machine that it is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Vm,
    Km,
}

impl Backend {
    const ALL: [Backend; 2] = [Backend::Vm, Backend::Km];

    fn name(self) -> &'static str {
        match self {
            Backend::Vm => "vm",
            Backend::Km => "km",
        }
    }

    /// Bytes that the first chunk's allocations are multiples of: a large page, or a page.
    fn atom(self) -> &'static str {
        match self {
            Backend::Vm => "2097152",
            Backend::Km => "4096",
        }
    }

    fn mmu(self) -> &'static str {
        match self {
            Backend::Vm => "--mmu",
            Backend::Km => "--nommu",
        }
    }
}

/// Runs every workload in both, prints the table and writes it.
///
/// # Errors
/// Programs that are missing or fail, and rows whose geometry differs (after the table).
pub fn compare(site: &Site, options: &Options) -> Result {
    let pcpu = cells::build(site)?;
    let scratch = tempfile::tempdir()?;
    let workloads = workload::prepare(site, options, scratch.path())?;
    let mut table = Table::new(options);
    for backend in Backend::ALL {
        for &cpus in &options.cpus {
            for workload in &workloads {
                eprintln!("{} {cpus} CPUs: {}", backend.name(), workload.name);
                match row(site, options, &pcpu, backend, cpus, workload) {
                    Ok(row) => table.rows.push(row),
                    Err(error) => {
                        let what = format!("{} {cpus} CPUs {}", backend.name(), workload.name);
                        table.refused.push(format!("{what}: {error}"));
                    }
                }
            }
        }
    }
    let text = table.to_markdown();
    print!("{text}");
    if let Some(out) = &options.out {
        fs::write(out, text)?;
    }
    match table.refused.len() {
        0 => Ok(()),
        refused => Err(format!("{refused} rows could not be compared, see the table").into()),
    }
}

fn row(
    site: &Site,
    options: &Options,
    pcpu: &PathBuf,
    backend: Backend,
    cpus: u32,
    workload: &Workload,
) -> Result<Row> {
    let kernel = oracle::replay(site, &options.dir, &arguments(options, backend, cpus), workload)?;
    let ours = ours(site, options, pcpu, backend, cpus, &workload.path)?;
    same_geometry(&kernel, &ours)?;
    Ok(Row { backend, cpus, trace: workload.name.clone(), kernel, ours })
}

fn ours(
    site: &Site,
    options: &Options,
    pcpu: &PathBuf,
    backend: Backend,
    cpus: u32,
    trace: &Path,
) -> Result<Cell> {
    let fixed = ["--smp", backend.mmu(), "--platform", "linux"].map(str::to_owned);
    let mut all = vec![trace.display().to_string()];
    all.extend(fixed);
    all.extend(arguments(options, backend, cpus).ours());
    let replay = cells::replay(site, pcpu, all)?;
    match &replay.cells[..] {
        [cell] if cell.verified => Ok(cell.clone()),
        [_] => Err("pcpu replay did not verify".into()),
        cells => Err(format!("pcpu replay gave {} cells, one was asked for", cells.len()).into()),
    }
}

fn arguments(options: &Options, backend: Backend, cpus: u32) -> oracle::Arguments {
    oracle::Arguments {
        backend,
        cpus,
        static_size: options.static_size,
        reserved_size: options.reserved_size,
        dyn_size: options.dyn_size,
    }
}

/// A page more in the unit is a page more for every chunk: compare like with like only.
fn same_geometry(kernel: &Figures, ours: &Cell) -> Result {
    let pairs = [
        ("CPUs", kernel.cpus, u64::from(ours.cpus)),
        ("unit size", kernel.unit_size, ours.unit_size),
        ("static size", kernel.static_size, ours.static_size),
        ("reserved size", kernel.reserved_size, ours.reserved_size),
        ("dynamic size", kernel.dyn_size, ours.dyn_size),
    ];
    match pairs.iter().find(|(_, kernel, ours)| kernel != ours) {
        Some((what, kernel, ours)) => {
            Err(format!("{what} differs: reference {kernel}, pcpu {ours}").into())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unequal_units_are_not_compared() {
        let kernel = table::tests::figures(10, 0);
        let mut ours = table::tests::cell(10, 0);
        assert!(same_geometry(&kernel, &ours).is_ok());
        ours.unit_size += 4096;
        let error = same_geometry(&kernel, &ours).unwrap_err().to_string();
        assert_eq!(error, "unit size differs: reference 65536, pcpu 69632");
    }
}

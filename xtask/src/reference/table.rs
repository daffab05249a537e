// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scoreboard's rows P6 and P7: ratios, verdicts, and the table that shows them.

use std::fmt::Write;

use super::oracle::Figures;
use super::{Backend, Options};
use crate::cells::Cell;

/// P6: no trace may need more than this times the reference's pages.
const WORST_ALLOWED: f64 = 1.02;

/// One trace on one machine.
pub struct Row {
    pub backend: Backend,
    pub cpus: u32,
    pub trace: String,
    pub kernel: Figures,
    pub ours: Cell,
}

/// All rows, and the sentences about those that are missing.
pub struct Table {
    heading: String,
    pub rows: Vec<Row>,
    pub refused: Vec<String>,
}

impl Row {
    fn pages(&self) -> u64 {
        self.ours.peak_total_pages.saturating_sub(self.ours.first_chunk_pages)
    }

    /// Our pages over the reference's; `None` if neither needed any.
    fn ratio(&self) -> Option<f64> {
        match (self.pages(), self.kernel.peak_pages) {
            (0, 0) => None,
            // A finite stand-in for "infinitely more", so that a mean shows it too.
            (ours, 0) => Some(1.0 + ours as f64),
            // Needing nothing is at best as good as needing a page.
            (ours, kernel) => Some(ours.max(1) as f64 / kernel as f64),
        }
    }
}

impl Table {
    /// An empty table for these options.
    pub fn new(options: &Options) -> Table {
        let heading = format!(
            "Geometry: static {}, reserved {}, dynamic {} bytes; atom 2 MiB (vm), 4 KiB (km); \
             balance after every operation that asked for it.\n\
             Generated traces: {} operations, seed {}, at most {} objects alive.",
            options.static_size,
            options.reserved_size,
            options.dyn_size,
            options.ops,
            options.seed,
            options.live,
        );
        Table { heading, rows: Vec::new(), refused: Vec::new() }
    }

    /// The report: verdicts, table, method.
    pub fn to_markdown(&self) -> String {
        let mut text =
            format!("# Peak pages against the kernel's own algorithm\n\n{}\n\n", self.heading);
        for verdict in self.verdicts() {
            writeln!(text, "- {verdict}").expect("a String takes everything");
        }
        text += HEADER;
        for row in &self.rows {
            text += &line(row);
        }
        for refused in &self.refused {
            writeln!(text, "\n**Not compared**: {refused}").expect("a String takes everything");
        }
        text + METHOD
    }

    fn verdicts(&self) -> Vec<String> {
        let mut verdicts = Vec::new();
        let ratios: Vec<f64> = self.rows.iter().filter_map(Row::ratio).collect();
        let mean = geometric_mean(&ratios);
        verdicts.push(format!("P6 geometric mean {mean:.4}, at most 1: {}", met(mean <= 1.0)));

        for backend in Backend::ALL {
            let alone = self.rows.iter().filter(|row| row.backend == backend);
            let mean = geometric_mean(&alone.filter_map(Row::ratio).collect::<Vec<_>>());
            verdicts.push(format!("P6 geometric mean of {} alone: {mean:.4}", backend.name()));
        }

        let worst = self.rows.iter().filter_map(|row| Some((row.ratio()?, row)));
        if let Some((ratio, row)) = worst.max_by(|a, b| a.0.total_cmp(&b.0)) {
            let met = met(ratio <= WORST_ALLOWED);
            let place = format!("{} {} CPUs, {}", row.backend.name(), row.cpus, row.trace);
            verdicts.push(format!("P6 worst {ratio:.4} ({place}), at most {WORST_ALLOWED}: {met}"));
        }
        let more = |row: &&Row| row.ours.failures > row.kernel.failures;
        let refusing = self.rows.iter().filter(more).count();
        let met_refusals = met(refusing == 0);
        verdicts.push(format!("P6, P7 rows with more refusals: {refusing}, none: {met_refusals}"));

        let km = self.rows.iter().filter(|row| row.backend == Backend::Km);
        let wasted: u64 = km.map(|row| row.ours.wasted_pages).sum();
        verdicts.push(format!("P6 km, wasted pages: {wasted}, none: {}", met(wasted == 0)));
        verdicts
    }
}

fn met(met: bool) -> &'static str {
    if met { "met" } else { "**not met**" }
}

fn geometric_mean(ratios: &[f64]) -> f64 {
    if ratios.is_empty() {
        return 1.0;
    }
    (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp()
}

const HEADER: &str = "
| | CPUs | trace | pages: kernel | (unrounded) | pcpu | ratio | refusals: kernel | pcpu | alloc ns: kernel median | mean | pcpu | free ns: kernel median | mean | pcpu |
|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";

const METHOD: &str = "
Pages are those of all CPUs beyond the first chunk, at the highest moment. The kernel's km takes a power of two of
pages for every chunk; *unrounded* is what its chunks cover. The ratio is pcpu's pages over the kernel's, rounding included.

Times are not taken alike: the kernel's are single operations between two readings of the clock, reading taken off,
with median and mean; pcpu's are stretches of equal operations over their number, in a run without checks. Both include
zeroing, and the committing of pages where the balance work does not do it. Trust medians on a busy machine.
";

fn line(row: &Row) -> String {
    let (kernel, ours) = (&row.kernel, &row.ours);
    let ratio = row.ratio().map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
    let unrounded = match row.backend {
        Backend::Km => kernel.peak_pages_unrounded.to_string(),
        Backend::Vm => String::new(),
    };
    format!(
        "| {} | {} | {} | {} | {unrounded} | {} | {ratio} | {} | {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |\n",
        row.backend.name(),
        row.cpus,
        row.trace,
        kernel.peak_pages,
        row.pages(),
        kernel.failures,
        ours.failures,
        kernel.alloc_ns_median,
        kernel.alloc_ns_mean,
        ours.alloc_ns,
        kernel.free_ns_median,
        kernel.free_ns_mean,
        ours.free_ns,
    )
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn figures(peak_pages: u64, failures: u64) -> Figures {
        Figures {
            cpus: 2,
            unit_size: 65_536,
            static_size: 0,
            reserved_size: 0,
            dyn_size: 65_536,
            peak_pages,
            peak_pages_unrounded: peak_pages,
            failures,
            alloc_ns_median: 1.0,
            alloc_ns_mean: 2.0,
            free_ns_median: 3.0,
            free_ns_mean: 4.0,
        }
    }

    pub fn cell(pages: u64, failures: u64) -> Cell {
        Cell {
            smp: true,
            mmu: true,
            cpus: 2,
            unit_size: 65_536,
            static_size: 0,
            reserved_size: 0,
            dyn_size: 65_536,
            failures,
            peak_total_pages: pages + 7,
            first_chunk_pages: 7,
            wasted_pages: 0,
            alloc_ns: 5.0,
            free_ns: 6.0,
            verified: true,
        }
    }

    fn row(kernel: (u64, u64), ours: (u64, u64)) -> Row {
        Row {
            backend: Backend::Vm,
            cpus: 2,
            trace: "t".to_owned(),
            kernel: figures(kernel.0, kernel.1),
            ours: cell(ours.0, ours.1),
        }
    }

    fn verdicts(rows: Vec<Row>) -> Vec<String> {
        Table { heading: String::new(), rows, refused: Vec::new() }.verdicts()
    }

    #[test]
    fn halves_and_doubles_have_the_mean_of_one() {
        assert!((geometric_mean(&[0.5, 2.0]) - 1.0).abs() < 1e-12);
        assert!((geometric_mean(&[4.0, 1.0]) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn the_first_chunk_is_not_counted() {
        assert_eq!(row((10, 0), (5, 0)).ratio(), Some(0.5));
    }

    #[test]
    fn needing_pages_where_the_reference_needs_none_is_no_equal_score() {
        assert_eq!(row((0, 0), (0, 0)).ratio(), None);
        assert_eq!(row((0, 0), (3, 0)).ratio(), Some(4.0));
    }

    #[test]
    fn a_worse_trace_and_a_refusal_more_are_not_met() {
        let said = verdicts(vec![row((100, 1), (50, 1)), row((100, 0), (103, 1))]);
        assert_eq!(said[0], "P6 geometric mean 0.7176, at most 1: met");
        assert_eq!(said[1], "P6 geometric mean of vm alone: 0.7176");
        assert_eq!(said[3], "P6 worst 1.0300 (vm 2 CPUs, t), at most 1.02: **not met**");
        assert_eq!(said[4], "P6, P7 rows with more refusals: 1, none: **not met**");
    }

    #[test]
    fn rows_that_were_refused_are_in_the_report() {
        let refused = vec!["vm 2 CPUs t: unit size differs".to_owned()];
        let table = Table { heading: String::new(), rows: Vec::new(), refused };
        assert!(table.to_markdown().contains("**Not compared**: vm 2 CPUs t: unit size differs"));
    }
}

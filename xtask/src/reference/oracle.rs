// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reference programs: their arguments and their `key=value` lines.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;

use xshell::cmd;

use super::Backend;
use super::workload::Workload;
use crate::site::{Result, Site};

/// The geometry of one comparison, in bytes.
pub struct Arguments {
    pub backend: Backend,
    pub cpus: u32,
    pub static_size: u64,
    pub reserved_size: u64,
    pub dyn_size: u64,
}

impl Arguments {
    /// As `pcpu replay` takes them.
    pub fn ours(&self) -> Vec<String> {
        self.named("--static")
    }

    fn named(&self, static_flag: &str) -> Vec<String> {
        let pairs = [
            ("--cpus", self.cpus.to_string()),
            (static_flag, self.static_size.to_string()),
            ("--reserved", self.reserved_size.to_string()),
            ("--dyn", self.dyn_size.to_string()),
            ("--atom", self.backend.atom().to_owned()),
            ("--balance", "auto".to_owned()),
        ];
        pairs.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }
}

/// What a reference program says of one replay; the part that is needed here.
pub struct Figures {
    pub cpus: u64,
    pub unit_size: u64,
    pub static_size: u64,
    pub reserved_size: u64,
    pub dyn_size: u64,
    /// Pages of all CPUs beyond the first chunk, at the highest moment.
    pub peak_pages: u64,
    /// For km the same without rounding each chunk up to a power of two of pages.
    pub peak_pages_unrounded: u64,
    /// Refused requests.
    pub failures: u64,
    pub alloc_ns_median: f64,
    pub alloc_ns_mean: f64,
    pub free_ns_median: f64,
    pub free_ns_mean: f64,
}

/// Runs the reference program of `arguments.backend` on one trace, with its clock on.
pub fn replay(
    site: &Site,
    folder: &Path,
    arguments: &Arguments,
    workload: &Workload,
) -> Result<Figures> {
    let program = folder.join(format!("oracle-{}", arguments.backend.name()));
    let options = arguments.named("--unit-static");
    let trace = &workload.path;
    let run = cmd!(site.sh, "{program} {options...} --time replay {trace}").quiet();
    Figures::parse(&run.read()?, arguments.backend).map_err(Into::into)
}

impl Figures {
    fn parse(text: &str, backend: Backend) -> std::result::Result<Figures, String> {
        let lines = Lines(text.lines().filter_map(|line| line.split_once('=')).collect());
        let peak_pages = lines.get("backing_pages_peak")?;
        let peak_pages_unrounded = match backend {
            Backend::Vm => peak_pages,
            // Every chunk is whole; the first is not among the page allocator's.
            Backend::Km => {
                let grown = lines.get::<u64>("nr_max_chunks")?.saturating_sub(lines.boot_chunks()?);
                grown * lines.get::<u64>("units")? * lines.get::<u64>("unit_size")? / 4096
            }
        };
        Ok(Figures {
            cpus: lines.get("cpus")?,
            unit_size: lines.get("unit_size")?,
            static_size: lines.get("static_size")?,
            reserved_size: lines.get("reserved_size")?,
            dyn_size: lines.get("dyn_size")?,
            peak_pages,
            peak_pages_unrounded,
            failures: lines.get("failures")?,
            alloc_ns_median: lines.get("alloc_ns_p50")?,
            alloc_ns_mean: lines.get("alloc_ns_op")?,
            free_ns_median: lines.get("free_ns_p50")?,
            free_ns_mean: lines.get("free_ns_op")?,
        })
    }
}

struct Lines<'a>(HashMap<&'a str, &'a str>);

impl Lines<'_> {
    fn get<T: FromStr>(&self, key: &str) -> std::result::Result<T, String> {
        let text = self.0.get(key).ok_or_else(|| format!("the reference does not say {key}"))?;
        text.trim().parse().map_err(|_| format!("the reference says {key}={text}, not a number"))
    }

    /// Chunks that exist before the first operation: those at the end, less the creations,
    /// plus the destructions.
    fn boot_chunks(&self) -> std::result::Result<u64, String> {
        let made: u64 = self.get("chunk_creates")?;
        let gone: u64 = self.get("chunk_destroys")?;
        Ok((self.get::<u64>("nr_chunks")? + gone).saturating_sub(made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "variant=km\ncpus=2\nunits=2\nunit_size=167936\nstatic_size=131072\n\
        reserved_size=8192\ndyn_size=28672\nnr_chunks=2\nnr_max_chunks=3\n\
        chunk_creates=4\nchunk_destroys=3\nbacking_pages_peak=256\nfailures=5\n\
        alloc_ns_op=158.9\nalloc_ns_p50=117\nfree_ns_op=38.6\nfree_ns_p50=29\n";

    #[test]
    fn the_figures_are_found_by_name() {
        let figures = Figures::parse(TEXT, Backend::Km).unwrap();
        assert_eq!((figures.cpus, figures.unit_size, figures.failures), (2, 167_936, 5));
        assert_eq!((figures.alloc_ns_median, figures.alloc_ns_mean), (117.0, 158.9));
        assert_eq!(figures.peak_pages, 256);
    }

    #[test]
    fn whole_chunks_are_counted_without_their_rounding() {
        // Three chunks at most, one of them from boot: two of 82 pages, not of 128.
        assert_eq!(Figures::parse(TEXT, Backend::Km).unwrap().peak_pages_unrounded, 164);
        assert_eq!(Figures::parse(TEXT, Backend::Vm).unwrap().peak_pages_unrounded, 256);
    }

    #[test]
    fn a_missing_line_is_named() {
        let text = TEXT.replace("failures=5\n", "");
        let error = Figures::parse(&text, Backend::Km).err().unwrap();
        assert_eq!(error, "the reference does not say failures");
    }
}

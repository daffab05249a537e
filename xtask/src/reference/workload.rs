// SPDX-License-Identifier: MIT OR Apache-2.0
//! Workloads: the traces to compare on, each as a file in the trace language.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use pcpu_trace::{Event, Reader};
use xshell::cmd;

use super::Options;
use crate::site::{Result, Site};

/// Kinds of traces that `gen` makes.
const PROFILES: &[&str] = &["kernel-like", "uniform", "smallfirst", "adversarial"];

/// One trace.
pub struct Workload {
    /// What the table calls it.
    pub name: String,
    /// A file in the trace language.
    pub path: PathBuf,
}

/// Makes all workloads in `scratch`: the generated ones, then those named by the user.
pub fn prepare(site: &Site, options: &Options, scratch: &Path) -> Result<Vec<Workload>> {
    let mut workloads = Vec::new();
    if options.ops > 0 {
        for profile in PROFILES {
            workloads.push(generate(site, options, profile, scratch)?);
        }
    }
    for (index, trace) in options.traces.iter().enumerate() {
        let name = trace.file_name().unwrap_or(trace.as_os_str()).to_string_lossy().into_owned();
        let path = scratch.join(format!("named-{index}"));
        convert(trace, &path).map_err(|error| format!("{}: {error}", trace.display()))?;
        workloads.push(Workload { name, path });
    }
    Ok(workloads)
}

fn generate(site: &Site, options: &Options, profile: &str, scratch: &Path) -> Result<Workload> {
    let program = options.dir.join("gen");
    let numbers = [("--seed", options.seed), ("--ops", options.ops), ("--live", options.live)];
    let numbers = numbers.iter().flat_map(|(flag, value)| [(*flag).to_owned(), value.to_string()]);
    let path = scratch.join(profile);
    let trace = cmd!(site.sh, "{program} --profile {profile}").args(numbers).quiet().read()?;
    fs::write(&path, trace + "\n")?;
    Ok(Workload { name: profile.to_owned(), path })
}

/// Writes any trace that `pcpu-trace` reads in the trace language.
fn convert(from: &Path, to: &Path) -> Result {
    let mut out = BufWriter::new(File::create(to)?);
    for event in Reader::open(from)? {
        if let Event::Op(op) = event? {
            writeln!(out, "{op}")?;
        }
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_text_becomes_the_trace_language() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("kernel"), folder.path().join("language"));
        let event = "bash-7 [001] d..1. 3.14: percpu_alloc_percpu: reserved=0 is_atomic=1 \
                     size=16 align=8 base_addr=00ff off=64 ptr=0";
        fs::write(&from, format!("# tracer: nop\n{event}\n")).unwrap();
        convert(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "a 0 16 8 atomic\n");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What this system says of itself: processor, kernel, CPUs, nodes, memory.
//!
//! Everything is read from files and may be missing or made up, in a container say. What cannot be
//! read is `None`, and never an error: these are facts to print.

use std::fs;
use std::path::Path;

use serde::Serialize;

const CPU_DIR: &str = "/sys/devices/system/cpu";
const NODE_DIR: &str = "/sys/devices/system/node";

/// The machine, in a few words.
#[derive(Clone, Debug, Serialize)]
pub struct System {
    /// What the processor calls itself.
    pub processor: Option<String>,
    /// Name and release of the kernel.
    pub kernel: String,
    /// The architecture that this program was built for.
    pub architecture: &'static str,
    /// How many processors there are.
    pub cpus: Cpus,
    /// Memory nodes that are online.
    pub nodes: Option<usize>,
    /// Bytes of a page.
    pub page_size: usize,
    /// `vm.overcommit_memory`.
    pub overcommit_memory: Option<u8>,
}

/// Numbers of processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cpus {
    /// That the kernel has set aside numbers for.
    pub possible: Option<usize>,
    /// That run.
    pub online: Option<usize>,
    /// That this process may run on.
    pub allowed: Option<usize>,
}

impl System {
    /// Looks.
    pub fn look() -> Self {
        let uname = rustix::system::uname();
        let words = [uname.sysname(), uname.release()].map(|word| word.to_string_lossy());
        let processor = fs::read_to_string("/proc/cpuinfo").ok();
        Self {
            processor: processor.and_then(|text| model_name(&text).map(str::to_owned)),
            kernel: words.join(" "),
            architecture: std::env::consts::ARCH,
            cpus: Cpus {
                possible: listed(CPU_DIR, "possible"),
                online: listed(CPU_DIR, "online"),
                allowed: allowed_cpus().map(|cpus| cpus.len()),
            },
            nodes: listed(NODE_DIR, "online"),
            page_size: rustix::param::page_size(),
            overcommit_memory: fs::read_to_string("/proc/sys/vm/overcommit_memory")
                .ok()
                .and_then(|text| text.trim().parse().ok()),
        }
    }

    /// The processor, or what it was built for where it has no name.
    pub fn processor(&self) -> &str {
        self.processor.as_deref().unwrap_or(self.architecture)
    }
}

/// The numbers of the CPUs that the calling thread may run on, ascending.
pub fn allowed_cpus() -> Option<Vec<usize>> {
    use rustix::thread::{CpuSet, sched_getaffinity};

    let allowed = sched_getaffinity(None).ok()?;
    Some((0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect())
}

/// The numbers of the CPUs that share a core with `cpu`, itself among them, if the system says so.
pub fn siblings(cpu: usize) -> Option<Vec<usize>> {
    let file = Path::new(CPU_DIR).join(format!("cpu{cpu}/topology/thread_siblings_list"));
    parse_list(fs::read_to_string(file).ok()?.trim())
}

fn listed(dir: &str, file: &str) -> Option<usize> {
    let text = fs::read_to_string(Path::new(dir).join(file)).ok()?;
    Some(parse_list(text.trim())?.len())
}

/// Reads `0-3,8`, as the kernel writes lists.
fn parse_list(list: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        // No kernel counts further, and a wrong number should not cost gigabytes.
        if last > 65_535 {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// The processor's name in the text of `/proc/cpuinfo`. Not every architecture has one there.
fn model_name(cpuinfo: &str) -> Option<&str> {
    const NAMES: [&str; 4] = ["model name", "Model", "uarch", "Hardware"];
    let fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    let mut fields = fields.map(|(name, value)| (name.trim(), value.trim()));
    let named = fields.find(|(name, value)| NAMES.contains(name) && !value.is_empty());
    named.map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_the_kernel_are_read() {
        assert_eq!(parse_list("0"), Some(vec![0]));
        assert_eq!(parse_list("0-3,8,10-11"), Some(vec![0, 1, 2, 3, 8, 10, 11]));
        assert_eq!([parse_list(""), parse_list("a-b"), parse_list("1-")], [None, None, None]);
        assert_eq!(parse_list("0-4000000000"), None);
    }

    #[test]
    fn a_processor_is_named_where_the_file_names_it() {
        let text = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: Some CPU @ 2 GHz\nflags\t: x\n";
        assert_eq!(model_name(text), Some("Some CPU @ 2 GHz"));
        assert_eq!(model_name("processor\t: 0\nBogoMIPS\t: 50.00\n"), None);
    }

    #[test]
    fn this_thread_may_run_somewhere_and_that_is_online() {
        let cpus = System::look().cpus;
        assert!(cpus.allowed > Some(0));
        assert!(cpus.online.is_none() || cpus.allowed <= cpus.online);
    }
}

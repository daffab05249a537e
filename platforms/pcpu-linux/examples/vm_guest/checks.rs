// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checks, one after another. Each says in a line what it found, or why it failed.

use std::fs;
use std::panic::catch_unwind;

use pcpu_linux::Linux;

use crate::{cpus, hotplug, placement, sequences, system_call};

/// A check, and what it found or what is wrong.
pub struct Check {
    /// What the command line and the report call it.
    pub name: &'static str,
    /// Runs it.
    pub run: fn() -> Result<String, String>,
}

/// All checks, in the order in which they run.
pub const ALL: &[Check] = &[
    Check { name: "kernel", run: kernel },
    Check { name: "cpus", run: cpus::online },
    Check { name: "nodes", run: nodes },
    Check { name: "pinned", run: cpus::pinned },
    Check { name: "platform", run: platform },
    Check { name: "rseq", run: system_call::rseq_is_known },
    Check { name: "sequences", run: sequences::used },
    Check { name: "words", run: sequences::words },
    Check { name: "sums", run: sequences::sums },
    Check { name: "structures", run: sequences::structures },
    Check { name: "placement", run: placement::nodes },
    Check { name: "hotplug", run: hotplug::last_cpu },
];

/// Runs the checks called `names`, or all if none is named.
///
/// # Errors
/// Names the checks that failed, or a name that is none of a check.
pub fn run(names: &[String]) -> Result<(), String> {
    if let Some(name) = names.iter().find(|name| ALL.iter().all(|check| check.name != **name)) {
        let known: Vec<_> = ALL.iter().map(|check| check.name).collect();
        return Err(format!("no check is called {name}; there are {}", known.join(", ")));
    }
    let wanted = |check: &&Check| names.is_empty() || names.iter().any(|name| name == check.name);
    let mut failed = Vec::new();
    for Check { name, run } in ALL.iter().filter(wanted) {
        // What panicked has said why on the console.
        match catch_unwind(run).unwrap_or_else(|_| Err("panicked".to_owned())) {
            Ok(found) => println!("ok {name}: {found}"),
            Err(why) => {
                println!("failed {name}: {why}");
                failed.push(*name);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join(", ")) }
}

/// What runs, and on what.
fn kernel() -> Result<String, String> {
    let uname = rustix::system::uname();
    Ok(format!("{} {}", uname.machine().to_string_lossy(), uname.release().to_string_lossy()))
}

/// Memory nodes, and the CPUs of each.
fn nodes() -> Result<String, String> {
    let folder = "/sys/devices/system/node";
    let entries = fs::read_dir(folder).map_err(|error| format!("{folder}: {error}"))?;
    let node = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let number: u32 = name.strip_prefix("node")?.parse().ok()?;
        let cpus = fs::read_to_string(entry.path().join("cpulist")).ok()?;
        Some((number, cpus.trim().to_owned()))
    };
    let mut nodes: Vec<_> = entries.flatten().filter_map(node).collect();
    nodes.sort();
    let each: Vec<_> = nodes.iter().map(|(node, cpus)| format!("{node} has CPUs {cpus}")).collect();
    Ok(format!("{}: {}", nodes.len(), each.join(", ")))
}

/// pcpu's own platform keeps its promises on this kernel.
fn platform() -> Result<String, String> {
    // Address space enough for the suite.
    let machine = Linux::builder().address_space(64 << 20).build();
    let machine = machine.map_err(|error| error.to_string())?;
    pcpu_conformance::everything_mapped(&machine);
    match machine.backed_pages().get() {
        0 => Ok("every promise kept, every page given back".to_owned()),
        pages => Err(format!("{pages} pages were not given back")),
    }
}

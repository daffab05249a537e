// SPDX-License-Identifier: MIT OR Apache-2.0
//! The layers: which crate may depend on which, in one table.
//!
//! ```text
//!   pcpu-cli ─▶ pcpu ─▶ pcpu-linux ┐
//!      │          └────▶ pcpu-core ├─▶ pcpu-platform ─▶ pcpu-layout
//!      └──▶ pcpu-sim ──────────────┘
//!      └──▶ pcpu-trace (beside them, knows nobody)
//!
//!   images ─▶ scenario ─▶ any of ours       images ─▶ pcpu-bare ─▶ pcpu-platform
//! ```
//!
//! Images are a workspace of their own, with a table of its own.
//!
//! Cargo refuses circles; it does not refuse an arrow that points upwards as long as nobody
//! points back *yet*. This does. Dev-dependencies are free: a test may stand on anything.

use crate::firmware;
use crate::site::{Metadata, Result, Site};

/// Each crate, and the crates of the workspace that it may name.
const ALLOWED: &[(&str, &[&str])] = &[
    ("pcpu-layout", &[]),
    ("pcpu-trace", &[]),
    ("pcpu-platform", &["pcpu-layout"]),
    ("pcpu-core", &["pcpu-layout", "pcpu-platform"]),
    ("pcpu-conformance", &["pcpu-layout", "pcpu-platform", "pcpu-core"]),
    ("pcpu-sim", &["pcpu-layout", "pcpu-platform"]),
    ("pcpu-linux", &["pcpu-layout", "pcpu-platform"]),
    ("pcpu-bare", &["pcpu-layout", "pcpu-platform"]),
    ("pcpu", &["pcpu-layout", "pcpu-platform", "pcpu-core", "pcpu-linux"]),
    (
        "pcpu-cli",
        &[
            "pcpu-layout",
            "pcpu-platform",
            "pcpu-core",
            "pcpu-linux",
            "pcpu-sim",
            "pcpu-trace",
            "pcpu",
        ],
    ),
    ("codegen", &["pcpu"]),
    ("xtask", &["pcpu-trace"]),
];

/// Likewise for the workspace of images. What is under them (`pcpu-bare`, the allocator) they
/// may name freely; each other, not.
const ALLOWED_IMAGES: &[(&str, &[&str])] = &[
    ("table-frames", &[]),
    ("scenario", &[]),
    ("size", &[]),
    ("an536", &["scenario"]),
    ("an521", &["scenario"]),
    ("riscv-m", &["scenario"]),
    ("riscv-sv39", &["scenario", "table-frames"]),
    ("aarch64", &["scenario", "table-frames"]),
    ("x86-64", &["scenario", "table-frames"]),
];

/// The stage: no crate names one that its row of the table does not hold.
pub fn check(site: &Site) -> Result {
    let mut faults = faults(&edges(&site.metadata()?), ALLOWED);
    faults.extend(self::faults(&edges(&firmware::metadata(site)?), ALLOWED_IMAGES));
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
}

/// Each crate of the workspace, and the others that it needs to be built.
fn edges(metadata: &Metadata) -> Vec<(&str, Vec<&str>)> {
    let ours = |name: &str| metadata.packages.iter().any(|package| package.name == name);
    let mut edges = Vec::new();
    for package in &metadata.packages {
        let needed = package.dependencies.iter();
        let needed = needed.filter(|it| it.kind.as_deref() != Some("dev") && ours(&it.name));
        edges.push((package.name.as_str(), needed.map(|it| it.name.as_str()).collect()));
    }
    edges
}

fn faults(edges: &[(&str, Vec<&str>)], allowed: &[(&str, &[&str])]) -> Vec<String> {
    let mut faults = Vec::new();
    for (from, needs) in edges {
        let Some((_, may)) = allowed.iter().find(|(name, _)| name == from) else {
            faults.push(format!("{from} has no row in the table of layers"));
            continue;
        };
        for to in needs.iter().filter(|to| !may.contains(to)) {
            faults.push(format!("{from} may not depend on {to}"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_upwards_is_named() {
        let edges = [("pcpu-layout", vec!["pcpu-core"]), ("pcpu-core", vec!["pcpu-layout"])];
        assert_eq!(faults(&edges, ALLOWED), ["pcpu-layout may not depend on pcpu-core"]);
    }

    #[test]
    fn a_crate_without_a_row_is_named() {
        let edges = [("pcpu-new", vec![])];
        assert_eq!(faults(&edges, ALLOWED), ["pcpu-new has no row in the table of layers"]);
    }

    #[test]
    fn the_tables_themselves_have_no_way_round() {
        // Rows stand below the rows they name, so that no edge can close a circle.
        for table in [ALLOWED, ALLOWED_IMAGES] {
            for (row, (name, may)) in table.iter().enumerate() {
                for to in *may {
                    let below = table.iter().position(|(other, _)| other == to);
                    assert!(below.is_some_and(|below| below < row), "{name} names {to}");
                }
            }
        }
    }

    #[test]
    fn dev_dependencies_and_crates_of_others_are_no_edges() {
        let json = r#"{"target_directory": "t", "packages": [
            {"name": "a", "dependencies": [
                {"name": "b", "kind": null}, {"name": "c", "kind": "dev"},
                {"name": "serde", "kind": null}]},
            {"name": "b", "dependencies": [{"name": "a", "kind": "build"}]},
            {"name": "c", "dependencies": []}]}"#;
        let metadata: Metadata = serde_json::from_str(json).unwrap();
        assert_eq!(edges(&metadata), [("a", vec!["b"]), ("b", vec!["a"]), ("c", vec![])]);
    }
}

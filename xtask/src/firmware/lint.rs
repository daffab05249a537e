// SPDX-License-Identifier: MIT OR Apache-2.0
//! Formatting and lints of the firmware's workspace.

use std::collections::{BTreeMap, BTreeSet};

use super::boards;
use super::build::Workshop;
use crate::site::{Result, Site};

/// Packages that no board boots, with a target for each. All their features can go together.
const UNBOOTED: &[(&str, &str)] = &[("size", "thumbv8m.main-none-eabi")];

/// Packages that are built into images, and linted with them.
#[cfg(test)]
const LIBRARIES: &[&str] = &["scenario", "table-frames"];

/// The formatting is rustfmt's.
pub fn fmt(site: &Site) -> Result {
    Ok(Workshop::of(site)?.cargo("fmt").args(["--all", "--check"]).run()?)
}

/// The stage: no lint fires, in any package, for any of its targets.
pub fn lint(site: &Site) -> Result {
    let workshop = Workshop::of(site)?;
    let mut faults = Vec::new();
    let mut lint = |target: &'static str, arguments: &[&str]| {
        // Optimised like the images: so they share what runs on this machine to build them.
        let clippy = workshop.cargo("clippy").args(["--release", "--target", target]);
        if clippy.args(arguments).args(["--", "-D", "warnings"]).run().is_err() {
            faults.push(target);
        }
    };
    for (target, packages) in packages_by_target() {
        let packages: Vec<_> =
            packages.into_iter().flat_map(|package| ["--package", package]).collect();
        lint(target, &packages);
    }
    for board in boards::ALL.iter().filter(|board| !board.features.is_empty()) {
        let features = board.features.join(",");
        lint(board.target, &["--package", board.package, "--features", &features]);
    }
    for (package, target) in UNBOOTED {
        lint(target, &["--package", package, "--all-features"]);
    }
    if faults.is_empty() { Ok(()) } else { Err(format!("for {}", faults.join(", ")).into()) }
}

fn packages_by_target() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut packages = BTreeMap::<_, BTreeSet<_>>::new();
    for board in boards::ALL {
        packages.entry(board.target).or_default().insert(board.package);
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::Site;

    #[test]
    fn every_package_of_the_workspace_is_looked_at() {
        let manifest = Site::find().unwrap().root().join("firmware/Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).unwrap();
        let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
        let mut looked_at: BTreeSet<_> = packages_by_target().into_values().flatten().collect();
        looked_at.extend(UNBOOTED.iter().map(|(package, _)| *package).chain(LIBRARIES.to_vec()));
        for member in members.split('"').skip(1).step_by(2) {
            assert!(looked_at.contains(member), "{member}");
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What comes through `rustup`: components, targets, and a nightly toolchain with Miri.

use xshell::cmd;

use super::{Need, Way};
use crate::site::{Result, Site};
use crate::stages::{
    BARE_TARGETS, CLIPPY, FIRMWARE, FIRMWARE_LINT, FMT, INSTRUCTIONS, MIRI, MUSL, MUSL_TARGET,
    MUTANTS, NO_STD, OTHER_TARGETS, OTHERS, RSEQ_VM, SEED, SIZE,
};
use crate::{instructions, rseq_vm};

/// What this machine's `rustup` has.
#[derive(Default)]
pub struct Installed {
    components: String,
    targets: String,
    /// `None` without a nightly toolchain.
    nightly_components: Option<String>,
}

impl Installed {
    /// Asks `rustup`; what does not answer has nothing.
    pub fn look(site: &Site) -> Installed {
        let read = |arguments: &str| {
            let words = arguments.split(' ');
            let rustup = cmd!(site.sh, "rustup {words...}").quiet().ignore_stderr();
            rustup.read().ok()
        };
        Installed {
            components: read("component list --installed").unwrap_or_default(),
            targets: read("target list --installed").unwrap_or_default(),
            nightly_components: read("component list --installed --toolchain nightly"),
        }
    }
}

/// What is missing.
pub fn needs(installed: &Installed) -> Vec<Need> {
    let mut needs = Vec::new();
    if !has_components(&installed.components, &["rustfmt", "clippy"]) {
        needs.push(Need {
            what: "rustfmt and clippy",
            stages: &[FMT, CLIPPY, FIRMWARE_LINT],
            way: Way::Rustup(vec!["component", "add", "rustfmt", "clippy"]),
        });
    }
    let has_target = |target: &str| installed.targets.lines().any(|line| line == target);
    if !BARE_TARGETS.iter().all(|target| has_target(target)) {
        needs.push(Need {
            what: "the standard library of bare targets",
            stages: &[NO_STD, FIRMWARE_LINT, FIRMWARE, SIZE, SEED, MUTANTS],
            way: Way::Rustup([&["target", "add"], BARE_TARGETS].concat()),
        });
    }
    if !OTHER_TARGETS.iter().all(|target| has_target(target)) {
        needs.push(Need {
            what: "the standard library of other systems",
            stages: &[OTHERS],
            way: Way::Rustup([&["target", "add"], OTHER_TARGETS].concat()),
        });
    }
    if !has_target(MUSL_TARGET) {
        needs.push(Need {
            what: "the standard library over musl",
            stages: &[MUSL],
            way: Way::Rustup(vec!["target", "add", MUSL_TARGET]),
        });
    }
    let guests = guest_targets();
    if !guests.iter().all(|target| has_target(target)) {
        needs.push(Need {
            what: "the standard library of foreign processors",
            stages: &[RSEQ_VM, INSTRUCTIONS],
            way: Way::Rustup([&["target", "add"], &guests[..]].concat()),
        });
    }
    let miri = ["miri", "rust-src"];
    match &installed.nightly_components {
        Some(components) if has_components(components, &miri) => {}
        Some(_) => needs.push(Need {
            what: "Miri",
            stages: &[MIRI],
            way: Way::Rustup(vec![
                "component",
                "add",
                "--toolchain",
                "nightly",
                "miri",
                "rust-src",
            ]),
        }),
        None => needs.push(Need {
            what: "a nightly toolchain with Miri",
            stages: &[MIRI],
            // Some nights have no Miri: take the newest that has.
            way: Way::Rustup(
                "toolchain install nightly --profile minimal --component miri,rust-src \
                 --allow-downgrade --no-self-update"
                    .split_whitespace()
                    .collect(),
            ),
        }),
    }
    needs
}

/// Targets of the program that boots on Linux, and of the functions that are looked into.
fn guest_targets() -> Vec<&'static str> {
    let guests = rseq_vm::STAGE.iter().map(|machine| machine.target);
    let mut targets: Vec<_> = guests.chain(instructions::TARGETS.iter().copied()).collect();
    targets.sort_unstable();
    targets.dedup();
    targets
}

/// Calls `rustup`, twice if need be: downloads fail now and then.
pub fn install(site: &Site, arguments: &[&str]) -> Result {
    let rustup = cmd!(site.sh, "rustup {arguments...}");
    if rustup.run().is_err() {
        rustup.run()?;
    }
    Ok(())
}

/// `rustup` lists a component as `miri-x86_64-unknown-linux-gnu`, or `rust-src` alone.
fn has_components(list: &str, wanted: &[&str]) -> bool {
    let listed = |name: &&str| {
        let mut rests = list.lines().filter_map(|line| line.strip_prefix(*name));
        rests.any(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    wanted.iter().all(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(components: &str, targets: &str, nightly: Option<&str>) -> Installed {
        Installed {
            components: components.to_owned(),
            targets: targets.to_owned(),
            nightly_components: nightly.map(str::to_owned),
        }
    }

    fn all_targets() -> String {
        [BARE_TARGETS, OTHER_TARGETS, &[MUSL_TARGET], &guest_targets()].concat().join("\n")
    }

    fn whats(installed: &Installed) -> Vec<&'static str> {
        needs(installed).iter().map(|need| need.what).collect()
    }

    #[test]
    fn a_machine_that_has_everything_needs_nothing() {
        let all = installed(
            "cargo-x86_64-unknown-linux-gnu\nclippy-x86_64-unknown-linux-gnu\nrustfmt-x86_64",
            &all_targets(),
            Some("miri-x86_64-unknown-linux-gnu\nrust-src"),
        );
        assert_eq!(whats(&all), Vec::<&str>::new());
    }

    #[test]
    fn a_bare_machine_needs_a_nightly_and_not_just_a_component() {
        let wanted = [
            "rustfmt and clippy",
            "the standard library of bare targets",
            "the standard library of other systems",
            "the standard library over musl",
            "the standard library of foreign processors",
            "a nightly toolchain with Miri",
        ];
        assert_eq!(whats(&Installed::default()), wanted);
    }

    #[test]
    fn one_target_that_is_missing_is_a_need() {
        for (missing, what) in [
            (BARE_TARGETS[0], "the standard library of bare targets"),
            (OTHER_TARGETS[3], "the standard library of other systems"),
            (MUSL_TARGET, "the standard library over musl"),
            (guest_targets()[0], "the standard library of foreign processors"),
        ] {
            let but_one = all_targets().replace(missing, "");
            let machine = installed("rustfmt\nclippy", &but_one, Some("miri\nrust-src"));
            assert_eq!(whats(&machine), [what]);
        }
    }

    #[test]
    fn a_nightly_without_miri_needs_the_component() {
        let targets = all_targets();
        let machine = installed("rustfmt-x\nclippy-x", &targets, Some("rustc-x\nrust-src"));
        assert_eq!(whats(&machine), ["Miri"]);
    }

    #[test]
    fn a_component_is_not_mistaken_for_one_whose_name_begins_alike() {
        assert!(!has_components("rust-src-preview2\nmirilli", &["miri"]));
        assert!(has_components("rust-src", &["rust-src"]));
    }
}

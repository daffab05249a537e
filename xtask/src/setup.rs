// SPDX-License-Identifier: MIT OR Apache-2.0
//! Set-up: what the stages need beyond Rust and a C linker, and how to get it.
//!
//! Everything needed today comes through `rustup` into the user's own toolchains; nothing
//! needs a package manager or root. What is missing is listed, and installed after a yes
//! (`--yes`, `CI=true`, or a typed one).
//!
//! ```text
//!   missing? ──▶ list ──▶ yes ──▶ install ──ok──▶ all stages run
//!                          │         └─failed─▶ under CI=true: an error
//!                          └─no───────────────▶ else: the stages that need it are
//!                                               left out, and loudly
//! ```

use std::env;
use std::io::{BufRead, stdin};

use anstream::println;
use xshell::cmd;

use crate::report::{RED, RESET, YELLOW};
use crate::site::{Result, Site};
use crate::stages::{BARE_TARGETS, MIRI, NO_STD};

/// Whether something may be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// CI: yes, and what cannot be installed is a failure.
    Required,
    /// Yes, said beforehand.
    Given,
    /// A person is to be asked.
    Ask,
}

impl Consent {
    /// `CI=true` goes before `--yes`.
    pub fn from_flag_and_environment(yes: bool) -> Consent {
        match (env::var("CI").as_deref(), yes) {
            (Ok("true"), _) => Consent::Required,
            (_, true) => Consent::Given,
            (_, false) => Consent::Ask,
        }
    }
}

/// A stage that cannot run on this machine.
pub struct LeftOut {
    /// The stage's name.
    pub stage: &'static str,
    /// What it lacks.
    pub why: String,
}

/// One thing to install.
struct Need {
    what: &'static str,
    /// The stages that cannot run without it.
    stages: &'static [&'static str],
    /// Arguments of the `rustup` that installs it.
    rustup: Vec<&'static str>,
}

/// What this machine's `rustup` has.
#[derive(Default)]
struct Installed {
    components: String,
    targets: String,
    /// `None` without a nightly toolchain.
    nightly_components: Option<String>,
}

/// Installs what is missing, if it may, and returns the stages that have to be left out.
///
/// # Errors
/// What could not be installed, when consent is [`Consent::Required`].
pub fn set_up(site: &Site, consent: Consent) -> Result<Vec<LeftOut>> {
    let needs = needs(&look(site));
    if needs.is_empty() {
        println!("set-up: nothing is missing");
        return Ok(Vec::new());
    }
    println!("set-up: cargo xtask test would install, for your user alone:");
    for need in &needs {
        println!("  {:<34} rustup {}", need.what, need.rustup.join(" "));
    }
    let may = may_install(consent);
    let mut left_out = Vec::new();
    for need in &needs {
        let failure = if may { install(site, need).err() } else { Some("not installed".into()) };
        let Some(why) = failure else { continue };
        let why = format!("{}: {why}", need.what);
        if consent == Consent::Required {
            return Err(why.into());
        }
        println!("{RED}LEFT OUT{RESET} {YELLOW}{}{RESET}: {why}", need.stages.join(", "));
        println!("  to include it: rustup {}", need.rustup.join(" "));
        left_out.extend(need.stages.iter().map(|stage| LeftOut { stage, why: why.clone() }));
    }
    Ok(left_out)
}

/// Asks `rustup`; what does not answer has nothing.
fn look(site: &Site) -> Installed {
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

fn needs(installed: &Installed) -> Vec<Need> {
    let mut needs = Vec::new();
    if !has_components(&installed.components, &["rustfmt", "clippy"]) {
        needs.push(Need {
            what: "rustfmt and clippy",
            stages: &["fmt", "clippy"],
            rustup: vec!["component", "add", "rustfmt", "clippy"],
        });
    }
    let has_target = |target: &&str| installed.targets.lines().any(|line| line == *target);
    if !BARE_TARGETS.iter().all(has_target) {
        needs.push(Need {
            what: "the standard library of bare targets",
            stages: &[NO_STD],
            rustup: [&["target", "add"], BARE_TARGETS].concat(),
        });
    }
    let miri = ["miri", "rust-src"];
    match &installed.nightly_components {
        Some(components) if has_components(components, &miri) => {}
        Some(_) => needs.push(Need {
            what: "Miri",
            stages: &[MIRI],
            rustup: vec!["component", "add", "--toolchain", "nightly", "miri", "rust-src"],
        }),
        None => needs.push(Need {
            what: "a nightly toolchain with Miri",
            stages: &[MIRI],
            // Some nights have no Miri: take the newest that has.
            rustup: "toolchain install nightly --profile minimal --component miri,rust-src \
                     --allow-downgrade --no-self-update"
                .split_whitespace()
                .collect(),
        }),
    }
    needs
}

/// `rustup` lists a component as `miri-x86_64-unknown-linux-gnu`, or `rust-src` alone.
fn has_components(list: &str, wanted: &[&str]) -> bool {
    let listed = |name: &&str| {
        let mut rests = list.lines().filter_map(|line| line.strip_prefix(*name));
        rests.any(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    wanted.iter().all(listed)
}

fn may_install(consent: Consent) -> bool {
    if consent != Consent::Ask {
        return true;
    }
    println!("install all of it? [y/N]");
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn install(site: &Site, need: &Need) -> Result {
    let arguments = &need.rustup;
    let rustup = cmd!(site.sh, "rustup {arguments...}");
    if rustup.run().is_err() {
        // Downloads fail now and then.
        rustup.run()?;
    }
    Ok(())
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

    fn whats(installed: &Installed) -> Vec<&'static str> {
        needs(installed).iter().map(|need| need.what).collect()
    }

    #[test]
    fn a_machine_that_has_everything_needs_nothing() {
        let all = installed(
            "cargo-x86_64-unknown-linux-gnu\nclippy-x86_64-unknown-linux-gnu\nrustfmt-x86_64",
            &BARE_TARGETS.join("\n"),
            Some("miri-x86_64-unknown-linux-gnu\nrust-src"),
        );
        assert_eq!(whats(&all), Vec::<&str>::new());
    }

    #[test]
    fn a_bare_machine_needs_a_nightly_and_not_just_a_component() {
        let wanted = [
            "rustfmt and clippy",
            "the standard library of bare targets",
            "a nightly toolchain with Miri",
        ];
        assert_eq!(whats(&Installed::default()), wanted);
    }

    #[test]
    fn a_nightly_without_miri_needs_the_component() {
        let targets = BARE_TARGETS.join("\n");
        let machine = installed("rustfmt-x\nclippy-x", &targets, Some("rustc-x\nrust-src"));
        assert_eq!(whats(&machine), ["Miri"]);
    }

    #[test]
    fn a_component_is_not_mistaken_for_one_whose_name_begins_alike() {
        assert!(!has_components("rust-src-preview2\nmirilli", &["miri"]));
        assert!(has_components("rust-src", &["rust-src"]));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Set-up: what the stages need beyond Rust and a C linker, and how to get it.
//!
//! Toolchains come through `rustup`, for the user alone. QEMU, linkers and valgrind come through
//! the system's package manager, for the whole machine, and need root. Kernels to boot come from the
//! same mirror as its packages, into the build folder. What is missing is listed, and installed
//! after a yes (`--yes`, `CI=true`, or a typed one).
//!
//! ```text
//!   missing? ──▶ list ──▶ yes ──▶ install ──ok──▶ all stages run
//!                          │         └─failed─▶ under CI=true: an error
//!                          └─no───────────────▶ else: the stages that need it are
//!                                               left out, and loudly
//! ```

mod apt;
mod kernels;
mod linkers;
mod qemu;
mod rustup;
mod system;
mod valgrind;
mod version;

use std::env;
use std::error::Error;
use std::io::{BufRead, stdin};

use anstream::println;

use crate::report::{RED, RESET, YELLOW};
use crate::site::{Result, Site};
use system::System;

pub use apt::sources::debian as debian_source;

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
        match (is_ci(), yes) {
            (true, _) => Consent::Required,
            (false, true) => Consent::Given,
            (false, false) => Consent::Ask,
        }
    }
}

/// Whether nothing may be left out.
pub fn is_ci() -> bool {
    env::var("CI").is_ok_and(|ci| ci == "true")
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
    way: Way,
}

/// How to install it.
enum Way {
    /// A call of `rustup` with these arguments.
    Rustup(Vec<&'static str>),
    /// Packages of the system, through apt.
    Packages(apt::Packages),
    /// QEMU, through apt.
    Qemu(apt::Apt),
    /// Kernels for machines, into the build folder.
    Kernels(kernels::Kernels),
    /// Not by this program: what a person can do instead.
    ByHand(String),
}

/// Installs what is missing, if it may, and returns the stages that have to be left out.
///
/// # Errors
/// What could not be installed, when consent is [`Consent::Required`].
pub fn set_up(site: &Site, consent: Consent) -> Result<Vec<LeftOut>> {
    let mut needs = rustup::needs(&rustup::Installed::look(site));
    let system = System::look(site);
    needs.extend(qemu::need(site, &system));
    needs.extend(linkers::need(site, &system));
    needs.extend(valgrind::need(site, &system));
    needs.extend(kernels::need(site, &system)?);
    if needs.is_empty() {
        println!("set-up: nothing is missing");
        return Ok(Vec::new());
    }
    println!("set-up: cargo xtask test needs what this machine lacks, and would do:");
    for need in &needs {
        println!("  {:<38} {}", need.what, need.way.in_words());
    }
    let may = needs.iter().all(|need| !need.way.installs()) || may_install(consent);
    let mut left_out = Vec::new();
    for need in &needs {
        let failure = if may { need.way.install(site).err() } else { Some("not installed".into()) };
        let Some(why) = failure else { continue };
        let why = format!("{}: {why}", need.what);
        if consent == Consent::Required {
            return Err(why.into());
        }
        println!("{RED}LEFT OUT{RESET} {YELLOW}{}{RESET}: {why}", need.stages.join(", "));
        println!("  to include it: {}", need.way.in_words());
        left_out.extend(need.stages.iter().map(|stage| LeftOut { stage, why: why.clone() }));
    }
    Ok(left_out)
}

impl Way {
    /// What is done, or what a person is to do.
    fn in_words(&self) -> String {
        match self {
            Way::Rustup(arguments) => format!("rustup {}", arguments.join(" ")),
            Way::Packages(packages) => packages.in_words(),
            Way::Qemu(apt) => apt.in_words(),
            Way::Kernels(kernels) => kernels.in_words(),
            Way::ByHand(what) => what.clone(),
        }
    }

    fn installs(&self) -> bool {
        !matches!(self, Way::ByHand(_))
    }

    fn install(&self, site: &Site) -> Result {
        match self {
            Way::Rustup(arguments) => rustup::install(site, arguments),
            Way::Packages(packages) => {
                packages.install(site)?;
                (packages.look)(site).map_err(still)
            }
            Way::Qemu(apt) => {
                apt.install(site)?;
                qemu::look(site).map_err(still)
            }
            Way::Kernels(kernels) => kernels.fetch(site),
            Way::ByHand(what) => Err(what.clone().into()),
        }
    }
}

/// What is wrong when an installation went well and changed nothing.
fn still(lack: String) -> Box<dyn Error> {
    format!("installed, and still {lack}").into()
}

fn may_install(consent: Consent) -> bool {
    if consent != Consent::Ask {
        return true;
    }
    println!("do all of it? [y/N]");
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

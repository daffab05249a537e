// SPDX-License-Identifier: MIT OR Apache-2.0
//! What comes through apt, on Debian, Ubuntu and their kin.
//!
//! Most is a list of names: [`Packages`]. QEMU is more: [`Apt`].
//!
//! A stable Debian may offer a QEMU that is too old; its *backports* then have a newer one. That
//! suite is never taken unless it is named, so naming it for four packages changes nothing
//! else. What is to be done depends on what apt offers:
//!
//! ```text
//!   update ──▶ new enough? ──▶ install
//!                  │no
//!                  ├─ in backports? ──▶ install from there
//!                  ├─ backports not configured ──▶ add the suite, update, look again
//!                  └─ else ──▶ say what is offered, and give up
//! ```

pub mod packages;
pub mod sources;

use xshell::cmd;

use super::system::os_release_field;
use super::version::{OLDEST_QEMU, Version};
use crate::site::{Result, Site};
use packages::{install_words, run};
use sources::Source;

pub use packages::Packages;

/// Packages without which nothing works. The first one's version stands for all: they are built
/// from one source.
const PACKAGES: &[&str] = &["qemu-system-arm", "qemu-system-x86"];

/// Where the emulators of RISC-V are: in the first of these that exists.
const RISCV_PACKAGES: &[&str] = &["qemu-system-riscv", "qemu-system-misc"];

/// apt on this machine.
pub struct Apt {
    os_release: String,
    /// What goes before a command that needs root.
    root: &'static [&'static str],
    /// What it offered before anything was done.
    offers: Offers,
}

/// What apt can install now.
#[derive(Default)]
struct Offers {
    sources: Vec<Source>,
    /// What `apt-cache policy` says of the first package.
    policy: Policy,
    /// Which of the packages for RISC-V exist.
    riscv: Vec<&'static str>,
}

/// What `apt-cache policy` says of a package.
#[derive(Debug, Default, PartialEq, Eq)]
struct Policy {
    /// What would be installed; `None` if the package is unknown.
    candidate: Option<Version>,
    /// Every version, with a suite that has it.
    versions: Vec<(Version, String)>,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Write a file that names one more suite.
    AddSuite { path: String, text: String },
    /// Install, from a suite other than the default one if one is named.
    Install { suite: Option<String>, packages: Vec<&'static str> },
    /// Nothing helps.
    GiveUp(String),
}

impl Apt {
    /// Looks at what apt offers.
    pub fn look(site: &Site, os_release: &str, root: &'static [&'static str]) -> Apt {
        Apt { os_release: os_release.to_owned(), root, offers: Offers::look(site) }
    }

    /// What [`install`](Self::install) would do, as far as it can be known before the lists of
    /// packages are fresh.
    pub fn in_words(&self) -> String {
        let root = packages::prefix(self.root);
        let update = format!("{root}apt-get update");
        // Which package is for RISC-V depends on what the update brings.
        let install = |suite: Option<&str>| {
            let words = install_words(suite, PACKAGES).join(" ");
            format!("{root}{words} {}", RISCV_PACKAGES.join("|"))
        };
        if self.offers.policy.candidate.is_none() {
            let codename = self.codename().unwrap_or("the release");
            return format!(
                "{update}; {}; from {codename}-backports if {codename} itself has no QEMU since \
                 {OLDEST_QEMU}, which on Debian adds that suite to /etc/apt/sources.list.d if it \
                 is not there",
                install(None)
            );
        }
        match self.next(&self.offers) {
            Next::AddSuite { path, text } => {
                let fields = text.trim_end().replace('\n', ", ");
                let install = install(self.backports().as_deref());
                format!("write {path} ({fields}); {update}; {install}")
            }
            Next::Install { suite, .. } => format!("{update}; {}", install(suite.as_deref())),
            Next::GiveUp(why) => format!("{update}, and hope for newer packages: {why}"),
        }
    }

    /// Installs the packages.
    ///
    /// # Errors
    /// Nothing that apt offers is new enough, or a command failed.
    pub fn install(&self, site: &Site) -> Result {
        run(site, self.root, &["apt-get", "update"], None)?;
        loop {
            match self.next(&Offers::look(site)) {
                Next::AddSuite { path, text } => {
                    run(site, self.root, &["tee", &path], Some(&text))?;
                    run(site, self.root, &["apt-get", "update"], None)?;
                }
                Next::Install { suite, packages } => {
                    let words = install_words(suite.as_deref(), &packages);
                    return run(site, self.root, &words, None);
                }
                Next::GiveUp(why) => return Err(why.into()),
            }
        }
    }

    /// Adding a suite cannot come twice: the second time the suite is there.
    fn next(&self, offers: &Offers) -> Next {
        let new_enough = |version: &Version| *version >= OLDEST_QEMU;
        if offers.policy.candidate.as_ref().is_some_and(new_enough) {
            return Next::Install { suite: None, packages: offers.packages() };
        }
        let newest = offers.policy.versions.iter().map(|(version, _)| version).max();
        let newest = newest.map_or("nothing".to_owned(), Version::to_string);
        let too_old =
            format!("apt offers qemu-system-arm {newest}, {OLDEST_QEMU} or newer is needed");
        let Some(backports) = self.backports() else { return Next::GiveUp(too_old) };
        let mut versions = offers.policy.versions.iter();
        if versions.any(|(version, suite)| new_enough(version) && *suite == backports) {
            return Next::Install { suite: Some(backports), packages: offers.packages() };
        }
        let is_there = offers.sources.iter().any(|source| source.has(&backports));
        let is_debian = os_release_field(&self.os_release, "ID") == Some("debian");
        let codename = self.codename().unwrap_or_default();
        match offers.sources.iter().find(|source| source.has(codename)) {
            Some(source) if is_debian && !is_there => Next::AddSuite {
                path: format!("/etc/apt/sources.list.d/{backports}.sources"),
                text: source.stanza(&backports),
            },
            _ => Next::GiveUp(too_old),
        }
    }

    fn codename(&self) -> Option<&str> {
        os_release_field(&self.os_release, "VERSION_CODENAME")
    }

    fn backports(&self) -> Option<String> {
        Some(format!("{}-backports", self.codename()?))
    }
}

impl Offers {
    fn look(site: &Site) -> Offers {
        let policy = |package: &str| {
            // In English, because it is read.
            let policy = cmd!(site.sh, "apt-cache policy {package}").env("LC_ALL", "C");
            Policy::parse(&policy.quiet().ignore_stderr().read().unwrap_or_default())
        };
        let exists = |package: &&str| policy(package).candidate.is_some();
        Offers {
            sources: sources::look(),
            policy: policy(PACKAGES[0]),
            riscv: RISCV_PACKAGES.iter().copied().filter(exists).collect(),
        }
    }

    fn packages(&self) -> Vec<&'static str> {
        PACKAGES.iter().chain(self.riscv.first()).copied().collect()
    }
}

impl Policy {
    fn parse(text: &str) -> Policy {
        let mut policy = Policy::default();
        let mut version = None;
        for line in text.lines() {
            if let Some(candidate) = line.trim().strip_prefix("Candidate: ") {
                policy.candidate = Version::from_package(candidate);
                continue;
            }
            // A version ("1:7.2 500", or "*** 1:7.2 500" where it is installed), then a line
            // for each place that has it ("500 http://mirror suite/main amd64 Packages").
            let words: Vec<_> = line.split_whitespace().filter(|word| *word != "***").collect();
            match words.as_slice() {
                [written, priority] if priority.parse::<i32>().is_ok() => {
                    version = Version::from_package(written);
                }
                [_, _, place, _, "Packages"] => {
                    let suite = place.split('/').next().unwrap_or_default().to_owned();
                    policy.versions.extend(version.map(|version| (version, suite)));
                }
                _ => {}
            }
        }
        policy
    }
}

#[cfg(test)]
mod tests;

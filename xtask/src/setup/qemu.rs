// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU: whether this machine has the emulators that boards need, and how it could get them.

use std::collections::BTreeSet;

use xshell::cmd;

use super::apt::Apt;
use super::system::System;
use super::version::{OLDEST_QEMU, Version};
use super::{Need, Way};
use crate::site::Site;
use crate::stages::{FIRMWARE, MUTANTS, RSEQ_VM};
use crate::{firmware, rseq_vm};

/// Packages of systems that have no apt: what `ID` or `ID_LIKE` of `/etc/os-release` says, and
/// what to type.
const ELSEWHERE: &[(&str, &str)] = &[
    ("fedora", "dnf install qemu-system-{arm,aarch64,riscv,x86}-core"),
    ("arch", "pacman -S qemu-system-{arm,aarch64,riscv,x86}"),
    ("alpine", "apk add qemu-system-{arm,aarch64,riscv32,riscv64,x86_64}"),
    ("suse", "zypper install qemu-arm qemu-x86 qemu-extra"),
];

/// What QEMU is needed for here, unless nothing is missing.
pub fn need(site: &Site, system: &System) -> Option<Need> {
    let lack = look(site).err()?;
    let way = match system.apt() {
        Some(root) => Way::Qemu(Apt::look(site, &system.os_release, root)),
        None => Way::ByHand(format!("{lack}; {}", advice(system))),
    };
    let stages = &[FIRMWARE, MUTANTS, RSEQ_VM];
    Some(Need { what: "QEMU's emulators of whole machines", stages, way })
}

fn advice(system: &System) -> String {
    let otherwise = format!(
        "install QEMU {OLDEST_QEMU} or newer, with its emulators of whole machines \
         (a package called qemu or qemu-system-*; with Homebrew: brew install qemu)"
    );
    system.advice(ELSEWHERE, otherwise)
}

/// Says what is missing, if something is.
pub fn look(site: &Site) -> Result<(), String> {
    let version = |program: &str| {
        let version = cmd!(site.sh, "{program} --version").quiet().ignore_stderr().read();
        version.ok().and_then(|printed| Version::from_program(&printed))
    };
    let programs: BTreeSet<_> =
        firmware::emulators().union(&rseq_vm::emulators()).copied().collect();
    lacking(programs.into_iter().map(|program| (program, version(program))))
}

fn lacking<'a>(programs: impl Iterator<Item = (&'a str, Option<Version>)>) -> Result<(), String> {
    let mut lacks = Vec::new();
    for (program, version) in programs {
        match version {
            None => lacks.push(format!("{program} is missing")),
            Some(version) if version < OLDEST_QEMU => {
                lacks.push(format!("{program} is {version}, {OLDEST_QEMU} is needed"));
            }
            Some(_) => {}
        }
    }
    if lacks.is_empty() { Ok(()) } else { Err(lacks.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(written: &str) -> Option<Version> {
        Version::from_package(written)
    }

    #[test]
    fn every_emulator_has_to_be_there_and_new_enough() {
        let good = [("qemu-system-arm", version("9.0.0")), ("qemu-system-x86_64", version("10"))];
        assert_eq!(lacking(good.into_iter()), Ok(()));
        let bad = [("qemu-system-arm", version("7.2.1")), ("qemu-system-x86_64", None)];
        let said = "qemu-system-arm is 7.2, 9.0 is needed, qemu-system-x86_64 is missing";
        assert_eq!(lacking(bad.into_iter()).unwrap_err(), said);
    }

    #[test]
    fn other_systems_are_told_what_to_look_for() {
        let advice = |os_release: &str| advice(&System::without_apt(os_release));
        assert!(advice("ID=fedora\n").contains("dnf install"));
        assert!(advice("ID=cachyos\nID_LIKE=arch\n").contains("pacman"));
        assert!(advice("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"").contains("zyp"));
        assert!(advice("").contains("brew install qemu"));
    }
}

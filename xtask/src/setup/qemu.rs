// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU: whether this machine has the emulators that boards need, and how it could get them.

use xshell::cmd;

use super::apt::Apt;
use super::version::{OLDEST_QEMU, Version};
use super::{Need, Way};
use crate::firmware;
use crate::site::Site;
use crate::stages::{FIRMWARE, MUTANTS};

/// Packages of systems that have no apt: what `ID` or `ID_LIKE` of `/etc/os-release` says, and
/// what to type.
const ELSEWHERE: &[(&str, &str)] = &[
    ("fedora", "dnf install qemu-system-{arm,aarch64,riscv,x86}-core"),
    ("arch", "pacman -S qemu-system-{arm,aarch64,riscv,x86}"),
    ("alpine", "apk add qemu-system-{arm,aarch64,riscv32,riscv64,x86_64}"),
    ("suse", "zypper install qemu-arm qemu-x86 qemu-extra"),
];

/// What QEMU is needed for here, unless nothing is missing.
pub fn need(site: &Site) -> Option<Need> {
    let lack = look(site).err()?;
    let system = System::look(site);
    let way = match (system.has_apt, system.root()) {
        (true, Some(root)) => Way::Apt(Apt::look(site, &system.os_release, root)),
        _ => Way::ByHand(format!("{lack}; {}", system.advice())),
    };
    Some(Need { what: "QEMU's emulators of whole machines", stages: &[FIRMWARE, MUTANTS], way })
}

/// Says what is missing, if something is.
pub fn look(site: &Site) -> Result<(), String> {
    let version = |program: &str| {
        let version = cmd!(site.sh, "{program} --version").quiet().ignore_stderr().read();
        version.ok().and_then(|printed| Version::from_program(&printed))
    };
    lacking(firmware::emulators().into_iter().map(|program| (program, version(program))))
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

/// What this machine runs.
struct System {
    os_release: String,
    has_apt: bool,
    is_root: bool,
    has_sudo: bool,
}

impl System {
    fn look(site: &Site) -> System {
        let succeeds = |command: &str| {
            let words = command.split(' ');
            let (program, arguments) = (words.clone().next().unwrap_or_default(), words.skip(1));
            let command = cmd!(site.sh, "{program} {arguments...}").quiet();
            command.ignore_stdout().ignore_stderr().run().is_ok()
        };
        let user = cmd!(site.sh, "id -u").quiet().ignore_stderr().read();
        System {
            os_release: std::fs::read_to_string("/etc/os-release").unwrap_or_default(),
            has_apt: succeeds("apt-get --version"),
            is_root: user.is_ok_and(|user| user.trim() == "0"),
            has_sudo: succeeds("sudo -n true"),
        }
    }

    /// What goes before a command that needs root; `None` where that would ask for a password.
    fn root(&self) -> Option<&'static [&'static str]> {
        match (self.is_root, self.has_sudo) {
            (true, _) => Some(&[]),
            (false, true) => Some(&["sudo", "-n"]),
            (false, false) => None,
        }
    }

    /// What a person can do.
    fn advice(&self) -> String {
        if self.has_apt {
            return "run this again as root, or as a user with sudo and no password".to_owned();
        }
        let field = |name| os_release_field(&self.os_release, name).unwrap_or_default();
        let ids = format!("{} {}", field("ID"), field("ID_LIKE"));
        match ELSEWHERE.iter().find(|(id, _)| ids.contains(id)) {
            Some((_, command)) => format!("as root: {command}"),
            None => format!(
                "install QEMU {OLDEST_QEMU} or newer, with its emulators of whole machines \
                 (a package called qemu or qemu-system-*; with Homebrew: brew install qemu)"
            ),
        }
    }
}

/// The value of a line `NAME=value` or `NAME="value"`.
pub fn os_release_field<'a>(os_release: &'a str, name: &str) -> Option<&'a str> {
    let value = os_release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(written: &str) -> Option<Version> {
        Version::from_package(written)
    }

    fn system(os_release: &str) -> System {
        let os_release = os_release.to_owned();
        System { os_release, has_apt: false, is_root: false, has_sudo: false }
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
    fn root_is_the_user_or_comes_without_a_password_or_not_at_all() {
        let nobody = system("");
        assert_eq!(nobody.root(), None);
        assert_eq!(System { has_sudo: true, ..nobody }.root(), Some(&["sudo", "-n"][..]));
        assert_eq!(System { is_root: true, ..system("") }.root(), Some(&[][..]));
    }

    #[test]
    fn other_systems_are_told_what_to_look_for() {
        assert!(system("ID=fedora\n").advice().contains("dnf install"));
        assert!(system("ID=cachyos\nID_LIKE=arch\n").advice().contains("pacman"));
        assert!(system("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"").advice().contains("zyp"));
        assert!(system("").advice().contains("brew install qemu"));
    }

    #[test]
    fn a_field_is_not_mistaken_for_one_whose_name_begins_alike() {
        let text = "VERSION_ID=\"12\"\nID_LIKE=debian\nID=debian\n";
        assert_eq!(os_release_field(text, "ID"), Some("debian"));
        assert_eq!(os_release_field(text, "VERSION_ID"), Some("12"));
        assert_eq!(os_release_field(text, "VERSION"), None);
    }
}

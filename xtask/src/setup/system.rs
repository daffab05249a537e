// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system of this machine: its kind, whether it has apt, and how to become root for it.

use xshell::cmd;

use crate::site::Site;

/// What this machine runs.
pub struct System {
    /// The text of `/etc/os-release`.
    pub os_release: String,
    /// Whether packages come through apt.
    pub has_apt: bool,
    is_root: bool,
    has_sudo: bool,
}

impl System {
    /// Looks; what cannot be found out is not there.
    pub fn look(site: &Site) -> System {
        let succeeds = |command: &str| {
            let words = command.split(' ');
            let (program, arguments) = (words.clone().next().unwrap_or_default(), words.skip(1));
            let command = cmd!(site.sh, "{program} {arguments...}").quiet();
            command.ignore_stdout().ignore_stderr().run().is_ok()
        };
        let user = cmd!(site.sh, "id -u").quiet().ignore_stderr().read();
        System {
            os_release: os_release(),
            has_apt: succeeds("apt-get --version"),
            is_root: user.is_ok_and(|user| user.trim() == "0"),
            has_sudo: succeeds("sudo -n true"),
        }
    }

    /// What goes before a command of apt that installs something; `None` without apt, and where
    /// that would ask for a password.
    pub fn apt(&self) -> Option<&'static [&'static str]> {
        self.root().filter(|_| self.has_apt)
    }

    /// What a person can do: the command of `elsewhere` for this system, or what is said
    /// `otherwise`. A row of `elsewhere` is what `ID` or `ID_LIKE` says, and what to type.
    pub fn advice(&self, elsewhere: &[(&str, &str)], otherwise: String) -> String {
        if self.has_apt {
            return "run this again as root, or as a user with sudo and no password".to_owned();
        }
        let field = |name| os_release_field(&self.os_release, name).unwrap_or_default();
        let ids = format!("{} {}", field("ID"), field("ID_LIKE"));
        match elsewhere.iter().find(|(id, _)| ids.contains(id)) {
            Some((_, command)) => format!("as root: {command}"),
            None => otherwise,
        }
    }

    fn root(&self) -> Option<&'static [&'static str]> {
        match (self.is_root, self.has_sudo) {
            (true, _) => Some(&[]),
            (false, true) => Some(&["sudo", "-n"]),
            (false, false) => None,
        }
    }
}

/// The text of `/etc/os-release`; empty where there is none.
pub fn os_release() -> String {
    std::fs::read_to_string("/etc/os-release").unwrap_or_default()
}

/// The value of a line `NAME=value` or `NAME="value"`.
pub fn os_release_field<'a>(os_release: &'a str, name: &str) -> Option<&'a str> {
    let value = os_release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim().trim_matches('"'))
}

#[cfg(test)]
impl System {
    /// A system that has neither apt nor root.
    pub fn without_apt(os_release: &str) -> System {
        let os_release = os_release.to_owned();
        System { os_release, has_apt: false, is_root: false, has_sudo: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_the_user_or_comes_without_a_password_or_not_at_all() {
        let apt = || System { has_apt: true, ..System::without_apt("") };
        assert_eq!(apt().apt(), None);
        assert_eq!(System { has_sudo: true, ..apt() }.apt(), Some(&["sudo", "-n"][..]));
        assert_eq!(System { is_root: true, ..apt() }.apt(), Some(&[][..]));
        assert_eq!(System { has_apt: false, is_root: true, ..apt() }.apt(), None);
    }

    #[test]
    fn a_field_is_not_mistaken_for_one_whose_name_begins_alike() {
        let text = "VERSION_ID=\"12\"\nID_LIKE=debian\nID=debian\n";
        assert_eq!(os_release_field(text, "ID"), Some("debian"));
        assert_eq!(os_release_field(text, "VERSION_ID"), Some("12"));
        assert_eq!(os_release_field(text, "VERSION"), None);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packages that are installed by their names alone.

use xshell::cmd;

use crate::site::{Result, Site};

/// Packages that this machine lacks.
pub struct Packages {
    /// What goes before a command that needs root.
    pub root: &'static [&'static str],
    /// Their names.
    pub names: Vec<&'static str>,
    /// Says what is missing, if something is.
    pub look: fn(&Site) -> std::result::Result<(), String>,
}

impl Packages {
    /// What [`install`](Self::install) does.
    pub fn in_words(&self) -> String {
        let root = prefix(self.root);
        let install = install_words(None, &self.names).join(" ");
        format!("{root}apt-get update; {root}{install}")
    }

    /// Installs them all.
    ///
    /// # Errors
    /// A command failed.
    pub fn install(&self, site: &Site) -> Result {
        run(site, self.root, &["apt-get", "update"], None)?;
        run(site, self.root, &install_words(None, &self.names), None)
    }
}

/// The words before a command, as part of a sentence.
pub fn prefix(root: &[&str]) -> String {
    root.iter().map(|word| format!("{word} ")).collect()
}

/// The command that installs `packages`, from `suite` if one is named.
pub fn install_words<'a>(suite: Option<&'a str>, packages: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["apt-get", "install", "-y", "--no-install-recommends"];
    words.extend(suite.iter().flat_map(|suite| ["-t", suite]));
    words.extend(packages);
    words
}

/// Runs a command that asks nothing.
pub fn run(site: &Site, root: &[&str], words: &[&str], input: Option<&str>) -> Result {
    let words = [root, words].concat();
    let (program, arguments) = words.split_first().ok_or("no command")?;
    let command = cmd!(site.sh, "{program} {arguments...}");
    let command = command.env("DEBIAN_FRONTEND", "noninteractive");
    let command = command.stdin(input.unwrap_or_default());
    Ok(command.run()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_from_fresh_lists_and_without_what_they_recommend() {
        let names = vec!["gcc-a", "libc-a"];
        let packages = Packages { root: &["sudo", "-n"], names, look: |_| Ok(()) };
        let said = "sudo -n apt-get update; \
                    sudo -n apt-get install -y --no-install-recommends gcc-a libc-a";
        assert_eq!(packages.in_words(), said);
    }
}

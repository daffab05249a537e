// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debian's archive, read by apt with a memory of its own.
//!
//! apt keeps what it knows (lists, caches, configuration) in folders that can be named for one
//! call. So it can be asked about another release and another processor without telling the
//! machine: nothing is written outside the build folder, no root is needed, and the packages are
//! never installed. What it still takes from the machine is how to reach a mirror and whom to
//! trust: proxies, credentials, keys.

use std::fs;
use std::path::{Path, PathBuf};

use xshell::{Cmd, Shell, cmd};

use super::super::machines::Machine;
use crate::site::Result;

/// One release of Debian for one processor.
pub struct Archive {
    sh: Shell,
    /// What apt is told about itself.
    configuration: PathBuf,
    metapackage: &'static str,
}

/// A package with a kernel, by its name.
#[derive(Debug, PartialEq, Eq)]
pub struct Package(String);

/// The file that names the mirror; its form is told by its name.
const SOURCES: &str = "archive.sources";

/// What names of packages with a kernel begin with.
const KERNEL: &str = "linux-image-";

impl Archive {
    /// Reads the release that `stanza` names, under `root`.
    ///
    /// # Errors
    /// The mirror is out of reach, or not to be trusted.
    pub fn open(root: &Path, stanza: &str, machine: &Machine) -> Result<Archive> {
        let folder = root.join(machine.debian);
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(part))?;
        }
        fs::write(folder.join(SOURCES), stanza)?;
        let path = folder.join("apt.conf");
        fs::write(&path, configuration(&folder, machine.debian))?;
        let archive =
            Archive { sh: Shell::new()?, configuration: path, metapackage: machine.kernel };
        let update = archive.apt("apt-get").arg("update").run();
        update.map_err(|error| format!("Debian's archive is out of reach: {error}"))?;
        Ok(archive)
    }

    /// Returns the package that has the newest kernel.
    pub fn newest_kernel(&self) -> Result<Package> {
        let show = self.apt("apt-cache").args(["show", "--no-all-versions", self.metapackage]);
        // In English, because it is read.
        let text = show.env("LC_ALL", "C").quiet().ignore_stderr().ignore_status().read()?;
        Ok(Package::stood_for_by(self.metapackage, &text)?)
    }

    /// Downloads `package`, and unpacks it into `place`.
    pub fn unpack(&self, package: &Package, place: &Path) -> Result {
        self.sh.change_dir(place);
        self.apt("apt-get").args(["download", package.name()]).run()?;
        let is_package = |path: &PathBuf| path.extension().is_some_and(|it| it == "deb");
        let file = self.sh.read_dir(place)?.into_iter().find(is_package);
        let file = file.ok_or_else(|| format!("apt-get brought no file for {}", package.name()))?;
        Ok(cmd!(self.sh, "dpkg-deb -x {file} .").run()?)
    }

    fn apt(&self, program: &str) -> Cmd<'_> {
        let configuration = &self.configuration;
        cmd!(self.sh, "{program} -q -c {configuration}")
    }
}

/// What makes apt forget this machine: `folder` has all it knows. It is read after the machine's
/// own configuration.
fn configuration(folder: &Path, architecture: &str) -> String {
    let folder = folder.display();
    [
        ("Dir::State", format!("{folder}")),
        ("Dir::State::lists", format!("{folder}/lists")),
        ("Dir::State::status", "/dev/null".to_owned()),
        ("Dir::Cache", format!("{folder}/cache")),
        ("Dir::Etc::sourcelist", format!("{folder}/{SOURCES}")),
        ("Dir::Etc::sourceparts", "/dev/null".to_owned()),
        ("APT::Architecture", architecture.to_owned()),
        ("APT::Architectures", architecture.to_owned()),
        ("Acquire::Languages", "none".to_owned()),
        ("Acquire::Retries", "3".to_owned()),
        // Lists that could not be had are an error, not a reason to use old ones.
        ("APT::Update::Error-Mode", "any".to_owned()),
        // Root's downloads are another user's work, who may not enter the build folder.
        ("APT::Sandbox::User", "root".to_owned()),
    ]
    .map(|(name, value)| format!("{name} \"{value}\";\n"))
    .concat()
}

impl Package {
    /// Reads what `apt-cache show` says of `metapackage`: it depends on the kernel it stands for.
    fn stood_for_by(metapackage: &str, show: &str) -> std::result::Result<Package, String> {
        let depends = show.lines().find_map(|line| line.strip_prefix("Depends: "));
        let depends = depends.ok_or_else(|| format!("there is no package {metapackage}"))?;
        // "linux-image-6.12.9+deb13-arm64 (= 6.12.9-1), initramfs-tools | dracut"
        let names = depends.split([',', '|']).filter_map(|one| one.split_whitespace().next());
        let mut kernels = names.filter(|name| name.starts_with(KERNEL));
        let kernel = kernels.next().map(|name| Package(name.to_owned()));
        kernel.ok_or_else(|| format!("{metapackage} stands for no kernel: {depends}"))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether `kernel` is the file that comes in it: both are called after the version.
    pub fn has(&self, kernel: &Path) -> bool {
        let version = self.0.strip_prefix(KERNEL).unwrap_or_default();
        let name = kernel.file_name().unwrap_or_default().to_string_lossy();
        name.split_once('-').is_some_and(|(_, of_kernel)| of_kernel == version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOW: &str = "\
Package: linux-image-cloud-arm64
Source: linux-signed-arm64 (6.12.9+1)
Version: 6.12.9-1
Provides: linux-latest-modules-6.12.9+deb13-cloud-arm64
Depends: linux-base | other (>= 4), linux-image-6.12.9+deb13-cloud-arm64 (= 6.12.9-1)
Description: Linux for arm64 cloud (meta-package)
";

    fn stood_for(show: &str) -> std::result::Result<Package, String> {
        Package::stood_for_by("linux-image-cloud-arm64", show)
    }

    #[test]
    fn a_metapackage_stands_for_the_kernel_that_it_depends_on() {
        assert_eq!(stood_for(SHOW).unwrap().name(), "linux-image-6.12.9+deb13-cloud-arm64");
    }

    #[test]
    fn a_metapackage_without_a_kernel_is_an_error_that_says_so() {
        assert_eq!(stood_for("").unwrap_err(), "there is no package linux-image-cloud-arm64");
        let error = stood_for("Depends: linux-base (>= 4)\n").unwrap_err();
        assert_eq!(error, "linux-image-cloud-arm64 stands for no kernel: linux-base (>= 4)");
    }

    #[test]
    fn a_kernel_is_its_packages_if_the_whole_version_is_the_same() {
        let package = stood_for(SHOW).unwrap();
        let has = |name: &str| package.has(&Path::new("/kernels").join(name));
        assert!(has("vmlinuz-6.12.9+deb13-cloud-arm64") && has("vmlinux-6.12.9+deb13-cloud-arm64"));
        assert!(!has("vmlinuz-6.12.90+deb13-cloud-arm64") && !has("vmlinuz-6.12.9+deb13-arm64"));
        assert!(!has("vmlinuz"));
    }

    #[test]
    fn apt_is_told_of_no_folder_but_its_own() {
        let text = configuration(Path::new("/build/apt"), "arm64");
        let folders: Vec<_> = text.lines().filter(|line| line.starts_with("Dir::")).collect();
        let is_private =
            |line: &&str| line.contains(" \"/build/apt") || line.ends_with(" \"/dev/null\";");
        assert!(folders.len() == 6 && folders.iter().all(is_private), "{text}");
        assert!(text.contains("APT::Architecture \"arm64\";\n"));
    }
}

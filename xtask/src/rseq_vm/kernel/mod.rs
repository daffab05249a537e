// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernels to boot: where they are kept, and how they get there.
//!
//! ```text
//!   PCPU_KERNEL=FILE ────────────────────────────────────────┐
//!   rseq-vm/kernels/ARCH/vmlinu[xz]-VERSION ── is there ─────┴─▶ boot
//!                 ▲                              │
//!                 └─ unpack ◀── download ◀── no ─┘
//! ```
//!
//! One kernel is kept for each processor, in the build folder, under the name that its package
//! gives it. It is used until it is gone or `--update` finds a newer one, so that a second run
//! needs no network.

mod debian;

use std::fs;
use std::path::{Path, PathBuf};

use anstream::println;

use super::machines::Machine;
use crate::setup;
use crate::site::{Result, Site};
use debian::Archive;

/// The release whose kernels are taken, on whatever release of Debian this is: the first that has
/// all processors.
pub const SUITE: &str = "trixie";

/// Names a kernel in the environment.
const VARIABLE: &str = "PCPU_KERNEL";

/// Returns the kernel that the environment names, for one of `machines`.
///
/// # Errors
/// Several machines, or no such file.
pub fn named(machines: &[&Machine]) -> Result<Option<PathBuf>> {
    let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) else { return Ok(None) };
    check_named(&path, machines).map(|()| Some(path))
}

fn check_named(path: &Path, machines: &[&Machine]) -> Result {
    if machines.len() != 1 {
        let names: Vec<_> = machines.iter().map(|machine| machine.name).collect();
        let names = names.join(", ");
        return Err(format!("{VARIABLE} is one kernel, for one processor, not {names}").into());
    }
    if !path.is_file() {
        return Err(format!("{VARIABLE} names {}, which is no file", path.display()).into());
    }
    Ok(())
}

/// What a person can do where kernels cannot be fetched.
pub fn by_hand() -> String {
    format!(
        "apt knows no mirror of Debian here; a kernel from elsewhere, since 4.18 and with \
         CONFIG_RSEQ, boots with: {VARIABLE}=FILE cargo xtask rseq-vm ARCH"
    )
}

/// Returns the kernel that is kept for `machine`, if one is.
pub fn kept(site: &Site, machine: &Machine) -> Result<Option<PathBuf>> {
    Ok(newest_in(&shelf(site, machine)?))
}

/// Returns the newest kernel of [`SUITE`], downloading it unless it is kept.
///
/// # Errors
/// No mirror of Debian, no network, or nothing there that looks like a kernel.
pub fn fetch(site: &Site, machine: &Machine) -> Result<PathBuf> {
    let mirror = setup::debian_source().ok_or_else(by_hand)?;
    let archive = Archive::open(&folder(site)?.join("apt"), &mirror.stanza(SUITE), machine)?;
    let package = archive.newest_kernel()?;
    let shelf = shelf(site, machine)?;
    if let Some(kernel) = newest_in(&shelf).filter(|kernel| package.has(kernel)) {
        println!("{}: {} is the newest kernel", machine.name, package.name());
        return Ok(kernel);
    }
    // Beside the shelf, so that the kernel gets there whole or not at all.
    let scratch = tempfile::tempdir_in(folder(site)?)?;
    archive.unpack(&package, scratch.path())?;
    let kernel = newest_in(&scratch.path().join("boot"))
        .ok_or_else(|| format!("{} has no boot/vmlinuz or boot/vmlinux", package.name()))?;
    if shelf.exists() {
        fs::remove_dir_all(&shelf)?;
    }
    fs::create_dir_all(&shelf)?;
    let place = shelf.join(kernel.file_name().unwrap_or_default());
    fs::rename(kernel, &place)?;
    Ok(place)
}

/// What belongs to this task in the build folder; made if need be.
pub fn folder(site: &Site) -> Result<PathBuf> {
    let folder = site.metadata()?.target_directory.join("rseq-vm");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn shelf(site: &Site, machine: &Machine) -> Result<PathBuf> {
    Ok(folder(site)?.join("kernels").join(machine.name))
}

/// The last by name of the kernels in `folder`.
fn newest_in(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let is_kernel = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("vmlinuz-") || name.starts_with("vmlinux-")
    };
    entries.filter(is_kernel).max()
}

#[cfg(test)]
mod tests {
    use super::super::machines::{ALL, STAGE};
    use super::*;

    #[test]
    fn a_named_kernel_is_for_one_machine() {
        let error = check_named(Path::new("/"), STAGE).unwrap_err().to_string();
        let said = "PCPU_KERNEL is one kernel, for one processor, not aarch64, riscv64";
        assert_eq!(error, said);
    }

    #[test]
    fn a_named_kernel_is_a_file() {
        let error = check_named(Path::new("/nowhere/vmlinuz"), &ALL[..1]).unwrap_err().to_string();
        assert_eq!(error, "PCPU_KERNEL names /nowhere/vmlinuz, which is no file");
        let file = std::env::current_exe().unwrap();
        assert!(check_named(&file, &ALL[..1]).is_ok());
    }

    #[test]
    fn what_is_no_kernel_is_not_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest_in(&folder.path().join("absent")), None);
        for name in ["System.map-6.12.9", "config-6.12.9", "vmlinuz-6.12.9", "vmlinux"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(newest_in(folder.path()), Some(folder.path().join("vmlinuz-6.12.9")));
    }
}

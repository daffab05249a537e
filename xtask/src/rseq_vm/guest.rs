// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest: one static program, and the archive in which a kernel finds it.
//!
//! A kernel without a disk looks for `/init` in its *initramfs*, an archive that is unpacked into
//! memory. One program is all of it, so there is no disk and nothing to wait for.

use std::fs;
use std::io::{self, Cursor};
use std::path::PathBuf;

use cpio::newc::{Builder, ModeFileType};
use xshell::cmd;

use super::kernel;
use super::machines::Machine;
use crate::site::{Result, Site};

/// The crate, and its example that is the program.
const PACKAGE: &str = "pcpu-linux";
const PROGRAM: &str = "vm_guest";

/// What the program is built with, so that it needs no other file: the C library in it, and a
/// place in memory that no dynamic linker has to choose. Debug information would only have to be
/// loaded.
const FLAGS: &str = "-Ctarget-feature=+crt-static -Crelocation-model=static -Cstrip=symbols";

/// The kernel's number for its console: `/dev/console` is character device 5, 1 everywhere.
const CONSOLE: (u32, u32) = (5, 1);

/// Builds the program for `machine`, and returns an archive with it.
pub fn initramfs(site: &Site, machine: &Machine) -> Result<PathBuf> {
    let program = fs::read(build(site, machine)?)?;
    let archive = kernel::folder(site)?.join(format!("{}.cpio", machine.name));
    fs::write(&archive, pack(&program)?)?;
    Ok(archive)
}

fn build(site: &Site, machine: &Machine) -> Result<PathBuf> {
    let target = machine.target;
    let variable = |what: &str| {
        format!("CARGO_TARGET_{}_{what}", target.replace('-', "_").to_ascii_uppercase())
    };
    let build = cmd!(site.sh, "cargo build --release --package {PACKAGE} --example {PROGRAM}");
    // Flags in the environment would replace those for the target.
    build
        .args(["--target", target])
        .env(variable("LINKER"), machine.linker())
        .env(variable("RUSTFLAGS"), FLAGS)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .run()?;
    let built = site.metadata()?.target_directory.join(target).join("release");
    Ok(built.join("examples").join(PROGRAM))
}

/// Puts `program` into an archive as `/init`, with the folders that it mounts on and a console to
/// print to.
fn pack(program: &[u8]) -> io::Result<Vec<u8>> {
    let folder = |name| entry(name, 0o755, ModeFileType::Directory);
    let console = entry("dev/console", 0o600, ModeFileType::Char);
    let console = console.rdev_major(CONSOLE.0).rdev_minor(CONSOLE.1);
    let init = entry("init", 0o755, ModeFileType::Regular);
    let entries = [
        (folder("dev"), &[][..]),
        (console, &[]),
        (folder("proc"), &[]),
        (folder("sys"), &[]),
        (init, program),
    ];
    cpio::write_cpio(entries.into_iter().map(|(entry, bytes)| (entry, Cursor::new(bytes))), vec![])
}

fn entry(name: &str, mode: u32, kind: ModeFileType) -> Builder {
    Builder::new(name).mode(mode).set_mode_file_type(kind)
}

#[cfg(test)]
mod tests {
    use cpio::newc::Reader;

    use super::*;

    #[test]
    fn the_archive_is_a_program_with_a_console_and_places_to_mount_on() {
        let archive = pack(b"program").unwrap();
        let (mut rest, mut found) = (&archive[..], Vec::new());
        loop {
            let mut reader = Reader::new(rest).unwrap();
            let entry = reader.entry();
            if entry.is_trailer() {
                break;
            }
            let device = (entry.rdev_major(), entry.rdev_minor());
            let (name, mode) = (entry.name().to_owned(), entry.mode());
            let mut text = String::new();
            io::Read::read_to_string(&mut reader, &mut text).unwrap();
            found.push((name, mode, device, text));
            rest = reader.finish().unwrap();
        }
        let row =
            |name: &str, mode, device, text: &str| (name.to_owned(), mode, device, text.to_owned());
        let rows = [
            row("dev", 0o040_755, (0, 0), ""),
            row("dev/console", 0o020_600, (5, 1), ""),
            row("proc", 0o040_755, (0, 0), ""),
            row("sys", 0o040_755, (0, 0), ""),
            row("init", 0o100_755, (0, 0), "program"),
        ];
        assert_eq!(found, rows);
    }
}

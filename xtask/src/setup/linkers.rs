// SPDX-License-Identifier: MIT OR Apache-2.0
//! Linkers for the guest program of `cargo xtask rseq-vm`, each with a C library to link
//! statically.

use xshell::cmd;

use super::apt::Packages;
use super::system::System;
use super::{Need, Way};
use crate::rseq_vm::{self, Machine};
use crate::site::Site;
use crate::stages::RSEQ_VM;

/// What to type where there is no apt.
const ELSEWHERE: &[(&str, &str)] =
    &[("arch", "pacman -S aarch64-linux-gnu-gcc riscv64-linux-gnu-gcc")];

/// What the linkers are needed for here, unless nothing is missing.
pub fn need(site: &Site, system: &System) -> Option<Need> {
    let lack = look(site).err()?;
    let names = rseq_vm::STAGE.iter().flat_map(|machine| machine.packages());
    let way = match system.apt() {
        Some(root) => Way::Packages(Packages { root, names: names.copied().collect(), look }),
        None => Way::ByHand(format!("{lack}; {}", system.advice(ELSEWHERE, otherwise()))),
    };
    Some(Need { what: "linkers for foreign processors", stages: &[RSEQ_VM], way })
}

fn otherwise() -> String {
    let linkers: Vec<_> = rseq_vm::STAGE.iter().map(|machine| machine.linker()).collect();
    format!("install {}, each with a static C library", linkers.join(" and "))
}

/// Says what is missing, if something is.
pub fn look(site: &Site) -> Result<(), String> {
    let lacks: Vec<_> = rseq_vm::STAGE.iter().filter_map(|machine| lack(site, machine)).collect();
    if lacks.is_empty() { Ok(()) } else { Err(lacks.join(", ")) }
}

/// A compiler answers with a path where it has the file, and with the bare name where not.
fn lack(site: &Site, machine: &Machine) -> Option<String> {
    let linker = machine.linker();
    let asked = cmd!(site.sh, "{linker} -print-file-name=libc.a").quiet().ignore_stderr().read();
    match asked {
        Ok(path) if path.trim() != "libc.a" => None,
        Ok(_) => Some(format!("{linker} has no static C library")),
        Err(_) => Some(format!("{linker} is missing")),
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernels for `cargo xtask rseq-vm`. They are no part of this machine: they are fetched into the
//! build folder, and neither dpkg nor apt hears of them.

use super::system::System;
use super::{Need, Way, debian_source};
use crate::rseq_vm::{self, Machine, kernel};
use crate::site::{Result, Site};
use crate::stages::RSEQ_VM;

/// Kernels that are not kept here yet.
pub struct Kernels {
    machines: Vec<&'static Machine>,
}

/// What is missing, unless nothing is.
///
/// # Errors
/// Cargo does not say where the build folder is.
pub fn need(site: &Site, system: &System) -> Result<Option<Need>> {
    let mut machines = Vec::new();
    for machine in rseq_vm::STAGE {
        if kernel::kept(site, machine)?.is_none() {
            machines.push(*machine);
        }
    }
    if machines.is_empty() {
        return Ok(None);
    }
    let way = match debian_source() {
        Some(_) if system.has_apt => Way::Kernels(Kernels { machines }),
        _ => Way::ByHand(kernel::by_hand()),
    };
    Ok(Some(Need { what: "Linux kernels to boot in QEMU", stages: &[RSEQ_VM], way }))
}

impl Kernels {
    /// What [`fetch`](Self::fetch) does.
    pub fn in_words(&self) -> String {
        let packages: Vec<_> = self.machines.iter().map(|machine| machine.kernel).collect();
        format!(
            "apt-get download into the build folder: the kernels of {} in Debian {}; none is \
             installed",
            packages.join(" and "),
            kernel::SUITE,
        )
    }

    /// Fetches them all.
    ///
    /// # Errors
    /// The first that could not be had.
    pub fn fetch(&self, site: &Site) -> Result {
        for machine in &self.machines {
            kernel::fetch(site, machine)?;
        }
        Ok(())
    }
}

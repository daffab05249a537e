// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask rseq-vm`: restartable sequences on processors that this machine does not have.
//!
//! A restartable sequence is a promise of the *kernel*: it sends a thread that it interrupts in
//! the middle back to the start. An emulator of single programs has no such kernel. So a real one
//! boots, in an emulator of whole machines:
//!
//! ```text
//!   machines ──▶ kernel ─────────────┐
//!   (table)      (Debian's, kept)    ├─▶ boot ──▶ a line for each check, a verdict
//!      └───────▶ guest ──▶ initramfs ┘   (QEMU)
//!                (one static program)
//! ```
//!
//! The guest is an example of `pcpu-linux`, `platforms/pcpu-linux/examples/vm_guest/`; it runs
//! its checks, says `PASS` last, and turns the machine off.

mod guest;
pub mod kernel;
mod machines;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anstream::{print, println};

use crate::boot::verdict::{self, Asked};
use crate::boot::{self, Boot};
use crate::report::{RED, RESET};
use crate::site::{Result, Site};
use crate::tally::Tally;

pub use machines::{Machine, STAGE};

/// A boot takes ten seconds or a few more; one that takes this long hangs.
const LIMIT: Duration = Duration::from_secs(240);

/// What a whole run says besides its closing `PASS`: it came to the end of its list, on the
/// machine that was asked for.
const SAYS: &[&str] = &[
    "ok cpus: 4 online",
    "ok nodes: 2",
    "ok rseq: ",
    "ok sequences: restartable sequences",
    "ok words: ",
    "ok sums: ",
    "ok structures: ",
    "ok placement: 50 pages on each of 2 nodes",
    "ok hotplug: ",
];

/// What the kernel says when it turns the machine off.
const PARTING: &[&str] = &["reboot: Power down"];

/// What `cargo xtask rseq-vm` is asked for.
#[derive(clap::Args)]
pub struct Options {
    /// Processors to boot on: aarch64, riscv64, x86_64. The first two if none is named
    #[arg(value_name = "ARCH")]
    machines: Vec<String>,
    /// Run this check alone; may be repeated
    #[arg(long, value_name = "CHECK")]
    only: Vec<String>,
    /// Print all that each machine prints, not only its checks
    #[arg(long)]
    show: bool,
    /// Look for a newer kernel than the one that is kept
    #[arg(long)]
    update: bool,
    /// Seconds after which a machine hangs
    #[arg(long, value_name = "SECONDS", default_value_t = LIMIT.as_secs())]
    limit: u64,
}

/// How to boot, whatever the machine.
struct Course<'a> {
    checks: &'a [String],
    consoles: Consoles,
    limit: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Consoles {
    /// What the checks say, and all of failed boots.
    Checks,
    /// All of every boot.
    All,
}

/// Does what `options` say; fetches kernels that are not there.
pub fn perform(site: &Site, options: &Options) -> Result {
    let machines = machines::select(&options.machines)?;
    let named = kernel::named(&machines)?;
    let consoles = if options.show { Consoles::All } else { Consoles::Checks };
    let limit = Duration::from_secs(options.limit);
    let course = Course { checks: &options.only, consoles, limit };
    boot_all(site, &machines, &course, |machine| match &named {
        Some(kernel) => Ok(kernel.clone()),
        None if options.update => kernel::fetch(site, machine),
        None => kernel::kept(site, machine)?.map_or_else(|| kernel::fetch(site, machine), Ok),
    })
}

/// The stage: foreign processors, with the kernels that set-up fetched.
pub fn check(site: &Site) -> Result {
    let course = Course { checks: &[], consoles: Consoles::Checks, limit: LIMIT };
    boot_all(site, STAGE, &course, |machine| {
        let fetch = "`cargo xtask test` and `cargo xtask rseq-vm` fetch it";
        let lack = || format!("there is no kernel for {} yet; {fetch}", machine.name);
        Ok(kernel::kept(site, machine)?.ok_or_else(lack)?)
    })
}

/// The programs of QEMU that boots need.
pub fn emulators() -> BTreeSet<&'static str> {
    STAGE.iter().map(|machine| machine.qemu).collect()
}

fn boot_all(
    site: &Site,
    machines: &[&Machine],
    course: &Course<'_>,
    kernel: impl Fn(&Machine) -> Result<std::path::PathBuf>,
) -> Result {
    let mut tally = Tally::new("boots");
    for machine in machines {
        let kernel = kernel(machine)?;
        let initramfs = guest::initramfs(site, machine)?;
        tally.count(machine.name, boot_one(machine, &kernel, &initramfs, course)?);
    }
    tally.close()
}

/// Boots one machine, prints what its checks say, and says whether all went well.
fn boot_one(
    machine: &Machine,
    kernel: &Path,
    initramfs: &Path,
    course: &Course<'_>,
) -> Result<bool> {
    let name = kernel.file_name().unwrap_or_default().to_string_lossy();
    println!("{}: booting {name}", machine.name);
    let mut command = boot::qemu(machine.qemu);
    command.args(machine.machine.split_whitespace()).args(machines::SHAPE.split_whitespace());
    command.arg("-kernel").arg(kernel).arg("-initrd").arg(initramfs);
    command.args(["-append", &kernel_arguments(machine, course.checks)]);
    let boot = boot::run(command, course.limit)?;
    // Of a part of the checks, the guest's own verdict is all there is.
    let says = if course.checks.is_empty() { SAYS } else { &[] };
    let asked = Asked { qemu: machine.qemu, success: 0, says, parting: PARTING };
    let verdict = verdict::judge(&asked, &boot);
    if verdict.is_err() || course.consoles == Consoles::All {
        boot.show();
    } else {
        show_checks(&boot);
    }
    print!("{:<16} {:>5.1} s  ", machine.name, boot.took.as_secs_f64());
    match &verdict {
        Ok(()) => println!("passed"),
        Err(fault) => println!("{RED}FAILED{RESET}: {fault}"),
    }
    Ok(verdict.is_ok())
}

/// A panic of the kernel is to end QEMU, not to wait for a person. What comes after `--` is for
/// the guest.
fn kernel_arguments(machine: &Machine, checks: &[String]) -> String {
    let kernel = format!("console={} panic=-1 quiet", machine.console);
    if checks.is_empty() { kernel } else { format!("{kernel} -- {}", checks.join(" ")) }
}

fn show_checks(boot: &Boot) {
    for line in boot.console.lines().filter(|line| line.starts_with("ok ")) {
        println!("    {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_that_are_named_reach_the_guest_and_not_the_kernel() {
        let checks = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            kernel_arguments(machines::ALL[0], &names)
        };
        assert_eq!(checks(&[]), "console=ttyAMA0 panic=-1 quiet");
        assert_eq!(checks(&["cpus", "rseq"]), "console=ttyAMA0 panic=-1 quiet -- cpus rseq");
    }

    #[test]
    fn a_guest_that_checked_nothing_has_not_passed() {
        let boot = |console: &str| Boot {
            console: format!("{console}\nPASS\n[    9.5] reboot: Power down\n"),
            end: boot::End::Exited(0),
            took: Duration::ZERO,
        };
        let asked = Asked { qemu: "q", success: 0, says: SAYS, parting: PARTING };
        let judge = |console: &str| verdict::judge(&asked, &boot(console));
        let all = SAYS.join("!\n") + "!";
        assert_eq!(judge(&all), Ok(()));
        assert!(judge("").is_err());
        assert!(judge(&all.replace("4 online", "1 online")).is_err());
    }
}

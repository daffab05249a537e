// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machines: processors that Linux boots on in QEMU, and what it takes to build for them.

use std::env::consts::ARCH;

use crate::site::Result;

/// A processor, the machine around it, and the kernel that boots on it.
#[derive(Debug)]
pub struct Machine {
    /// What Rust calls the processor, and the command line too.
    pub name: &'static str,
    /// The target of programs for it.
    pub target: &'static str,
    /// Links them where the processor is not this machine's own.
    cross_linker: &'static str,
    /// The packages that have it, with a static C library.
    cross_packages: &'static [&'static str],
    /// The emulator.
    pub qemu: &'static str,
    /// Its arguments for the machine, between blanks.
    pub machine: &'static str,
    /// What the kernel calls the serial port.
    pub console: &'static str,
    /// What Debian calls the processor.
    pub debian: &'static str,
    /// The package that stands for the newest kernel; the small one for clouds, where there is
    /// one: drivers of machines that exist are not needed.
    pub kernel: &'static str,
}

/// Four processors on two sockets, each with memory of its own.
pub const SHAPE: &str = "-smp 4,sockets=2 -m 1G \
    -object memory-backend-ram,id=m0,size=512M -numa node,memdev=m0,cpus=0-1 \
    -object memory-backend-ram,id=m1,size=512M -numa node,memdev=m1,cpus=2-3 -serial stdio";

static AARCH64: Machine = Machine {
    name: "aarch64",
    target: "aarch64-unknown-linux-gnu",
    cross_linker: "aarch64-linux-gnu-gcc",
    cross_packages: &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
    qemu: "qemu-system-aarch64",
    machine: "-M virt -cpu cortex-a57",
    console: "ttyAMA0",
    debian: "arm64",
    kernel: "linux-image-cloud-arm64",
};

static RISCV64: Machine = Machine {
    name: "riscv64",
    target: "riscv64gc-unknown-linux-gnu",
    cross_linker: "riscv64-linux-gnu-gcc",
    cross_packages: &["gcc-riscv64-linux-gnu", "libc6-dev-riscv64-cross"],
    qemu: "qemu-system-riscv64",
    machine: "-M virt",
    console: "ttyS0",
    debian: "riscv64",
    kernel: "linux-image-riscv64",
};

static X86_64: Machine = Machine {
    name: "x86_64",
    target: "x86_64-unknown-linux-gnu",
    cross_linker: "x86_64-linux-gnu-gcc",
    cross_packages: &["gcc-x86-64-linux-gnu", "libc6-dev-amd64-cross"],
    qemu: "qemu-system-x86_64",
    machine: "-M q35 -cpu max",
    console: "ttyS0",
    debian: "amd64",
    kernel: "linux-image-cloud-amd64",
};

/// All of them.
pub const ALL: &[&Machine] = &[&AARCH64, &RISCV64, &X86_64];

/// Those of CI: the processors that few developers have on their desks.
pub const STAGE: &[&Machine] = &[&AARCH64, &RISCV64];

impl Machine {
    /// The linker of programs for it.
    pub fn linker(&self) -> &'static str {
        if self.is_own() { "cc" } else { self.cross_linker }
    }

    /// The packages that have the linker, with a static C library.
    pub fn packages(&self) -> &'static [&'static str] {
        if self.is_own() { &["gcc", "libc6-dev"] } else { self.cross_packages }
    }

    fn is_own(&self) -> bool {
        self.name == ARCH
    }
}

/// Returns the machines called `names`, in the table's order; those of CI if none is named.
pub fn select(names: &[String]) -> Result<Vec<&'static Machine>> {
    let known = || ALL.iter().map(|machine| machine.name).collect::<Vec<_>>();
    if let Some(name) = names.iter().find(|name| !known().contains(&name.as_str())) {
        let known = known().join(", ");
        return Err(format!("no machine is called {name}; there are {known}").into());
    }
    if names.is_empty() {
        return Ok(STAGE.to_vec());
    }
    let named = |machine: &&&Machine| names.iter().any(|name| name == machine.name);
    Ok(ALL.iter().filter(named).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Result<Vec<&'static str>> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        Ok(select(&names)?.iter().map(|machine| machine.name).collect())
    }

    #[test]
    fn without_a_name_the_foreign_processors_are_meant() {
        assert_eq!(names(&[]).unwrap(), ["aarch64", "riscv64"]);
    }

    #[test]
    fn machines_that_are_named_come_once_and_in_the_tables_order() {
        assert_eq!(names(&["x86_64", "aarch64", "x86_64"]).unwrap(), ["aarch64", "x86_64"]);
    }

    #[test]
    fn an_unknown_machine_is_refused_with_the_known_ones() {
        let error = names(&["arm64"]).unwrap_err().to_string();
        assert_eq!(error, "no machine is called arm64; there are aarch64, riscv64, x86_64");
    }

    #[test]
    fn a_processor_of_this_machine_needs_no_other_linker() {
        let own: Vec<_> = ALL.iter().filter(|machine| machine.linker() == "cc").collect();
        assert!(own.iter().all(|machine| machine.name == ARCH), "{own:?}");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The boards: which image runs on which machine, and what shows that it went well.
//!
//! One row is one image. Everything else about a board (its memory, its start-up code) is in its
//! package in `firmware/`; here is only what it takes to build and boot it from outside.

use std::fmt;

use crate::boot::verdict::Asked;
use crate::site::Result;

/// An image, and the machine that it runs on.
#[derive(Debug)]
pub struct Board {
    /// What the command line calls it.
    pub name: &'static str,
    /// Package of the workspace in `firmware/`.
    pub package: &'static str,
    /// Program of that package. No two images for one target have the same.
    pub bin: &'static str,
    /// Features of that package.
    pub features: &'static [&'static str],
    /// What Rust calls the processor.
    pub target: &'static str,
    /// The emulator.
    pub qemu: &'static str,
    /// Its arguments, between blanks.
    pub machine: &'static str,
    /// Processors that the image uses.
    pub cpus: u32,
    /// Cell of the matrix.
    pub cell: Cell,
    /// The exit status of an image that ended well.
    pub success: i32,
    /// What the console has to show besides the closing `PASS`: each is part of some line.
    pub says: &'static [&'static str],
}

impl Board {
    /// What is asked of a boot of its image.
    pub fn asked(&self) -> Asked<'static> {
        Asked { qemu: self.qemu, success: self.success, says: self.says, parting: &[] }
    }
}

/// One of the four kinds of machine that pcpu is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// One processor, no MMU.
    Up,
    /// One processor with an MMU.
    UpMmu,
    /// Several processors without an MMU.
    Smp,
    /// Several processors with an MMU.
    SmpMmu,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Cell::Up => "UP, no MMU",
            Cell::UpMmu => "UP, MMU",
            Cell::Smp => "SMP, no MMU",
            Cell::SmpMmu => "SMP, MMU",
        })
    }
}

const ARMV7A: &str = "armv7a-none-eabi";
const ARMV8M: &str = "thumbv8m.main-none-eabi";
const RISCV32: &str = "riscv32imac-unknown-none-elf";
const RISCV64: &str = "riscv64gc-unknown-none-elf";

/// What the images say that do everything there is to do, with the km back end.
const FLAT: &[&str] = &[
    "back end km",
    "conformance: every promise kept",
    "statics: every CPU has its own",
    "replay: 1200 requests of a kernel's boot, 0 refused",
    "Percpu Memory Statistics",
    "out of memory after",
];

/// The same, with the vm back end.
const MAPPED: &[&str] = &[
    "back end vm",
    "conformance: every promise kept",
    "statics: every CPU has its own",
    "mapped: 6 rounds, no CPU saw a page that had gone",
    "replay: 1200 requests of a kernel's boot, 0 refused",
    "Percpu Memory Statistics",
    "out of memory after",
];

/// All images.
pub const ALL: &[Board] = &[
    Board {
        name: "an536",
        package: "an536",
        bin: "an536",
        features: &[],
        target: ARMV7A,
        qemu: "qemu-system-arm",
        machine: "-M mps3-an536 -smp 2 -serial null -serial null -serial null \
                  -semihosting-config enable=on,target=native",
        cpus: 2,
        cell: Cell::Smp,
        success: 0,
        says: FLAT,
    },
    Board {
        name: "an536-up",
        package: "an536",
        bin: "an536-up",
        features: &[],
        target: ARMV7A,
        qemu: "qemu-system-arm",
        machine: "-M mps3-an536 -smp 1 -serial null -serial null -serial null \
                  -semihosting-config enable=on,target=native",
        cpus: 1,
        cell: Cell::Up,
        success: 0,
        says: FLAT,
    },
    Board {
        name: "riscv64-m",
        package: "riscv-m",
        bin: "riscv-m",
        features: &[],
        target: RISCV64,
        qemu: "qemu-system-riscv64",
        machine: "-M virt -smp 4 -m 128M -bios none -serial stdio",
        cpus: 4,
        cell: Cell::Smp,
        success: 0,
        says: FLAT,
    },
    Board {
        name: "riscv64-m-up",
        package: "riscv-m",
        bin: "riscv-m-up",
        features: &[],
        target: RISCV64,
        qemu: "qemu-system-riscv64",
        machine: "-M virt -smp 1 -m 128M -bios none -serial stdio",
        cpus: 1,
        cell: Cell::Up,
        success: 0,
        says: FLAT,
    },
    Board {
        name: "riscv32-m",
        package: "riscv-m",
        bin: "riscv-m",
        features: &[],
        target: RISCV32,
        qemu: "qemu-system-riscv32",
        machine: "-M virt -smp 4 -m 128M -bios none -serial stdio",
        cpus: 4,
        cell: Cell::Smp,
        success: 0,
        says: FLAT,
    },
    Board {
        name: "an521",
        package: "an521",
        bin: "an521",
        features: &[],
        target: ARMV8M,
        qemu: "qemu-system-arm",
        machine: "-M mps2-an521 -serial null -semihosting-config enable=on,target=native",
        cpus: 2,
        cell: Cell::Smp,
        success: 0,
        says: FLAT,
    },
    Board {
        name: "an521-tiny",
        package: "an521",
        bin: "an521-tiny",
        features: &["tiny"],
        target: ARMV8M,
        qemu: "qemu-system-arm",
        machine: "-M mps2-an521 -serial null -semihosting-config enable=on,target=native",
        cpus: 2,
        cell: Cell::Smp,
        success: 0,
        says: &["RAM: 16384 bytes", "out of memory after"],
    },
    Board {
        name: "riscv64-sv39",
        package: "riscv-sv39",
        bin: "riscv-sv39",
        features: &[],
        target: RISCV64,
        qemu: "qemu-system-riscv64",
        machine: "-M virt -smp 4 -m 128M -bios none -serial stdio",
        cpus: 4,
        cell: Cell::SmpMmu,
        success: 0,
        says: MAPPED,
    },
    Board {
        name: "riscv64-sv39-up",
        package: "riscv-sv39",
        bin: "riscv-sv39-up",
        features: &[],
        target: RISCV64,
        qemu: "qemu-system-riscv64",
        machine: "-M virt -smp 1 -m 128M -bios none -serial stdio",
        cpus: 1,
        cell: Cell::UpMmu,
        success: 0,
        says: FLAT,
    },
    Board {
        name: "aarch64",
        package: "aarch64",
        bin: "aarch64",
        features: &[],
        target: "aarch64-unknown-none",
        qemu: "qemu-system-aarch64",
        machine: "-M virt,gic-version=3 -cpu cortex-a72 -smp 4 -m 128M -serial null \
                  -semihosting-config enable=on,target=native",
        cpus: 4,
        cell: Cell::SmpMmu,
        success: 0,
        says: MAPPED,
    },
    Board {
        name: "x86-64",
        package: "x86-64",
        bin: "x86-64",
        features: &[],
        target: "x86_64-unknown-none",
        qemu: "qemu-system-x86_64",
        machine: "-M q35 -smp 4 -m 128M -nodefaults -serial stdio \
                  -device isa-debug-exit,iobase=0xf4,iosize=4",
        cpus: 4,
        cell: Cell::SmpMmu,
        // The device makes `(written << 1) | 1` of what is written to it, so 0 cannot be.
        success: 33,
        says: MAPPED,
    },
];

/// Returns the images called `names`, in the table's order; all if none is named.
pub fn select(names: &[String]) -> Result<Vec<&'static Board>> {
    if let Some(name) = names.iter().find(|name| ALL.iter().all(|board| board.name != **name)) {
        let known: Vec<_> = ALL.iter().map(|board| board.name).collect();
        return Err(format!("no board is called {name}; there are {}", known.join(", ")).into());
    }
    let wanted = |board: &&Board| names.is_empty() || names.iter().any(|name| name == board.name);
    Ok(ALL.iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::SUBCOMMANDS;
    use super::*;
    use crate::stages::BARE_TARGETS;

    #[test]
    fn names_are_unique_and_no_subcommand() {
        let names: BTreeSet<_> = ALL.iter().map(|board| board.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(SUBCOMMANDS.iter().all(|subcommand| !names.contains(subcommand)));
    }

    #[test]
    fn no_image_overwrites_another() {
        let files: BTreeSet<_> = ALL.iter().map(|board| (board.target, board.bin)).collect();
        assert_eq!(files.len(), ALL.len());
    }

    #[test]
    fn set_up_installs_the_target_of_every_board() {
        for board in ALL {
            assert!(BARE_TARGETS.contains(&board.target), "{}", board.name);
        }
    }

    #[test]
    fn the_boards_cover_all_four_cells() {
        for cell in [Cell::Up, Cell::UpMmu, Cell::Smp, Cell::SmpMmu] {
            assert!(ALL.iter().any(|board| board.cell == cell), "{cell}");
        }
    }

    #[test]
    fn a_cell_agrees_with_the_number_of_processors() {
        for board in ALL {
            let several = matches!(board.cell, Cell::Smp | Cell::SmpMmu);
            assert_eq!(several, board.cpus > 1, "{}", board.name);
        }
    }

    #[test]
    fn an_unknown_board_is_refused_with_the_known_ones() {
        let error = select(&["an537".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("no board is called an537; there are an536, an536-up, "));
    }

    #[test]
    fn boards_named_on_the_command_line_come_in_the_tables_order() {
        let names = ["x86-64", "an536"].map(str::to_owned);
        let names: Vec<_> = select(&names).unwrap().iter().map(|board| board.name).collect();
        assert_eq!(names, ["an536", "x86-64"]);
        assert_eq!(select(&[]).unwrap().len(), ALL.len());
    }
}

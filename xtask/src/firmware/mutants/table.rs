// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of mutants: mistakes that somebody could make, each of which hurts only on a machine
//! with several processors, or with an MMU, or with too little memory.
//!
//! A place is named by its text, so a mutant follows the code when it moves, and is refused when
//! the code is no longer there.

use super::Mutant;

/// All mutants.
pub const ALL: &[Mutant] = &[
    Mutant {
        name: "remote flush left out",
        file: "platforms/pcpu-bare/src/shootdown/mod.rs",
        find: "if cpu != me && mailbox.takes_part.load(Ordering::SeqCst) {",
        replace: "if cpu != me && false {",
        boards: &["riscv64-sv39", "x86-64"],
    },
    Mutant {
        name: "chunk freed before the remote acknowledgement",
        file: "platforms/pcpu-bare/src/shootdown/mod.rs",
        find: "while mailbox.owes() {",
        replace: "while false && mailbox.owes() {",
        boards: &["riscv64-sv39", "x86-64"],
    },
    Mutant {
        name: "base register not set on the second core",
        file: "firmware/an536/src/start.rs",
        find: "unsafe { BLOCKS[core].install() };",
        replace: "if core != 1 { unsafe { BLOCKS[core].install() } };",
        boards: &["an536"],
    },
    Mutant {
        name: "the second hart is given the first one's base",
        file: "firmware/riscv-m/src/start.rs",
        find: "unsafe { BLOCKS[hart].install() };",
        replace: "unsafe { BLOCKS[hart & !1].install() };",
        boards: &["riscv64-m", "riscv32-m"],
    },
    Mutant {
        name: "unmap that skips the failing CPU",
        file: "crates/pcpu-core/src/backend/vm.rs",
        find: "cpus.rev().skip(len - (index + 1))",
        replace: "cpus.rev().skip(len - index)",
        boards: &["riscv64-sv39", "aarch64", "x86-64"],
    },
];

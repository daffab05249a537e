// SPDX-License-Identifier: MIT OR Apache-2.0
//! It runs whenever a CPU wants its copy first, so what it uses must last.

use std::cell::Cell;

use pcpu::PerCpu;

fn make() -> PerCpu<Cell<usize>> {
    let name = String::from("gone soon");
    PerCpu::from_fn(|_| Cell::new(name.len())).unwrap()
}

fn main() {
    make();
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nobody can add a row to the table of cells.

use pcpu_platform::{Cell, Platform, Vm};

enum SmpNoMmuButVm {}

impl<P: Platform> Cell<P> for SmpNoMmuButVm {
    const SMP: bool = true;
    type Backend = Vm;
}

fn main() {}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The back end follows from the cell: a platform cannot state another one beside it.

#[path = "support/bare.rs"]
mod bare;

use bare::Bare;
use pcpu_core::Machine;
use pcpu_platform::{Km, Platform, SmpNoMmu};

impl Platform for Bare {
    type Cell = SmpNoMmu;
    type PagesLock = parking_lot::RawMutex;
    type IndexLock = parking_lot::RawMutex;
}

impl Machine for Bare {
    type Backend = Km;
    const SMP: bool = true;
}

fn main() {}

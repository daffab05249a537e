// SPDX-License-Identifier: MIT OR Apache-2.0
//! A back end is not a cell: none can be named where the cell is asked for.

#[path = "support/bare.rs"]
mod bare;

use bare::Bare;
use pcpu_platform::{Km, Platform};

impl Platform for Bare {
    type Cell = Km;
    type PagesLock = parking_lot::RawMutex;
    type IndexLock = parking_lot::RawMutex;
}

fn main() {}

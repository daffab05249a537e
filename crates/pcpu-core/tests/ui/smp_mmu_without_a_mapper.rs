// SPDX-License-Identifier: MIT OR Apache-2.0
//! A machine that cannot map must not claim the vm back end.

#[path = "support/bare.rs"]
mod bare;

use bare::Bare;
use pcpu_platform::{Platform, SmpMmu};

impl Platform for Bare {
    type Cell = SmpMmu;
    type PagesLock = parking_lot::RawMutex;
    type IndexLock = parking_lot::RawMutex;
}

fn main() {}

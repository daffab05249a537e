// SPDX-License-Identifier: MIT OR Apache-2.0
//! What most cases begin with: a pool and two statics.
#![allow(dead_code)]

use core::cell::Cell;
use core::sync::atomic::AtomicU32;

use pcpu::{Config, Pcpu};
use pcpu_linux::Linux;

pcpu::statics! {
    /// For its own CPU only: not `Sync`.
    pub static COUNT: Cell<u32> = Cell::new(0);
    /// For all.
    pub static SHARED: AtomicU32 = AtomicU32::new(0);
}

pub fn pool() -> Pcpu<Linux> {
    pcpu::default::pcpu(&Config::default()).unwrap()
}

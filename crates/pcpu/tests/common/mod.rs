// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pools of the four kinds of machine that a Linux process can play.
#![allow(dead_code)]

use pcpu::platform::{Addressable, ThisCpu};
use pcpu::{Config, Machine, Pcpu};
use pcpu_linux::{Linux, NoMmu, Portable, Uni};

/// What a machine must be for everything in these tests.
pub trait Real: Machine + Addressable + ThisCpu {}
impl<P: Machine + Addressable + ThisCpu> Real for P {}

/// CPUs of the machines that have several.
pub const CPUS: u32 = 3;

/// Room for objects that are loaded later.
pub fn config() -> Config {
    Config { reserved_size: Config::MODULE_RESERVE, ..Config::default() }
}

pub fn smp() -> Pcpu<Linux> {
    Pcpu::<_>::new(Linux::builder().cpus(CPUS).build().unwrap(), &config()).unwrap()
}

pub fn no_mmu() -> Pcpu<NoMmu> {
    Pcpu::<_>::new(Linux::builder().cpus(CPUS).build_no_mmu().unwrap(), &config()).unwrap()
}

pub fn uni() -> Pcpu<Uni> {
    Pcpu::<_>::new(Linux::builder().build_uni().unwrap(), &config()).unwrap()
}

pub fn portable() -> Pcpu<Portable> {
    Pcpu::<_>::new(Portable::with_cpus(CPUS).unwrap(), &config()).unwrap()
}

/// Calls a generic function with a pool of each kind.
#[macro_export]
macro_rules! in_each_cell {
    ($check:path) => {
        $check(&$crate::common::smp());
        $check(&$crate::common::no_mmu());
        $check(&$crate::common::uni());
        $check(&$crate::common::portable());
    };
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A simulator's addresses are numbers of its own: nothing to make a reference of.

#[path = "support/counter.rs"]
mod counter;

use pcpu::layout::CpuId;
use pcpu::{Config, Pcpu};

fn main() {
    let machine = pcpu_sim::Machine::builder().cpus(2).build();
    let pool = Pcpu::<pcpu_sim::Smp>::new(machine.smp(), &Config::default()).unwrap();
    let _ = counter::SHARED.on(&pool, CpuId::new(0));
}

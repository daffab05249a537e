// SPDX-License-Identifier: MIT OR Apache-2.0
//! The running CPU's copy goes with the value.

use std::sync::atomic::AtomicU64;

use pcpu::PerCpu;

fn main() {
    let hits = PerCpu::<AtomicU64>::zeroed().unwrap();
    let here = hits.this_cpu();
    drop(hits);
    here.inc();
}

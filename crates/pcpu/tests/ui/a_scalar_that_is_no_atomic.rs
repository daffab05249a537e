// SPDX-License-Identifier: MIT OR Apache-2.0
//! Other CPUs read a copy while it changes, so its type must allow that.

use pcpu::PerCpu;

fn main() {
    let hits = PerCpu::<u64>::zeroed().unwrap();
    hits.this_cpu().inc();
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The CPU whose copy it is may be changing it.

use std::cell::Cell;

use pcpu::PerCpu;
use pcpu::layout::CpuId;

fn main() {
    let depth = PerCpu::new(Cell::new(0)).unwrap();
    depth.get(CpuId::new(0));
}

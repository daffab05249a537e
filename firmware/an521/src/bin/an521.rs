// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two cores, no MMU, memory enough.
#![no_std]
#![no_main]

use an521::{An521, Variant};
use bitmap_allocator::BitAlloc4K;
use pcpu_platform::SmpNoMmu;

enum Roomy {}

impl Variant for Roomy {
    const NAME: &'static str = "mps2-an521";
    const CORES: u32 = 2;
    const PAGES: usize = 2 << 20;
    const RECORDS: usize = 256 << 10;

    type Cell = SmpNoMmu;
    type Pages = BitAlloc4K;
}

scenario::image!(An521<Roomy>);

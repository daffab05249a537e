// SPDX-License-Identifier: MIT OR Apache-2.0
//! Four cores with virtual memory.
#![no_std]
#![no_main]

use aarch64_board::{Machine, Virt, mapped};
use pcpu_bare::Mapped;
use pcpu_platform::SmpMmu;

enum Smp {}

impl Machine for Smp {
    const NAME: &'static str = "aarch64";
    const CORES: u32 = 4;
    type Cell = SmpMmu;
    type Platform = Mapped<Virt<Self>>;

    fn platform() -> Self::Platform {
        mapped()
    }
}

scenario::image!(mapped Virt<Smp>);

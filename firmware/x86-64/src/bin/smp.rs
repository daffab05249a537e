// SPDX-License-Identifier: MIT OR Apache-2.0
//! Four processors with virtual memory.
#![no_std]
#![no_main]

use pcpu_bare::Mapped;
use pcpu_platform::SmpMmu;
use x86_64_board::{Machine, Pc, mapped};

enum Smp {}

impl Machine for Smp {
    const NAME: &'static str = "x86-64";
    const PROCESSORS: u32 = 4;
    type Cell = SmpMmu;
    type Platform = Mapped<Pc<Self>>;

    fn platform() -> Self::Platform {
        mapped()
    }
}

scenario::image!(mapped Pc<Smp>);

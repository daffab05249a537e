// SPDX-License-Identifier: MIT OR Apache-2.0
//! Four harts with virtual memory.
#![no_std]
#![no_main]

use pcpu_bare::Mapped;
use pcpu_platform::SmpMmu;
use riscv_sv39::{Machine, Virt, mapped};

enum Smp {}

impl Machine for Smp {
    const NAME: &'static str = "riscv-sv39";
    const HARTS: u32 = 4;
    type Cell = SmpMmu;
    type Platform = Mapped<Virt<Self>>;

    fn platform() -> Self::Platform {
        mapped()
    }
}

scenario::image!(mapped Virt<Smp>);

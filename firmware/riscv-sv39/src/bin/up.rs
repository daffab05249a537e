// SPDX-License-Identifier: MIT OR Apache-2.0
//! One hart, its MMU on. With one CPU there is nothing for the allocator to map.
#![no_std]
#![no_main]

use pcpu_bare::Bare;
use pcpu_platform::Up;
use riscv_sv39::{Machine, Virt, flat};

enum Uni {}

impl Machine for Uni {
    const NAME: &'static str = "riscv-sv39-up";
    const HARTS: u32 = 1;
    type Cell = Up;
    type Platform = Bare<Virt<Self>>;

    fn platform() -> Self::Platform {
        flat()
    }
}

scenario::image!(Virt<Uni>);

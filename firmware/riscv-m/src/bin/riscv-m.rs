// SPDX-License-Identifier: MIT OR Apache-2.0
//! Four harts, no MMU.
#![no_std]
#![no_main]

use pcpu_platform::SmpNoMmu;
use riscv_m::Virt;

scenario::image!(Virt<SmpNoMmu, 4>);

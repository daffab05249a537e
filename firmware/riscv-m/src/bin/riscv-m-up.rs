// SPDX-License-Identifier: MIT OR Apache-2.0
//! One hart, no MMU.
#![no_std]
#![no_main]

use pcpu_platform::Up;
use riscv_m::Virt;

scenario::image!(Virt<Up, 1>);

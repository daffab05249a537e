// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two cores, no MMU. With the feature `try-vm` they claim to have one, which does not compile.
#![no_std]
#![no_main]

use an536::An536;

#[cfg(feature = "try-vm")]
use pcpu_platform::SmpMmu as Cell;
#[cfg(not(feature = "try-vm"))]
use pcpu_platform::SmpNoMmu as Cell;

scenario::image!(An536<Cell, 2>);

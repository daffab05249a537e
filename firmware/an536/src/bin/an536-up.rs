// SPDX-License-Identifier: MIT OR Apache-2.0
//! One core, no MMU.
#![no_std]
#![no_main]

use an536::An536;
use pcpu_platform::Up;

scenario::image!(An536<Up, 1>);

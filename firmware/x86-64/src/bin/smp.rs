// SPDX-License-Identifier: MIT OR Apache-2.0
//! Four processors with virtual memory.
#![no_std]
#![no_main]

scenario::image!(mapped x86_64_board::Pc);

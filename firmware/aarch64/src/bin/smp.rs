// SPDX-License-Identifier: MIT OR Apache-2.0
//! Four cores with virtual memory.
#![no_std]
#![no_main]

scenario::image!(mapped aarch64_board::Virt);

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations on the running CPU's copy in processes that are set up in one way or another: by what the
//! C library, the kernel, filters, signals and loaders do to them (RS-2, RS-6 to RS-10, RS-13, RS-14,
//! RS-16).
//!
//! The way is decided once in a process, so each test runs this program again for itself alone.
#![cfg(target_os = "linux")]

#[path = "../local_common/mod.rs"]
mod local_common;

mod again;
mod area;
mod clones;
mod filters;
mod last_moments;
mod moves;
mod registration;
mod signals;
mod sums;
mod unload;

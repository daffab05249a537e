// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's side of restartable sequences: the area that a thread shares with it.
//!
//! ```text
//!  symbols   what libc says of its areas          selftest  does an abort happen at all?
//!  area      the fields; pcpu's own area          decide    one mode for the process
//!  register  the system call; once a thread
//! ```
//!
//! # Source
//! The ABI of rseq(2) and of glibc's `__rseq_offset`, `__rseq_size` and `__rseq_flags`.

pub(super) mod area;
pub(super) mod decide;
mod register;
mod selftest;
mod symbols;

pub(super) use register::{Registered, register_this_thread};

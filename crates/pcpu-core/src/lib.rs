// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Linux kernel's per-CPU memory allocator as a library, for machines of all four cells.
//!
//! One request yields an *area* on every possible CPU, at the same offset in each CPU's *unit*;
//! code that touches only its own CPU's copy needs no lock and shares no cache line.
//!
//! ```text
//!  Allocator ── alloc, free, balance, attach, look-ups, statistics
//!   ├ index     lists of chunks by longest free run, totals          (index lock)
//!   ├ chunk     map, live bits, record                               (index lock; live bits: none)
//!   ├ directory address → chunk                                      (no lock to read)
//!   └ backend   km: one run per chunk; vm: pages mapped on demand    (pages lock)
//! ```
//!
//! The back end follows from the platform's cell, by type ([`pcpu_platform::Cell`]): km for one
//! CPU and for machines without an MMU, vm for several CPUs with one. There is nothing to select.
//!
//! No heap and no standard library are needed: everything the allocator keeps lies in memory
//! that the platform lends ([`pcpu_platform::Metadata`]).
//!
//! # Examples
//! ```
//! use core::alloc::Layout;
//! use pcpu_core::{Allocator, Config, Request};
//! use pcpu_sim::Machine;
//!
//! let machine = Machine::builder().cpus(4).build();
//! let config = Config { static_size: 1000, ..Config::default() };
//! let pool = Allocator::<pcpu_sim::Smp>::new(machine.smp(), &config, &[])?;
//!
//! let hits = pool.alloc(Request::from(Layout::new::<u64>()))?;
//! assert_eq!(pool.stats().nr_cur_alloc, 1);
//! pool.free(hits)?;
//! assert_eq!(pool.stats().nr_cur_alloc, 0);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]

#[cfg(test)]
extern crate std;

mod allocator;
mod attached;
mod backend;
mod chunk;
mod cookie;
mod directory;
mod error;
mod holdings;
mod index;
mod lent;
#[cfg(all(test, loom))]
mod loom_model;
mod machine;
mod request;
mod sync;

pub use allocator::{Addressing, Allocator, Broken, Kept, Placement};
#[cfg(feature = "statistics")]
pub use allocator::{PercpuStats, Stats};
pub use backend::{Backend, Made, NoChunk, Site};
pub use cookie::Cookie;
pub use error::{AllocError, AttachError, FreeError, FreeRefused, SetupError};
pub use machine::Machine;
pub use pcpu_layout::{Config, Watermarks};
pub use request::{Context, OnFailure, Region, Request};

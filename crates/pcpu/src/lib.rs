// SPDX-License-Identifier: MIT OR Apache-2.0
//! Per-CPU memory: one request, an area on every possible CPU, at the same offset in each.
//!
//! Code that touches only its own CPU's copy needs no lock and shares no cache line. Linux has
//! had this since 2009; here it is as a library, for firmware and kernels (one CPU or many, with
//! an MMU or without) and for programs, on Linux above all.
//!
//! This crate is the door to the others:
//!
//! - [`Allocator`], [`Request`], [`Config`]: the allocator, generic over a [`platform`].
//! - [`statics!`], [`Pcpu`]: static per-CPU variables, and a pool that carries their copies.
//! - [`platform`]: the traits that a machine implements, and the cells that choose the back end.
//! - [`layout`]: geometry and maps, for those who want to look closer.
//! - [`default`]: a pool in this process, with nothing to set up. Needs the feature `std`, which is
//!   on by default; firmware turns default features off.
//!
//! # Examples
//! A pool whose first units hold 64 bytes of static variables, and a counter on every CPU:
//! ```
//! # #[cfg(feature = "std")]
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! use core::alloc::Layout;
//! use pcpu::{Config, Request};
//!
//! let config = Config { static_size: 64, ..Config::default() };
//! let pool = pcpu::default::pool(&config)?;
//!
//! let hits = pool.alloc(Request::from(Layout::new::<u64>()))?;
//! for cpu in pool.geometry().cpus() {
//!     assert!(pool.address(&hits, cpu).is_some());
//! }
//! pool.free(hits)?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "std"))]
//! # fn main() {}
//! ```
//!
//! Static variables are [one macro](statics!) away:
//! ```
//! # #[cfg(feature = "std")]
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! use core::cell::Cell;
//! use pcpu::Config;
//!
//! pcpu::statics! { static HITS: Cell<u64> = Cell::new(7); }
//!
//! let pcpu = pcpu::default::pcpu(&Config::default())?;
//! assert_eq!(pcpu.pinned(|here| HITS.get(here).replace(8)), 7);
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "std", target_os = "linux")))]
//! # fn main() {}
//! ```
#![no_std]
#![deny(unsafe_code)]

#[cfg(feature = "std")]
extern crate std;

mod local;
#[cfg(feature = "std")]
mod per_cpu;
mod statics;

#[cfg(feature = "std")]
pub use per_cpu::{
    Bits, Field, NewError, Number, PerCpu, PerCpuSlice, Pool, PoolBuilder, Scalar, This,
};

pub use local::{Pcpu, Pinned, RegisterError, Registered};
pub use statics::{AccessError, Image, MAX_ALIGN, Static};

/// What [`statics!`] expands to. Not for use by hand.
#[doc(hidden)]
pub mod __statics {
    pub use crate::statics::{Definition, Initial, Template};
}

pub use pcpu_core::{
    Addressing, AllocError, Allocator, AttachError, Broken, Config, Context, Cookie, FreeError,
    FreeRefused, Machine, OnFailure, Placement, Region, Request, SetupError, Watermarks,
};
#[cfg(feature = "statistics")]
pub use pcpu_core::{PercpuStats, Stats};
pub use {pcpu_layout as layout, pcpu_platform as platform};

#[cfg(feature = "std")]
pub mod default;
#[cfg(feature = "std")]
pub use pcpu_linux::local::{
    By, ConcurrencyId, Cpu, Mode, Node, Reason, Registrar, Sequence, Tested, mode,
};

/// The README's programs are compiled and run with the documentation's tests. One has statics.
#[cfg(all(doctest, feature = "std", target_os = "linux"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// So is this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct CratesReadme;

/// And the guide for those who come from sharded atomics, which has statics too.
#[cfg(all(doctest, feature = "std", target_os = "linux"))]
#[doc = include_str!("../../../docs/from-sharded-atomics.md")]
struct FromShardedAtomics;

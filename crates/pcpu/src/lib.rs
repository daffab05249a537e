// SPDX-License-Identifier: MIT OR Apache-2.0
//! Per-CPU memory: one request, an area on every possible CPU, at the same offset in each.
//!
//! Code that touches only its own CPU's copy needs no lock and shares no cache line. Linux has
//! had this since 2009; here it is as a library, for firmware and kernels (one CPU or many, with
//! an MMU or without) and for programs, on Linux above all.
//!
//! # For programs
//! Needs the feature `std`, which is on by default.
//!
//! ```
//! # #[cfg(feature = "std")]
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! use core::cell::Cell;
//! use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
//! use pcpu::PerCpu;
//!
//! let hits = PerCpu::<AtomicU64>::zeroed()?;
//! hits.this_cpu().inc();
//! assert_eq!(hits.sum(), 1);
//! assert!(hits.iter().all(|(_, copy)| copy.load(Relaxed) <= 1));
//!
//! let longest = PerCpu::new(Cell::new(0_usize))?;
//! longest.with(|longest| longest.set(longest.get().max(40)));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "std"))]
//! # fn main() {}
//! ```
//!
//! **Three ways to a copy.** [`PerCpu::this_cpu`] works on the running CPU's, operation by operation,
//! without a lock: a counter, a flag, a field or an element that is an atomic. [`PerCpu::with`] lends
//! the running CPU's copy of any type, alone, for the length of a closure, under a lock for each
//! CPU. [`PerCpu::get`] and [`PerCpu::iter`] lend every CPU's, to be read while their CPUs go on.
//! What is changed in one of the first two ways is not to be changed in the other, nor by the
//! third: neither waits for the others, and counts would be lost.
//!
//! **Mode.** Operations without a lock are restartable sequences where the kernel has these, and
//! atomic instructions where not, with the same results. [`mode()`] says which, and why. It is one
//! for the whole process, decided at first use.
//!
//! **Pools.** Copies lie in a pool. There is one for the process, which nobody has to make or name,
//! and which carries the program's static variables. A [`Pool`] of one's own has its own memory, a
//! limit, and a choice: copies for CPUs, for *concurrency ids* (few, in a container that may use
//! few CPUs of many) or for memory nodes. In any pool, a CPU takes memory from when it is used first.
//!
//! What to make of a program that shards its atomics today is told in `docs/from-sharded-atomics.md`.
//!
//! # For firmware and kernels
//! Default features are off. This crate is the door to the others:
//!
//! - [`Allocator`], [`Request`], [`Config`]: the allocator, generic over a [`platform`].
//! - [`statics!`], [`Pcpu`]: static per-CPU variables, and a pool that carries their copies.
//! - [`platform`]: the traits that a machine implements, and the cells that choose the back end.
//! - [`layout`]: geometry and maps, for those who want to look closer.
//!
//! With `std`, [`default`] has the same for this process as a machine: an [`Allocator`] whose areas
//! are reached by address, and a [`Pcpu`] with statics. A [`PerCpu`] asks for neither.
//!
//! # Examples
//! An allocator whose first units hold 64 bytes of static variables, and an area on every CPU:
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
//! Static variables are [one macro](statics!) away. Atomics, in a program:
//! ```
//! # #[cfg(all(feature = "std", target_os = "linux"))]
//! # fn main() {
//! use core::sync::atomic::AtomicU64;
//!
//! pcpu::statics! { static SERVED: AtomicU64 = AtomicU64::new(0); }
//!
//! SERVED.this_cpu().inc();
//! assert_eq!(SERVED.sum(), 1);
//! # }
//! # #[cfg(not(all(feature = "std", target_os = "linux")))]
//! # fn main() {}
//! ```
//!
//! Any type that need not be dropped, anywhere:
//! ```
//! # #[cfg(all(feature = "std", target_os = "linux"))]
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
/// For `#[derive(pcpu::FromZeros)]`: say `#[zerocopy(crate = "pcpu::zerocopy")]` with it.
#[cfg(feature = "std")]
pub use zerocopy;
#[cfg(feature = "std")]
pub use zerocopy::FromZeros;

#[cfg(feature = "std")]
pub use per_cpu::{
    Bits, Field, NewError, Number, PerCpu, PerCpuSlice, PerCpuStack, Pool, PoolAllocator,
    PoolBuilder, Scalar, This,
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
    Busy, By, ConcurrencyId, Cpu, FenceError, Mode, Node, Reason, Registrar, Sequence, Tested,
    mode, prepare_unload,
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

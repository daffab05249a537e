// SPDX-License-Identifier: MIT OR Apache-2.0
//! The arithmetic of per-CPU memory, without a machine and without unsafe code.
//!
//! A *chunk* is one *unit* of memory for every possible CPU, allocated from in lock-step: an
//! *area* at offset 64 lies at offset 64 of every unit. This crate answers the two questions
//! that need no memory to be touched:
//!
//! - [`geometry`]: where is each CPU's unit? From a configuration and the distances between
//!   CPUs to groups, units and offsets.
//! - [`map`]: where in a unit is room? A bitmap with exact records of its free runs.
//!
//! ```text
//!  Config + Topology ──► Geometry ──► Map ──► (pcpu-core: chunk, slots, allocator)
//! ```
//!
//! Everything works on memory that the caller lends, so that an allocator built on it can
//! start before any heap exists.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod config;
pub mod congruent;
pub mod geometry;
pub mod map;
mod units;

pub use config::{Config, IndexBy, Watermarks};
pub use units::{Bits, CpuId, NodeId, PageCount, Span, UnitId, UnitOffset};

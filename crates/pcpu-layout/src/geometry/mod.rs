// SPDX-License-Identifier: MIT OR Apache-2.0
//! Geometry: where each CPU's unit lies, the same for every chunk of a pool.
//!
//! A chunk is as many units as there are possible CPUs. CPUs that are near each other form a
//! *group*, whose units lie back to back; groups lie wherever their memory was found, far apart
//! on a machine with several memory nodes. What makes one number good for every chunk is that
//! all chunks repeat the distances of the first (they are *congruent*):
//!
//! ```text
//!   chunk base                                             chunk base + offset of group 1
//!   ▼                                                      ▼
//!   ┌────────┬────────┬────────┬ ─ ─ ─ ─┐                  ┌────────┬────────┐
//!   │ CPU 0  │ CPU 2  │ CPU 4  │ unused │      ....        │ CPU 1  │ CPU 3  │
//!   └────────┴────────┴────────┴ ─ ─ ─ ─┘                  └────────┴────────┘
//!   unit 0     unit 1   unit 2   unit 3                      unit 4   unit 5
//!   ◄── alloc size ──►◄── alloc size ──►    here two units share one "alloc" piece
//!
//!   one unit of the first chunk:  │ static │ reserved │ dynamic          │ not covered │
//!                                 0        S'         S'+R          S+R+D'            U
//! ```
//!
//! The way of a geometry:
//!
//! 1. [`Geometry::needs`] says how much memory to lend it; nothing is allocated here.
//! 2. [`Geometry::plan`] reads a [`Config`](crate::Config) and a [`Topology`], and decides unit
//!    size, groups and numbering. Groups are provisionally back to back.
//! 3. Whoever finds memory for the groups says where it is: [`Geometry::place`].
//! 4. [`Geometry::check`] confirms the result before anything rests on it.
//!
//! # Invariants
//! - **G1** every possible CPU has exactly one unit, and no other CPU has one.
//! - **G2** a group's CPUs take its units from the front in ascending order; unused units are
//!   at its end.
//! - **G3** static + reserved + dynamic <= unit size, a multiple of the page size.
//! - **G4** group offsets are multiples of the atom size, the lowest is 0, groups are disjoint.
//!   ([`Geometry::check`]; between two calls of `place` it may not hold.)
//!
//! # Source
//! docs/behaviours.md, "Building the layout" and B45-B51, B82. Differences: a pool may have no
//! static region, and every contradiction is an error instead of the end of the machine.

mod addresses;
mod check;
mod dump;
mod error;
mod grouping;
mod plan;
mod query;
mod regions;
mod sizes;
mod storage;
mod topology;
mod units_per_alloc;

#[cfg(test)]
mod tests;

pub use addresses::{Stride, Table, UnitAddresses};
pub use error::{GeometryError, StoragePart};
pub use plan::{Geometry, Setup};
pub use regions::{BootChunk, Regions};
pub use storage::{Group, Placement, Storage, StorageNeeds};
pub use topology::Topology;

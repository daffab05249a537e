// SPDX-License-Identifier: MIT OR Apache-2.0
//! A platform of the standard library alone, for systems that have no other here.
//!
//! ```text
//!  machine ─┬─ thread    a number that stands for a CPU
//!           ├─ book      which runs are out, and how much of each       no unsafe code
//!           └─ heap      runs from the program's heap                   unsafe
//! ```
//!
//! It is built on every target, so that its tests run where pcpu is written.

mod book;
mod heap;
mod machine;
mod thread;

pub use machine::Portable;

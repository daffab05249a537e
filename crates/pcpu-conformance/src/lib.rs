// SPDX-License-Identifier: MIT OR Apache-2.0
//! The suite that a platform for pcpu runs against itself.
//!
//! An allocator trusts its platform for what the traits of [`pcpu_platform`] say in writing. Each
//! function here takes a platform, uses it as an allocator would, and panics with a sentence that
//! names the trait and the promise when one turns out not to be kept:
//!
//! ```text
//!  Frames, take_run: a run starts at a multiple of the alignment asked for
//! ```
//!
//! [`platform`] runs what every cell has, [`everything_mapped`] the mapper as well. A few promises
//! need help from the platform's author and stand apart: [`exact_runs`] must be told how many
//! pages are in use, and [`frames_keep_content`] is for platforms whose frames are memory.
//!
//! The suite needs no heap and no operating system, so that firmware can run it: about 40 pages,
//! 20 KiB of metadata and 1 KiB of stack. It gives back all that it takes. Passing it is not a
//! proof. It runs on one thread, and stale translations on *other* CPUs are beyond it.
//!
//! ```
//! let machine = pcpu_sim::Machine::with_cpus(4);
//! pcpu_conformance::everything_mapped(&machine.smp());
//! pcpu_conformance::platform(&machine.no_mmu());
//! ```
#![no_std]

mod bytes;
mod cpus;
mod frames;
mod locks;
mod mapper;
mod memory;
mod metadata;
mod this_cpu;

use pcpu_platform::{Mapper, Platform, ThisCpu};

pub use cpus::cpus;
pub use frames::{exact_runs, frames};
pub use locks::locks;
pub use mapper::{frames_keep_content, mapper};
pub use memory::memory;
pub use metadata::metadata;
pub use this_cpu::this_cpu;

/// Checks the promises that a platform of any cell makes.
///
/// # Panics
/// When one is not kept; the message says which.
pub fn platform<P: Platform + ThisCpu>(platform: &P) {
    cpus(platform);
    locks(platform);
    metadata(platform);
    memory(platform);
    frames(platform);
    this_cpu(platform);
}

/// Checks the promises of a platform that can map pages: those of [`platform`] and [`mapper`].
///
/// # Panics
/// When one is not kept; the message says which.
pub fn everything_mapped<P: Platform + ThisCpu + Mapper>(platform: &P) {
    self::platform(platform);
    mapper(platform);
}

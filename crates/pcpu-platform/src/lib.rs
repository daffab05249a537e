// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a per-CPU allocator asks of a machine.
//!
//! Small traits, one noun each, so that a platform author sees what is wanted and the
//! allocator cannot use what is not there:
//!
//! ```text
//!  Frames     runs of pages                        Memory    the bytes behind an address
//!  Mapper     pages at chosen addresses, flushes   Metadata  memory for the allocator itself
//!  Cpus       who is possible, near, running       ThisCpu   operations on one's own copy
//!  Observer   events and warnings                  locks     two `lock_api` mutexes
//! ```
//!
//! [`Platform`] joins them and names the machine's [`Cell`]: [`Up`], [`SmpNoMmu`] or [`SmpMmu`].
//! The cell decides the back end, by type. A machine without [`Mapper`] has no way to be
//! [`SmpMmu`], so it has no `vm` back end to select by mistake, and code for it cannot so much
//! as name a TLB flush.
//!
//! A platform is trusted for what its `unsafe trait`s say in writing, and for nothing else.
//! `pcpu-conformance` checks most of it on the machine itself.
#![no_std]
#![deny(unsafe_code)]

mod address;
mod cell;
mod cpus;
mod frames;
mod mapper;
mod memory;
mod observer;
mod this_cpu;

use lock_api::RawMutex;

pub use address::Addr;
pub use cell::{Cell, Km, SmpMmu, SmpNoMmu, Up, Vm};
pub use cpus::Cpus;
pub use frames::{Effort, Frames, NoPages};
pub use mapper::{MapFailed, Mapper, NoSpace};
pub use memory::{Addressable, Memory, Metadata, NoMetadata};
pub use observer::{Event, Observer, Warning};
pub use this_cpu::{ThisCpu, Word};

/// A machine that an allocator can run on.
///
/// A platform names its cell, and everything else follows from it. `type Cell = SmpMmu` on a
/// type without [`Mapper`] does not compile, and the compiler's message says what is missing.
pub trait Platform: Frames + Memory + Metadata + Cpus + Observer + Sized {
    /// Which of the four cells the machine is: more than one CPU possible, or not; able to
    /// map pages at chosen addresses, or not.
    type Cell: Cell<Self>;

    /// The *pages* lock: may sleep, is held across calls to the platform that take, map,
    /// unmap and return pages.
    type PagesLock: RawMutex;

    /// The *index* lock: held briefly, for maps and lists. Where an interrupt handler allocates
    /// or frees, it must keep interrupts off while held.
    type IndexLock: RawMutex;
}

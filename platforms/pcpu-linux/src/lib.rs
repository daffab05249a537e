// SPDX-License-Identifier: MIT OR Apache-2.0
//! Per-CPU memory for programs: on Linux, and in a plainer way on every other system.
//!
//! A program has no page tables and no interrupt flag, but on Linux it has `mmap`, and that is
//! enough to play all four cells of {one CPU, many} x {no MMU, MMU}:
//!
//! | type | cell | back end | memory |
//! |---|---|---|---|
//! | [`Linux`] | `SmpMmu` | vm | addresses reserved once, pages given by the system on demand |
//! | [`NoMmu`] | `SmpNoMmu` | km | runs of pages from the same reservation; no [`Mapper`] |
//! | [`Uni`] | `Up` | km | the same, and one CPU |
//! | [`Portable`] | `SmpNoMmu` | km | runs of pages from the program's heap |
//!
//! [`Portable`] needs the standard library and nothing else; where the target is not Linux, it is the
//! only one. The rest of this page is about the others.
//!
//! ```
//! # #[cfg(target_os = "linux")] {
//! use pcpu_layout::geometry::Topology;
//! use pcpu_linux::Linux;
//!
//! let machine = Linux::builder().cpus(4).nodes(2).build()?;
//! assert_eq!(machine.nr_cpu_ids(), 4);
//! # }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # One reservation
//! A platform value reserves one stretch of addresses when it is built and takes everything
//! from it, so that units of one chunk, far apart as they are, and chunks of one pool share
//! **one** line of `/proc/self/maps`, however many CPUs, chunks and pages there are. (The
//! system allows a process about 65 000 such lines; one protected piece per unit would spend
//! them on sixty chunks for 512 CPUs.)
//!
//! ```text
//!  lowest                                                              highest address
//!  │ runs: first chunks, km chunks ──►        free        ◄── vm chunks, congruent │
//! ```
//!
//! Addresses cost nothing. A page costs memory from the moment it is populated to the moment
//! it is given back, and both are system calls that can say no: a machine without memory is
//! an error here and not a signal. See [`Backing`] for what the system counts meanwhile.
//!
//! # Choices
//! - **No huge pages** in the reservation. A unit has few pages in use and its neighbour begins
//!   a few hundred KiB on: with transparent huge pages, one page in each of 64 units of 256 KiB
//!   was 16 MiB of memory instead of 256 KiB, and giving the pages back one by one returned
//!   none of it (x86-64, Linux 6.18).
//! - **No part in core dumps.** A dump written to a pipe spells out every hole, and would be as
//!   long as the reservation. Undo it for what you want to see, with `madvise(MADV_DODUMP)` on
//!   [`address_space`](Machine::address_space).
//! - **`fork` copies.** Parent and child each have all areas and change their own. As for any
//!   lock, a child forked while another thread is inside the allocator must not use it. (The pools of
//!   the crate `pcpu`, those of `PerCpu`, see to that.)
//! - **Memory nodes** are wishes: while a thread populates a CPU's pages it prefers that CPU's node,
//!   and pages come from elsewhere where the node has no room.
//! - **Operations on the running CPU's copy** are there twice. Those of [`local`] are restartable
//!   sequences, and atomic instructions where there are none; they are what `PerCpu` of the crate
//!   `pcpu` is made of. Those of the trait [`ThisCpu`](pcpu_platform::ThisCpu), and pinned code with
//!   them, take a lock per CPU: correct on every kernel, slow, and able to lend a whole copy.
//! - A program that locks its future memory (`mlockall(MCL_FUTURE)`) may build a platform: the
//!   reservation is unlocked before anything can be locked in. One that calls
//!   `mlockall(MCL_CURRENT)` *afterwards* asks for all of it to be populated; use
//!   [`Backing::Accounted`] there.
//!
//! [`Mapper`]: pcpu_platform::Mapper
#![cfg_attr(
    not(target_os = "linux"),
    allow(rustdoc::broken_intra_doc_links, reason = "what is for Linux alone is not there")
)]
#![deny(unsafe_code)]

mod build_error;
#[cfg(target_os = "linux")]
mod host;
pub mod local;
mod memory;
mod pins;
mod portable;

pub use build_error::BuildError;
#[cfg(target_os = "linux")]
pub use host::{Backing, Builder, Frame, Linux, Machine, NoMmu, Uni};
pub use portable::Portable;

/// The most CPUs a machine may have. No system has more, and a wrong number must not cost gigabytes.
const MAX_CPUS: u32 = 65_536;

/// Returns the size of the system's pages in bytes.
#[cfg(target_os = "linux")]
pub fn system_page_size() -> usize {
    rustix::param::page_size()
}

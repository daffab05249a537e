// SPDX-License-Identifier: MIT OR Apache-2.0
//! A simulated machine for per-CPU memory, held in a value.
//!
//! An allocator that maps pages on thousands of CPUs is hard to test on the machine at hand: it
//! has too few CPUs, its memory never runs out at the wrong moment, and a forgotten TLB flush
//! goes unnoticed for years. [`Machine`] is another one, made to measure:
//!
//! ```text
//!  CPUs, nodes          as many as wanted, sparse, at any distances    Builder
//!  frames               owned once or free, full of junk when fresh    a ledger
//!  addresses            reserved, mapped, remembered by each CPU       page table, TLB per CPU
//!  failures             the n-th call, a kind of call, any rule        fault plan
//!  everything asked     counted always, listed when wanted             Counts, Call
//! ```
//!
//! Whoever breaks a rule of the machine - touches a page through a translation that is no longer
//! true, gives a frame back twice, calls the platform with the index lock held - gets a panic
//! that names it: a [`Violation`].
//!
//! The same machine is three platforms, by type: [`Smp`] can map pages and is an `SmpMmu`
//! machine, [`NoMmu`] cannot, [`Uni`] has one CPU. There are no globals. Machines live side by
//! side in one test process, and all that happens to one is decided by the test that built it.
//!
//! ```
//! use pcpu_layout::{CpuId, PageCount};
//! use pcpu_platform::{Cpus, Effort, Frames};
//! use pcpu_sim::Machine;
//!
//! let machine = Machine::builder().cpus(4).nodes(2).build();
//! let platform = machine.smp();
//! machine.run_on(CpuId::new(3), || assert_eq!(platform.current(), CpuId::new(3)));
//!
//! machine.fail_nth(1);
//! assert!(platform.take_run(PageCount::new(3), 4096, None, Effort::Normal).is_err());
//! assert_eq!(machine.frames_in_use(), 0);
//! ```
#![deny(unsafe_code)]

mod access;
mod builder;
mod content;
mod faults;
mod locks;
mod machine;
mod operations;
mod physical;
mod platform;
mod record;
mod running;
mod shape;
mod space;
mod sparse;
mod tlb;
mod violation;

pub use builder::Builder;
pub use faults::{Attempt, Fallible};
pub use locks::IndexLock;
pub use machine::Machine;
pub use physical::Frame;
pub use platform::{NoMmu, Sim, Smp, Uni};
pub use record::{Call, Counts};
pub use violation::Violation;

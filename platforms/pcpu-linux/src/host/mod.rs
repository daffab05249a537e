// SPDX-License-Identifier: MIT OR Apache-2.0
//! The platform, on the one kind of host that has it.
//!
//! ```text
//!  builder ──► machine ─┬─ topology     who is possible, and near whom
//!                       ├─ space        which addresses are whose            no unsafe code
//!                       ├─ reservation  the system calls                     unsafe
//!                       ├─ policy       from which node
//!                       └─ pages, memory, this_cpu: the unsafe traits        unsafe
//! ```

mod builder;
mod machine;
mod memory;
mod page_set;
mod pages;
mod policy;
mod reservation;
mod space;
mod this_cpu;
mod topology;

pub use builder::Builder;
pub use machine::{Linux, Machine, NoMmu, Uni};
pub use pages::Frame;
pub use reservation::Backing;

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values with a copy on every CPU, in a program.
//!
//! ```text
//!  PerCpu<T> ──► This      read, add, xchg ... on the running CPU's copy    no lock
//!            ──► with      &T of the running CPU's copy                     a lock per CPU
//!            ──► get, iter &T of any copy, where T: Sync                    nothing
//!      │
//!      owner   which copies are there; constructs one when it is wanted first
//!      home    memory, the table of units, CPUs attached when first used
//!      Pool    the handle of that
//! ```

mod chain;
mod error;
mod field;
mod fork;
mod home;
mod inside;
mod owner;
mod pool;
mod scalar;
mod slice;
mod stack;
mod statics;
mod this;
mod value;

pub use error::NewError;
pub use field::Field;
pub use pool::{Pool, PoolAllocator, PoolBuilder};
pub use scalar::{Bits, Number, Scalar};
pub use slice::PerCpuSlice;
pub use stack::PerCpuStack;
pub use this::This;
pub use value::PerCpu;

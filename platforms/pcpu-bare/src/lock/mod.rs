// SPDX-License-Identifier: MIT OR Apache-2.0
//! Locks for a machine without a scheduler: a CPU that waits, spins.
//!
//! ```text
//!            while held            who waits         for
//!  Spin      interrupts as before  takes interrupts  the pages lock
//!  Masking   interrupts masked     masked            the index lock
//! ```
//!
//! The *pages* lock is held while other CPUs are asked to forget translations. A CPU that waits for
//! it must go on answering, so [`Spin`] leaves interrupts alone, and whoever takes it does
//! so with interrupts on and outside of handlers. The *index* lock is taken by handlers that free
//! and allocate, and so is held with interrupts masked: [`Masking`].
//!
//! Both are `lock_api` raw mutexes: `lock_api::Mutex<Masking<B>, T>` guards a `T`.

mod masking;
mod spin;

pub use masking::Masking;
pub use spin::Spin;

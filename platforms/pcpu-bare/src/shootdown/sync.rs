// SPDX-License-Identifier: MIT OR Apache-2.0
//! Atomics, and what to do while waiting: those of `portable-atomic`, and the processor's hint; or,
//! in tests built with `--cfg loom`, those of a checker that tries every interleaving and every
//! value that a load may return (see `loom_model.rs`).

#[cfg(not(all(test, loom)))]
pub(super) use portable_atomic::{AtomicBool, AtomicUsize, Ordering, fence};

#[cfg(all(test, loom))]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

#[cfg(not(test))]
pub(super) use core::hint::spin_loop as relax;

#[cfg(all(test, not(loom)))]
pub(super) use super::tests::relax;

/// Lets another thread on: the checker would try for good to go round once more.
#[cfg(all(test, loom))]
pub(super) use loom::thread::yield_now as relax;

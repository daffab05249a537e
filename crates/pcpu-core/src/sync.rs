// SPDX-License-Identifier: MIT OR Apache-2.0
//! The atomics of the protocol that runs without a lock: the machine's own, or, built with
//! `--cfg loom`, those of a checker that tries every interleaving and every value that a load
//! may return.
//!
//! Only the directory and the live bits use them; see `loom_model.rs` for what is checked.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

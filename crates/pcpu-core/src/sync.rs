// SPDX-License-Identifier: MIT OR Apache-2.0
//! Atomics: those of `portable-atomic`, which are the machine's own where it has
//! compare-and-swap, and short critical sections where it has not; or, built with `--cfg loom`,
//! those of a checker that tries every interleaving and every value that a load may return.
//!
//! Only the protocol that runs without a lock is checked, the directory and the live bits (see
//! `loom_model.rs`); other words are `portable-atomic`'s in any build.

#[cfg(not(loom))]
pub(crate) use portable_atomic::{AtomicPtr, AtomicUsize, Ordering};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

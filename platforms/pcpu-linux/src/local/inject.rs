// SPDX-License-Identifier: MIT OR Apache-2.0
//! Delays inside ranges, for tests: built with `--cfg pcpu_inject`, every sequence counts down a
//! number of rounds at each of its labelled points, so that interrupts find it there. On x86-64.

use core::sync::atomic::{AtomicU64, AtomicUsize};

/// Rounds at each point: 1 before the index is read, 2 after the table, 3 at the copy's address, 4
/// after the first load, 5 before the commit.
pub static ROUNDS: [AtomicUsize; 8] = [const { AtomicUsize::new(0) }; 8];

/// How often an operation was aborted and began again, in the whole process.
pub static ABORTS: AtomicU64 = AtomicU64::new(0);

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Delays inside ranges, for tests: built with `--cfg pcpu_inject`, every sequence counts down a
//! number of rounds at each of its labelled points, so that interrupts find it there.

use core::sync::atomic::AtomicUsize;

/// Rounds at each point: 1 before the index is read, 2 after the table, 3 at the copy's address, 4
/// after the first load, 5 before the commit.
pub static ROUNDS: [AtomicUsize; 8] = [const { AtomicUsize::new(0) }; 8];

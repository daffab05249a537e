// SPDX-License-Identifier: MIT OR Apache-2.0
//! What operations on the running CPU's copy are compiled to: functions to look at, in `codegen/`.
//!
//! `cargo xtask instructions` compares their assembly with what is written there, and counts.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};

use pcpu::{ConcurrencyId, PerCpu};

/// The scoreboard's: one addition, and the loop around it.
#[inline(never)]
pub fn add_loop(counter: &PerCpu<AtomicU64>, nr: u64) {
    for _ in 0..nr {
        counter.this_cpu().add(1);
    }
}

/// Of any value.
#[inline(never)]
pub fn add(counter: &PerCpu<AtomicU64>, value: u64) {
    counter.this_cpu().add(value);
}

/// Another width.
#[inline(never)]
pub fn add_byte(counter: &PerCpu<AtomicU8>, value: u8) {
    counter.this_cpu().add(value);
}

/// Another index.
#[inline(never)]
pub fn add_by_concurrency_id(counter: &PerCpu<AtomicU64, ConcurrencyId>, value: u64) {
    counter.this_cpu().add(value);
}

/// With a result.
#[inline(never)]
pub fn add_return(counter: &PerCpu<AtomicU64>, value: u64) -> u64 {
    counter.this_cpu().add_return(value)
}

/// A load.
#[inline(never)]
pub fn read(word: &PerCpu<AtomicU64>) -> u64 {
    word.this_cpu().read()
}

/// A store.
#[inline(never)]
pub fn write(word: &PerCpu<AtomicU64>, value: u64) {
    word.this_cpu().write(value);
}

/// One instruction that reads and writes.
#[inline(never)]
pub fn set_flag(flag: &PerCpu<AtomicBool>) {
    flag.this_cpu().or(true);
}

/// A load, then a store.
#[inline(never)]
pub fn xchg(word: &PerCpu<AtomicU64>, value: u64) -> u64 {
    word.this_cpu().xchg(value)
}

/// A load, and perhaps a store.
#[inline(never)]
pub fn cmpxchg(word: &PerCpu<AtomicU64>, expected: u64, value: u64) -> bool {
    word.this_cpu().cmpxchg(expected, value).is_ok()
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! It may hold another field's content.

use std::mem::ManuallyDrop;
use std::sync::atomic::AtomicU64;

union Either {
    count: ManuallyDrop<AtomicU64>,
    flag: u8,
}

fn main() {
    let _ = pcpu::field!(Either, count);
}

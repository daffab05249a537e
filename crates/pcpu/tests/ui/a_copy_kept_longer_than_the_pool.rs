// SPDX-License-Identifier: MIT OR Apache-2.0
//! A copy of another CPU's lives as long as the pool, no longer.

#[path = "support/counter.rs"]
mod counter;

use pcpu::layout::CpuId;

fn main() {
    let pool = counter::pool();
    let shared = counter::SHARED.on(&pool, CpuId::new(0)).unwrap();
    drop(pool);
    shared.store(1, core::sync::atomic::Ordering::Relaxed);
}

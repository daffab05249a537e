// SPDX-License-Identifier: MIT OR Apache-2.0
//! A pool says what its copies are indexed by, in its type.

use std::sync::atomic::AtomicU64;

use pcpu::{PerCpu, Pool};

fn main() {
    let pool = Pool::builder().index_by_concurrency_id().build().unwrap();
    let hits: PerCpu<AtomicU64> = PerCpu::zeroed_in(&pool).unwrap();
    hits.this_cpu().inc();
}

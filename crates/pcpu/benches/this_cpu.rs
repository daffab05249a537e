// SPDX-License-Identifier: MIT OR Apache-2.0
//! Single operations on the running CPU's copy, and the atomic instruction of the same meaning.
//!
//! For the figures of the scoreboard, and comparisons that hold on a busy machine, there is
//! `pcpu bench`: it interleaves, and starts many processes. This here is for whoever changes an
//! operation and wants to see a difference from the run before. `cargo bench -p pcpu`

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use criterion::Criterion;
use pcpu::{ConcurrencyId, PerCpu, Pool};

/// On cache lines of its own.
#[repr(align(128))]
struct Line(AtomicU64);

fn main() {
    let mut bench = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50)
        .configure_from_args();
    let word = PerCpu::<AtomicU64>::zeroed().expect("memory for a word");
    let ids = Pool::builder().index_by_concurrency_id().build().expect("a pool");
    let by_id = PerCpu::<AtomicU64, ConcurrencyId>::zeroed_in(&ids).expect("memory for a word");
    let value = PerCpu::new(Cell::new(0_u64)).expect("memory for a value");
    let Line(line) = &Line(AtomicU64::new(0));

    let mut group = bench.benchmark_group("this_cpu");
    group.bench_function("add", |b| b.iter(|| word.this_cpu().add(1)));
    group.bench_function("add by concurrency id", |b| b.iter(|| by_id.this_cpu().add(1)));
    group.bench_function("add_return", |b| b.iter(|| word.this_cpu().add_return(1)));
    group.bench_function("read", |b| b.iter(|| word.this_cpu().read()));
    group.bench_function("xchg", |b| b.iter(|| word.this_cpu().xchg(black_box(7))));
    group.bench_function("cmpxchg", |b| b.iter(|| word.this_cpu().cmpxchg(7, black_box(7))));
    group.bench_function("with", |b| b.iter(|| value.with(|cell| cell.set(cell.get() + 1))));
    group.finish();

    let mut group = bench.benchmark_group("atomic");
    group.bench_function("fetch_add", |b| b.iter(|| line.fetch_add(1, Relaxed)));
    group.bench_function("load", |b| b.iter(|| line.load(Relaxed)));
    group.bench_function("swap", |b| b.iter(|| line.swap(black_box(7), Relaxed)));
    group.bench_function("compare_exchange", |b| {
        b.iter(|| line.compare_exchange(7, black_box(7), Relaxed, Relaxed));
    });
    group.finish();

    let mut group = bench.benchmark_group("all copies");
    group.bench_function("sum", |b| b.iter(|| word.sum()));
    group.bench_function("zeroed + drop", |b| {
        b.iter(|| drop(PerCpu::<AtomicU64>::zeroed().expect("memory for a word")));
    });
    group.finish();
    bench.final_summary();
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a checked free costs, and that it costs the same however much is alive.
//!
//! Pools of 1, 10 and 100 chunks are filled to the last granule: some areas of 16 bytes, spread
//! over all chunks, and one large area a chunk that takes the rest. Then one of the small areas
//! is freed and allocated again, a random one each time. The freed hole is the only room, so
//! the allocation has to find it among all chunks.
//!
//! The figures are in docs/performance.md. `cargo bench -p pcpu-core`

mod board;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use pcpu_core::{Allocator, Config, Cookie, Machine, Request};
use pcpu_platform::{SmpNoMmu, Up};

use board::Board;

/// Bytes of a small area.
const SMALL: usize = 16;
/// Bytes of a unit; a chunk has room for the most small areas in one.
const UNIT: usize = 128 << 10;
/// Frees timed at once, to drown the clock's own cost.
const BATCH: usize = 16;

fn main() {
    let mut bench = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
        .configure_from_args();
    let config =
        Config { min_unit_size: UNIT, dyn_size: UNIT, max_area: Some(UNIT), ..Config::default() };
    for nr_chunks in [1, 10, 100] {
        for nr_live in [1, 16, 256, 4096] {
            let label = format!("{nr_live} areas in {nr_chunks} chunks");
            let pool = Allocator::new(Board::<Up>::new(1), &config, &[]).expect("set-up");
            measure(&mut bench, &format!("UP/{label}"), &pool, nr_chunks, nr_live);
            let pool = Allocator::new(Board::<SmpNoMmu>::new(2), &config, &[]).expect("set-up");
            measure(&mut bench, &format!("SMP no MMU/{label}"), &pool, nr_chunks, nr_live);
        }
    }
    bench.final_summary();
}

/// Fills a pool; returns its small areas.
fn fill<P: Machine>(pool: &Allocator<P>, nr_chunks: usize, nr_live: usize) -> Vec<Cookie> {
    let mut live = Vec::new();
    for chunk in 0..nr_chunks {
        let room = match chunk {
            0 => pool.geometry().regions().dynamic.len().get(),
            _ => pool.geometry().unit_size(),
        };
        let nr_small = (chunk..nr_live).step_by(nr_chunks).count();
        live.extend((0..nr_small).map(|_| alloc(pool)));
        let rest = Request::new(room - nr_small * SMALL, 4);
        // Never freed: the pool is dropped as a whole.
        let _ = pool.alloc(rest).expect("the rest of the chunk");
    }
    assert_eq!(pool.stats().nr_chunks, nr_chunks);
    live
}

fn alloc<P: Machine>(pool: &Allocator<P>) -> Cookie {
    pool.alloc(Request::new(SMALL, 4)).expect("there is room")
}

fn measure<P: Machine>(
    bench: &mut Criterion,
    name: &str,
    pool: &Allocator<P>,
    nr_chunks: usize,
    nr_live: usize,
) {
    let mut live = fill(pool, nr_chunks, nr_live);
    let mut state = 42_u64;
    let mut random = move |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % end
    };
    let mut group = bench.benchmark_group(name);
    group.bench_function("free + alloc", |b| {
        b.iter(|| {
            let cookie = live.swap_remove(random(live.len()));
            pool.free(black_box(cookie)).expect("it is live");
            live.push(alloc(pool));
        });
    });
    if nr_live < BATCH {
        return;
    }
    group.bench_function("free", |b| {
        b.iter_custom(|iterations| {
            let mut elapsed = Duration::ZERO;
            for _ in 0..iterations.div_ceil(BATCH as u64) {
                let batch: [_; BATCH] =
                    std::array::from_fn(|_| live.swap_remove(random(live.len())));
                let start = Instant::now();
                for cookie in batch {
                    pool.free(black_box(cookie)).expect("it is live");
                }
                elapsed += start.elapsed();
                live.extend((0..BATCH).map(|_| alloc(pool)));
            }
            let timed = iterations.next_multiple_of(BATCH as u64);
            elapsed.mul_f64(iterations as f64 / timed as f64)
        });
    });
    assert_eq!(pool.stats().nr_chunks, nr_chunks, "the pool stays as full as it was made");
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! You will learn to keep several fields that belong together, and to read them so that they fit: `with`,
//! `for_each`. And why fields that are counted one by one, by `this_cpu_field`, do not fit while others count.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use pcpu::{PerCpu, field};

const WORKERS: u64 = 3;
const REQUESTS: u64 = 50_000;

/// Changed under its CPU's lock alone, so plain cells will do.
#[derive(Clone, Default)]
struct Latency {
    nr: Cell<u64>,
    total_us: Cell<u64>,
    slowest_us: Cell<u64>,
}

impl Latency {
    fn add(&self, us: u64) {
        self.nr.set(self.nr.get() + 1);
        self.total_us.set(self.total_us.get() + us);
        self.slowest_us.set(self.slowest_us.get().max(us));
    }
}

/// Changed without a lock, each field by itself, so the fields are atomics.
#[derive(Default)]
struct Traffic {
    packets: AtomicU64,
    bytes: AtomicU64,
}

fn fields_that_fit() {
    let latency = PerCpu::new(Latency::default()).expect("memory for one value");
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| (0..REQUESTS).for_each(|_| latency.with(|latency| latency.add(7))));
        }
        // While they count: every CPU's block is as it was between two requests.
        let mut nr = 0;
        while nr < WORKERS * REQUESTS {
            nr = 0;
            latency.for_each(|_, block| {
                assert_eq!(block.total_us.get(), 7 * block.nr.get());
                nr += block.nr.get();
            });
        }
    });
    let mut slowest = 0;
    latency.for_each(|_, block| slowest = slowest.max(block.slowest_us.get()));
    assert_eq!(slowest, 7);
}

fn fields_that_are_counted_one_by_one() {
    let traffic = PerCpu::from_fn(|_| Traffic::default()).expect("memory for one value");
    let both =
        || (traffic.sum_field(field!(Traffic, packets)), traffic.sum_field(field!(Traffic, bytes)));

    traffic.this_cpu_field(field!(Traffic, packets)).inc();
    // Whoever reads now sees a packet without bytes. Between these two lines the thread may even have
    // moved, and the bytes are counted on another CPU than their packet.
    assert_eq!(both(), (1, 0));
    traffic.this_cpu_field(field!(Traffic, bytes)).add(1500);
    assert_eq!(both(), (1, 1500));

    // When nobody counts any more, nothing is missing.
    let bytes: u64 = traffic.iter().map(|(_, traffic)| traffic.bytes.load(Relaxed)).sum();
    assert_eq!(bytes, 1500);
}

/// The program.
pub fn main() {
    fields_that_fit();
    fields_that_are_counted_one_by_one();
}

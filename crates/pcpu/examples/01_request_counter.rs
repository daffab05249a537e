// SPDX-License-Identifier: MIT OR Apache-2.0
//! You will learn to count from any thread, in one line and without a shared cache line, and to read a total.
//! And how to have a row of counters whose length is known only when the program has started.

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::thread;

use pcpu::{NewError, PerCpu, PerCpuSlice};

const WORKERS: usize = 4;
const REQUESTS: usize = 3000;

/// What a server knows of itself. Any thread may use it; nothing is registered, nothing merged at the end.
struct Metrics {
    by_route: PerCpuSlice<AtomicU64>,
    bytes_sent: PerCpu<AtomicU64>,
    /// Goes up on one CPU and down on another, so a copy may well be negative. The sum is not.
    in_flight: PerCpu<AtomicI64>,
}

impl Metrics {
    fn new(nr_routes: usize) -> Result<Self, NewError> {
        Ok(Self {
            by_route: PerCpuSlice::zeroed(nr_routes)?,
            bytes_sent: PerCpu::zeroed()?,
            in_flight: PerCpu::zeroed()?,
        })
    }
}

/// Serves one request, on whatever CPU this is; it may move to another one on the way.
fn serve(metrics: &Metrics, route: usize) {
    metrics.in_flight.this_cpu().inc();
    metrics.by_route.this_cpu_item(route).expect("a route of the table").inc();

    let answer = [b'x'; 120];
    thread::yield_now();

    metrics.bytes_sent.this_cpu().add(answer.len() as u64);
    metrics.in_flight.this_cpu().dec();
}

/// The program.
pub fn main() {
    let routes = ["/", "/login", "/search"];
    let metrics = Metrics::new(routes.len()).expect("memory for three values");

    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| (0..REQUESTS).for_each(|n| serve(&metrics, n % routes.len())));
        }
        // Reading is allowed at any time. Of a count that goes on, the sum is no less than the total was
        // when the reading began, and no more than it is at the end.
        assert!(metrics.bytes_sent.sum() <= 120 * (WORKERS * REQUESTS) as u64);
    });

    // The workers are gone. What they counted is not: copies belong to CPUs.
    for route in 0..routes.len() {
        assert_eq!(metrics.by_route.sum_item(route), (WORKERS * REQUESTS / routes.len()) as u64);
    }
    assert_eq!(metrics.bytes_sent.sum(), 120 * (WORKERS * REQUESTS) as u64);
    assert_eq!(metrics.in_flight.sum(), 0);
}

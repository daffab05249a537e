// SPDX-License-Identifier: MIT OR Apache-2.0
//! Contenders in short batches, in turn, so that all meet the same clock; medians.

use std::time::{Duration, Instant};

/// How long a batch is to take.
const BATCH: Duration = Duration::from_micros(200);

/// Batches of each contender.
const BATCHES: usize = 60;

/// Something to be measured: its name, and a function that does so many operations.
pub type Contender<'a> = (String, Box<dyn FnMut(u64) + 'a>);

/// Measures all of them, and prints a line for each: title, name, nanoseconds, with tabs between.
pub fn compare(title: &str, mut contenders: Vec<Contender<'_>>) {
    let mut batches: Vec<u64> = contenders.iter_mut().map(|it| batch_of(&mut it.1)).collect();
    let mut times = vec![Vec::with_capacity(BATCHES); contenders.len()];
    for _ in 0..BATCHES {
        for ((_, run), (nr, times)) in contenders.iter_mut().zip(batches.iter_mut().zip(&mut times))
        {
            let start = Instant::now();
            run(*nr);
            times.push(start.elapsed().as_nanos() as f64 / *nr as f64);
        }
    }
    for ((name, _), times) in contenders.iter().zip(times) {
        println!("{title}\t{name}\t{}", median(times));
    }
}

fn batch_of(run: &mut dyn FnMut(u64)) -> u64 {
    let mut nr = 1;
    loop {
        let start = Instant::now();
        run(nr);
        let took = start.elapsed();
        if took >= BATCH / 2 {
            return ((nr as f64 * BATCH.as_secs_f64() / took.as_secs_f64()) as u64).max(1);
        }
        nr *= 2;
    }
}

/// The time in the middle.
pub fn median(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}

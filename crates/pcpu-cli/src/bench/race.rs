// SPDX-License-Identifier: MIT OR Apache-2.0
//! Contenders on one thread, batch by batch in turn.

use std::time::{Duration, Instant};

use super::glibc::involuntary_switches;
use super::sample::{Sample, median};

/// How long a batch is to take: long against reading the clock, short against a time slice.
const BATCH: Duration = Duration::from_micros(300);

/// Batches of each contender at least, however long that takes.
const FEWEST: usize = 5;

/// Contenders, the first of them pcpu.
#[derive(Default)]
pub struct Race<'a> {
    lanes: Vec<Lane<'a>>,
}

struct Lane<'a> {
    name: String,
    /// Does so many operations.
    run: Box<dyn FnMut(u64) + 'a>,
    /// Operations of a batch.
    batch: u64,
    /// Nanoseconds of an operation, from each batch that nobody disturbed.
    times: Vec<f64>,
}

impl<'a> Race<'a> {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a contender that does as many operations as it is told.
    pub fn batches(mut self, name: impl Into<String>, run: impl FnMut(u64) + 'a) -> Self {
        let name = name.into();
        self.lanes.push(Lane { name, run: Box::new(run), batch: 1, times: Vec::new() });
        self
    }

    /// Adds a contender whose operation is called in a loop.
    pub fn each(self, name: impl Into<String>, mut operation: impl FnMut() + 'a) -> Self {
        self.batches(name, move |nr| (0..nr).for_each(|_| operation()))
    }

    /// Runs all of them for about so long, and returns the medians.
    pub fn run(mut self, budget: Duration) -> Sample {
        self.lanes.iter_mut().for_each(Lane::calibrate);
        let end = Instant::now() + budget;
        let nr_lanes = self.lanes.len();
        let mut round = 0;
        while Instant::now() < end || self.lanes.iter().any(|lane| lane.times.len() < FEWEST) {
            for place in 0..nr_lanes {
                // Everyone follows everyone else now and then.
                self.lanes[(place + round) % nr_lanes].measure();
            }
            round += 1;
        }
        let mut results = self.lanes.into_iter().map(|lane| (lane.name, median(&lane.times)));
        let (_, ours) = results.next().expect("pcpu itself");
        Sample { ours, peers: results.collect() }
    }
}

impl Lane<'_> {
    /// Finds out how many operations make a batch. That warms it up, too.
    fn calibrate(&mut self) {
        loop {
            let start = Instant::now();
            (self.run)(self.batch);
            let took = start.elapsed();
            if took >= BATCH / 2 {
                let scaled = self.batch as f64 * BATCH.as_secs_f64() / took.as_secs_f64();
                self.batch = (scaled as u64).max(1);
                return;
            }
            self.batch *= 2;
        }
    }

    fn measure(&mut self) {
        let before = involuntary_switches();
        let start = Instant::now();
        (self.run)(self.batch);
        let took = start.elapsed();
        if involuntary_switches() == before {
            self.times.push(took.as_nanos() as f64 / self.batch as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::thread::sleep;

    use super::*;

    #[test]
    fn contenders_are_told_apart_and_keep_their_order() {
        let us = |us| move |nr| sleep(Duration::from_micros(us) * nr as u32);
        let race = Race::new().batches("slow", us(2000)).batches("fast", us(500));
        let sample = race.run(Duration::from_millis(1));
        assert_eq!(sample.peers[0].0, "fast");
        assert!(sample.ratio() > 2.0, "{sample:?}");
    }

    #[test]
    fn an_operation_is_called_as_often_as_the_batch_says() {
        let calls = Cell::new(0);
        let mut race = Race::new().each("count", || calls.set(calls.get() + 1));
        (race.lanes[0].run)(7);
        drop(race);
        assert_eq!(calls.get(), 7);
    }

    #[test]
    fn a_batch_takes_about_as_long_as_it_should() {
        let mut race =
            Race::new().batches("nap", |nr| sleep(Duration::from_micros(10) * nr as u32));
        let lane = &mut race.lanes[0];
        lane.calibrate();
        let start = Instant::now();
        (lane.run)(lane.batch);
        let took = start.elapsed();
        assert!(took > BATCH / 20 && took < BATCH * 200, "{took:?}");
    }
}

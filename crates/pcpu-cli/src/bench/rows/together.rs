// SPDX-License-Identifier: MIT OR Apache-2.0
//! P1b: counting while a second thread, on another CPU, counts on the same counter.
//!
//! ```text
//!   this thread    batch alone │ batch together  │ batch alone │ ...
//!   the other        asleep    │ chunk chunk ... │   asleep    │
//! ```
//!
//! A batch counts only if the other thread had begun before it, and the system let it run until it
//! was told to stop: a second thread that was put away slows nobody down.

use std::error::Error;
use std::sync::Barrier;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use pcpu::PerCpu;

use super::super::Turn;
use super::super::duo::{pin, two_cpus};
use super::super::glibc::involuntary_switches;
use super::super::sample::{Sample, median};
use super::counters::{Line, own_line, this_cpu};

/// How long a batch takes.
const BATCH: Duration = Duration::from_micros(300);

/// Operations between two looks at what is wanted.
const CHUNK: u64 = 512;

/// What the other thread does when it does nothing, and when it ends.
const IDLE: usize = usize::MAX;
const OVER: usize = usize::MAX - 1;

/// Something that two threads do.
struct Lane<'a> {
    name: &'static str,
    run: &'a (dyn Fn(Thread, u64) + Sync),
    batch: u64,
    alone: Vec<f64>,
    together: Vec<f64>,
}

/// Which of the two.
#[derive(Clone, Copy)]
enum Thread {
    This,
    Other,
}

/// What the other thread is to do, and how much it did.
struct Orders {
    /// Both threads come here before the other one does anything, and when it has stopped.
    meet: Barrier,
    /// A lane as long as it is to do that, or what else it is to do.
    lane: CachePadded<AtomicUsize>,
    done: CachePadded<AtomicU64>,
    /// Whether the system let somebody else run on its CPU before it was told to stop.
    disturbed: AtomicBool,
}

/// P1b.
pub fn measure(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    let [here, there] = two_cpus()?;
    let counter = PerCpu::<AtomicU64>::zeroed()?;
    let lines: [Line; 2] = Default::default();
    let (shared, mutex) = (Line::default(), CachePadded::new(Mutex::new(0_u64)));
    let line = |thread| match thread {
        Thread::This => &*lines[0],
        Thread::Other => &*lines[1],
    };
    let ours = |_, nr| this_cpu(&counter, nr);
    let own = |thread, nr| own_line(line(thread), nr);
    let same = |_, nr| own_line(&shared, nr);
    let locked = |_, nr| (0..nr).for_each(|_| *mutex.lock() += 1);
    let mut lanes = [
        Lane::new("pcpu", &ours),
        Lane::new("own-line atomic add", &own),
        Lane::new("shared-line atomic add", &same),
        Lane::new("parking_lot::Mutex", &locked),
    ];
    let runs = lanes.each_ref().map(|lane| lane.run);
    let orders = Orders {
        meet: Barrier::new(2),
        lane: CachePadded::new(AtomicUsize::new(IDLE)),
        done: CachePadded::new(AtomicU64::new(0)),
        disturbed: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(there);
            obey(&orders, &runs);
        });
        pin(here);
        lanes.iter_mut().for_each(Lane::calibrate);
        let end = Instant::now() + turn.budget;
        // Where the two are hardly ever on their CPUs at once, what there is has to do.
        let last = end + 16 * turn.budget;
        while Instant::now() < end || (!enough(&lanes) && Instant::now() < last) {
            for (number, lane) in lanes.iter_mut().enumerate() {
                lane.measure(number, &orders);
            }
        }
        orders.lane.store(OVER, Release);
        orders.meet.wait();
    });
    if !enough(&lanes) {
        return Err("two threads were hardly ever on two CPUs at once".into());
    }
    let together = |lane: &Lane<'_>| median(&lane.together);
    let ours = together(&lanes[0]);
    let mut peers = vec![("pcpu, alone".to_owned(), median(&lanes[0].alone))];
    for lane in &lanes[1..] {
        peers.push((format!("{}, two threads", lane.name), together(lane)));
        peers.push((format!("{}, alone", lane.name), median(&lane.alone)));
    }
    Ok(Sample { ours, peers })
}

fn enough(lanes: &[Lane<'_>]) -> bool {
    lanes.iter().all(|lane| lane.alone.len() >= 5 && lane.together.len() >= 5)
}

/// The other thread. It sleeps until both are to start: sleepers are given a CPU soon.
fn obey(orders: &Orders, runs: &[&(dyn Fn(Thread, u64) + Sync)]) {
    loop {
        orders.meet.wait();
        let lane = orders.lane.load(Acquire);
        if lane == OVER {
            return;
        }
        let before = involuntary_switches();
        // It may have come too late.
        while lane != IDLE && orders.lane.load(Relaxed) == lane {
            runs[lane](Thread::Other, CHUNK);
            orders.done.fetch_add(CHUNK, Relaxed);
        }
        orders.disturbed.store(involuntary_switches() != before, Relaxed);
        orders.meet.wait();
    }
}

impl<'a> Lane<'a> {
    fn new(name: &'static str, run: &'a (dyn Fn(Thread, u64) + Sync)) -> Self {
        Self { name, run, batch: CHUNK, alone: Vec::new(), together: Vec::new() }
    }

    fn calibrate(&mut self) {
        loop {
            let start = Instant::now();
            (self.run)(Thread::This, self.batch);
            if start.elapsed() > BATCH {
                return;
            }
            self.batch *= 2;
        }
    }

    fn measure(&mut self, number: usize, orders: &Orders) {
        if let Some(ns) = self.timed() {
            self.alone.push(ns);
        }
        let before = orders.done.load(Relaxed);
        orders.lane.store(number, Release);
        orders.meet.wait();
        // Until the other has begun; or has not, for longer than it takes if it runs at all.
        let patience = Instant::now() + 10 * BATCH;
        while orders.done.load(Relaxed) == before && Instant::now() < patience {}
        let begun = orders.done.load(Relaxed);
        let timed = self.timed();
        orders.lane.store(IDLE, Release);
        orders.meet.wait();
        let both = begun > before && !orders.disturbed.load(Relaxed);
        if let Some(ns) = timed.filter(|_| both) {
            self.together.push(ns);
        }
    }

    /// A batch in nanoseconds an operation, unless the system let somebody else run.
    fn timed(&self) -> Option<f64> {
        let before = involuntary_switches();
        let start = Instant::now();
        (self.run)(Thread::This, self.batch);
        let took = start.elapsed();
        (involuntary_switches() == before).then(|| took.as_nanos() as f64 / self.batch as f64)
    }
}

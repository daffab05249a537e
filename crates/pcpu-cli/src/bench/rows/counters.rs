// SPDX-License-Identifier: MIT OR Apache-2.0
//! A counter: pcpu's, and the ways people make one without it.
//!
//! Each way is a function of its own, called with the counter and a number, and has the same loop.

use std::cell::Cell;
use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, compiler_fence};

use contatori::counters::unsigned::Unsigned;
use crossbeam_utils::CachePadded;
use fast_counter::ConcurrentCounter;
use parking_lot::Mutex;
use pcpu::{ConcurrencyId, PerCpu, Pool};
use thread_local::ThreadLocal;

use super::super::Turn;
use super::super::duo::pin_by_turn;
use super::super::glibc::current_cpu;
use super::super::race::Race;
use super::super::sample::Sample;

/// A word on cache lines of its own.
pub type Line = CachePadded<AtomicU64>;

/// P1.
pub fn add(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    pin_by_turn(turn.number);
    let counter = PerCpu::<AtomicU64>::zeroed()?;
    let (line, shared) = (Line::default(), [const { AtomicU64::new(0) }; 8]);
    let lines = lines();
    let (mutex, of_crate) = (CachePadded::new(Mutex::new(0)), ThreadLocal::new());
    let (fast, sharded) = (ConcurrentCounter::new(lines.len()), Unsigned::new());
    let race = Race::new()
        .batches("pcpu", |nr| this_cpu(&counter, nr))
        .batches("own-line atomic add", |nr| own_line(&line, nr))
        .batches("pcpu, its handle read anew", |nr| this_cpu_anew(&counter, nr))
        .batches("plain add", |nr| plain(&line, nr))
        .batches("shared-line atomic add", |nr| own_line(&shared[3], nr))
        .batches("thread_local! Cell", local_cell)
        .batches("atomics by sched_getcpu", |nr| by_getcpu(&lines, nr))
        .batches("atomics by thread (crossbeam-utils)", |nr| by_thread(&lines, nr))
        .batches("parking_lot::Mutex", |nr| locked(&mutex, nr))
        .batches("ThreadLocal<Cell> (thread_local)", |nr| local_of_crate(&of_crate, nr))
        .batches("ConcurrentCounter (fast-counter)", |nr| (0..nr).for_each(|_| fast.add(1)))
        .batches("Unsigned (contatori)", |nr| (0..nr).for_each(|_| sharded.add(1)));
    let sample = race.run(turn.budget);
    // The sum is what was counted, or nothing above means anything.
    assert!(counter.sum() > 0 && counter.iter().count() >= 1);
    Ok(sample)
}

/// The same on a pool whose copies go by concurrency id.
pub fn add_by_concurrency_id(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    pin_by_turn(turn.number);
    let pool = Pool::builder().index_by_concurrency_id().build()?;
    let by_id = PerCpu::<AtomicU64, ConcurrencyId>::zeroed_in(&pool)?;
    let counter = PerCpu::<AtomicU64>::zeroed()?;
    let line = Line::default();
    let race = Race::new()
        .batches("pcpu", |nr| this_id(&by_id, nr))
        .batches("own-line atomic add", |nr| own_line(&line, nr))
        .batches("pcpu, by CPU", |nr| this_cpu(&counter, nr));
    Ok(race.run(turn.budget))
}

/// As many padded words as there can be CPUs.
pub fn lines() -> Vec<Line> {
    let possible = crate::system::System::look().cpus.possible.unwrap_or(64);
    (0..possible.next_power_of_two()).map(|_| Line::default()).collect()
}

#[inline(never)]
pub fn this_cpu(counter: &PerCpu<AtomicU64>, nr: u64) {
    for _ in 0..nr {
        counter.this_cpu().add(1);
    }
}

#[inline(never)]
fn this_id(counter: &PerCpu<AtomicU64, ConcurrencyId>, nr: u64) {
    for _ in 0..nr {
        counter.this_cpu().add(1);
    }
}

/// The compiler does not know that it is the same counter each time.
#[inline(never)]
fn this_cpu_anew(counter: &PerCpu<AtomicU64>, nr: u64) {
    for _ in 0..nr {
        black_box(counter).this_cpu().add(1);
    }
}

#[inline(never)]
pub fn own_line(counter: &AtomicU64, nr: u64) {
    for _ in 0..nr {
        counter.fetch_add(1, Relaxed);
    }
}

/// A load and a store, which the compiler makes one instruction of: what an addition costs where
/// nobody else adds.
#[inline(never)]
fn plain(counter: &AtomicU64, nr: u64) {
    for _ in 0..nr {
        counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
    }
}

#[inline(never)]
fn local_cell(nr: u64) {
    thread_local! {
        static CELL: Cell<u64> = const { Cell::new(0) };
    }
    for _ in 0..nr {
        CELL.set(CELL.get().wrapping_add(1));
        // One addition each time, not one of `nr`.
        compiler_fence(Ordering::SeqCst);
    }
}

#[inline(never)]
fn by_getcpu(lines: &[Line], nr: u64) {
    for _ in 0..nr {
        let line = lines.get(current_cpu()).unwrap_or(&lines[0]);
        line.fetch_add(1, Relaxed);
    }
}

#[inline(never)]
fn by_thread(lines: &[Line], nr: u64) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: usize = NEXT.fetch_add(1, Relaxed);
    }
    for _ in 0..nr {
        MINE.with(|mine| lines[mine & (lines.len() - 1)].fetch_add(1, Relaxed));
    }
}

#[inline(never)]
fn locked(counter: &Mutex<u64>, nr: u64) {
    for _ in 0..nr {
        *counter.lock() += 1;
    }
}

#[inline(never)]
fn local_of_crate(counter: &ThreadLocal<Cell<u64>>, nr: u64) {
    for _ in 0..nr {
        let cell = counter.get_or_default();
        cell.set(cell.get().wrapping_add(1));
        compiler_fence(Ordering::SeqCst);
    }
}

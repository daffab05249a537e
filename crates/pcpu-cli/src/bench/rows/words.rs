// SPDX-License-Identifier: MIT OR Apache-2.0
//! Other operations on a word, beside the atomic instruction of the same meaning.

use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use pcpu::PerCpu;

use super::super::Turn;
use super::super::duo::pin_by_turn;
use super::super::glibc::current_cpu;
use super::super::race::Race;
use super::super::sample::Sample;
use super::counters::{Line, lines};

/// Reading.
pub fn read(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    let (word, line) = word(turn)?;
    let lines = lines();
    let race = Race::new()
        .batches("pcpu", |nr| {
            for _ in 0..nr {
                black_box(word.this_cpu().read());
            }
        })
        .batches("atomic load", |nr| {
            for _ in 0..nr {
                black_box(line.load(Relaxed));
            }
        })
        .batches("atomic load by sched_getcpu", |nr| {
            for _ in 0..nr {
                black_box(lines.get(current_cpu()).unwrap_or(&lines[0]).load(Relaxed));
            }
        });
    Ok(race.run(turn.budget))
}

/// Exchanging.
pub fn exchange(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    let (word, line) = word(turn)?;
    let race = Race::new()
        .batches("pcpu", |nr| {
            let mut value = 0;
            for _ in 0..nr {
                value = word.this_cpu().xchg(value + 1);
            }
        })
        .batches("own-line atomic swap", |nr| {
            let mut value = 0;
            for _ in 0..nr {
                value = line.swap(value + 1, Relaxed);
            }
        });
    Ok(race.run(turn.budget))
}

/// Comparing and exchanging, which succeeds nearly every time.
pub fn compare_exchange(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    let (word, line) = word(turn)?;
    let race = Race::new()
        .batches("pcpu", |nr| {
            let mut seen = word.this_cpu().read();
            for _ in 0..nr {
                seen = match word.this_cpu().cmpxchg(seen, seen + 1) {
                    Ok(_) => seen + 1,
                    Err(other) => other,
                };
            }
        })
        .batches("own-line atomic compare_exchange", |nr| {
            let mut seen = line.load(Relaxed);
            for _ in 0..nr {
                seen = match line.compare_exchange(seen, seen + 1, Relaxed, Relaxed) {
                    Ok(_) => seen + 1,
                    Err(other) => other,
                };
            }
        });
    Ok(race.run(turn.budget))
}

fn word(turn: Turn) -> Result<(PerCpu<AtomicU64>, Line), Box<dyn Error>> {
    pin_by_turn(turn.number);
    Ok((PerCpu::zeroed()?, Line::default()))
}

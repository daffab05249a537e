// SPDX-License-Identifier: MIT OR Apache-2.0
//! `PerCpu::with`, for values that are no atomics: a lock per CPU that is rarely contended.

use std::cell::Cell;
use std::error::Error;

use pcpu::PerCpu;

use super::super::Turn;
use super::super::duo::pin_by_turn;
use super::super::race::Race;
use super::super::sample::Sample;

/// An addition under the lock.
pub fn measure(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    pin_by_turn(turn.number);
    let value = PerCpu::new(Cell::new(0_u64))?;
    let parking_lot = parking_lot::Mutex::new(0_u64);
    let std = std::sync::Mutex::new(0_u64);
    let race = Race::new()
        .each("pcpu", || value.with(|cell| cell.set(cell.get() + 1)))
        .each("parking_lot::Mutex", || *parking_lot.lock() += 1)
        .each("std::sync::Mutex", || {
            *std.lock().expect("nobody panics with it") += 1;
        });
    Ok(race.run(turn.budget))
}

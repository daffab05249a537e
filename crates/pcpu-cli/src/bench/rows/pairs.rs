// SPDX-License-Identifier: MIT OR Apache-2.0
//! P2, P3: an allocation and its free, zeroed, on few and on many CPUs.
//!
//! More CPUs than the machine has are a layout of addresses: units that are backed, zeroed and
//! given back like others, and that no thread runs on.

use std::error::Error;
use std::sync::atomic::AtomicU64;

use pcpu::{Allocator, Config, PerCpu, Request};
use pcpu_linux::Linux;

use super::super::Turn;
use super::super::duo::{self, pin};
use super::super::glibc::Block;
use super::super::race::Race;
use super::super::sample::Sample;

/// Bytes of an item.
const SIZE: usize = 16;

/// Bytes of a cache line: what items of one CPU are kept apart by, without pcpu.
const LINE: usize = 64;

/// P2.
pub fn two_cpus(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    let cpus = attach_two()?;
    pin(cpus[turn.number % 2]);
    let core = pool(2, 2)?;
    let race = Race::new()
        .batches("pcpu", pair)
        .each("malloc + free, 16 bytes", || drop(Block::new(SIZE)))
        .each("calloc + free, 2 x 16 bytes", || drop(Block::zeroed(2, SIZE)))
        .each("calloc + free, 2 lines", || drop(Block::zeroed(2, LINE)))
        .batches("pcpu's allocator alone", |nr| core_pair(&core, nr));
    Ok(race.run(turn.budget))
}

/// P3, where nobody has run on most of the CPUs.
pub fn many_possible(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    duo::pin_by_turn(turn.number);
    let (few, some, many) = (pool(2, 2)?, pool(64, 2)?, pool(512, 2)?);
    let race = Race::new()
        .batches("pcpu", |nr| core_pair(&many, nr))
        .batches("pcpu, 2 CPUs", |nr| core_pair(&few, nr))
        .batches("pcpu, 64 CPUs, 2 used", |nr| core_pair(&some, nr))
        .each("malloc + free, 16 bytes", || drop(Block::new(SIZE)))
        .each("calloc + free, 512 lines", || drop(Block::zeroed(512, LINE)));
    Ok(race.run(turn.budget))
}

/// P3, where every CPU's copy has to be zeroed.
pub fn many_used(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    duo::pin_by_turn(turn.number);
    let (few, some, many) = (pool(2, 2)?, pool(64, 64)?, pool(512, 512)?);
    let race = Race::new()
        .batches("pcpu", |nr| core_pair(&many, nr))
        .batches("pcpu, 2 CPUs", |nr| core_pair(&few, nr))
        .batches("pcpu, 64 CPUs, all used", |nr| core_pair(&some, nr))
        .each("malloc + free, 16 bytes", || drop(Block::new(SIZE)))
        .each("calloc + free, 512 x 16 bytes", || drop(Block::zeroed(512, SIZE)))
        .each("calloc + free, 512 lines", || drop(Block::zeroed(512, LINE)));
    Ok(race.run(turn.budget))
}

/// Uses the process's pool on two CPUs, so that it has copies there, and returns them.
pub fn attach_two() -> Result<[usize; 2], Box<dyn Error>> {
    let cpus = duo::two_cpus()?;
    let counter = PerCpu::<AtomicU64>::zeroed()?;
    for cpu in cpus {
        pin(cpu);
        counter.this_cpu().add(1);
    }
    Ok(cpus)
}

/// Pairs of the process's pool, as a program makes them.
#[inline(never)]
pub fn pair(nr: u64) {
    for _ in 0..nr {
        drop(item());
    }
}

/// An item of the process's pool.
pub fn item() -> PerCpu<[u8; SIZE]> {
    PerCpu::zeroed().expect("memory for an item")
}

/// A pool with so many CPUs, the first of which are attached.
fn pool(possible: u32, attached: u32) -> Result<Allocator<Linux>, Box<dyn Error>> {
    let machine = Linux::builder().cpus(possible).build()?;
    let config =
        Config { min_unit_size: 64 << 10, ..Config::linux(pcpu_linux::system_page_size()) };
    let is_attached = |cpu: pcpu::layout::CpuId| cpu.get() < attached;
    Ok(Allocator::new_paged_with_attached(machine, &config, &[], is_attached)?)
}

#[inline(never)]
fn core_pair(pool: &Allocator<Linux>, nr: u64) {
    for _ in 0..nr {
        let cookie = pool.alloc(Request::new(SIZE, 8)).expect("memory for an item");
        pool.free(cookie).expect("it is alive");
        if pool.balance_wanted() {
            pool.balance();
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! P9: more CPUs than any machine has, in the simulator. Every byte goes through its page tables, so
//! times are large; their ratio is what counts.

use std::error::Error;

use pcpu::layout::CpuId;
use pcpu::{Allocator, Config, Request};
use pcpu_sim::{Machine, Smp};

use super::super::Turn;
use super::super::duo::pin_by_turn;
use super::super::race::Race;
use super::super::sample::Sample;

/// CPUs of the large machine.
const MANY: u32 = 8192;

/// Frames, and pages of addresses: as many as there can be.
const PAGES: usize = 1 << 31;

/// P9, where nobody has run on most of the CPUs.
pub fn many_possible(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    against_two(turn, 2)
}

/// P9, where every copy has to be zeroed.
pub fn many_used(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    against_two(turn, MANY)
}

fn against_two(turn: Turn, attached: u32) -> Result<Sample, Box<dyn Error>> {
    pin_by_turn(turn.number);
    let (many, two) = (pool(MANY, attached)?, pool(2, 2)?);
    let race =
        Race::new().each("pcpu", || pair(&many)).each("pcpu, 2 simulated CPUs", || pair(&two));
    Ok(race.run(turn.budget))
}

fn pool(possible: u32, attached: u32) -> Result<Allocator<Smp>, Box<dyn Error>> {
    let machine = Machine::builder().cpus(possible).frames_per_node(PAGES).address_space(PAGES);
    let config = Config { min_unit_size: 64 << 10, ..Config::default() };
    let is_attached = |cpu: CpuId| cpu.get() < attached;
    let machine = machine.build().smp();
    Ok(Allocator::new_paged_with_attached(machine, &config, &[], is_attached)?)
}

fn pair(pool: &Allocator<Smp>) {
    let cookie = pool.alloc(Request::new(16, 8)).expect("memory for an item");
    pool.free(cookie).expect("it is alive");
    if pool.balance_wanted() {
        pool.balance();
    }
}

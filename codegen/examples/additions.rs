// SPDX-License-Identifier: MIT OR Apache-2.0
//! Adds so many times to the running CPU's copy: `additions 1000`. For tools that count instructions,
//! which look at the difference of two runs: `cargo xtask callgrind` does.

use std::sync::atomic::AtomicU64;

use pcpu::PerCpu;

#[inline(never)]
fn add_loop(counter: &PerCpu<AtomicU64>, nr: u64) {
    for _ in 0..nr {
        counter.this_cpu().add(1);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let nr = std::env::args().nth(1).map_or(Ok(1000), |word| word.parse())?;
    let counter = PerCpu::<AtomicU64>::zeroed()?;
    add_loop(&counter, nr);
    assert_eq!(counter.sum(), nr);
    Ok(())
}

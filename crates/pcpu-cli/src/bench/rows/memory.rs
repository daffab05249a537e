// SPDX-License-Identifier: MIT OR Apache-2.0
//! P5: what an item takes of memory, everything included but the handle that the program holds.
//!
//! Resident memory is what the kernel says of the process before and after. A hundred thousand items
//! are made and touched on every CPU; handles lie in memory that was there before.

use std::error::Error;
use std::fs;
use std::hint::black_box;

use pcpu::PerCpu;

use super::super::Turn;
use super::super::duo::pin;
use super::super::glibc::Block;
use super::super::sample::Sample;
use crate::system::allowed_cpus;

/// How many items.
const ITEMS: usize = 100_000;

/// CPUs that use them at most: so that a large machine needs no gigabytes.
const MOST_CPUS: usize = 8;

/// Bytes an item of `SIZE` bytes on each CPU.
pub fn items<const SIZE: usize>(_: Turn) -> Result<Sample, Box<dyn Error>> {
    let mut cpus = allowed_cpus().unwrap_or_default();
    cpus.truncate(MOST_CPUS);
    let nr_cpus = cpus.len();

    // The pool, with its first pages on each of the CPUs, is there before, and not counted.
    let mark = PerCpu::<[u8; SIZE]>::new([7; SIZE])?;
    on_each(&cpus, || mark.with(|copy| assert_eq!(copy, &[7; SIZE])));
    let ours = growth(|| PerCpu::<[u8; SIZE]>::zeroed().ok(), |item| touch(item, &cpus))?;

    let lines = SIZE.div_ceil(64);
    let heap = growth(|| Some(Block::written(nr_cpus * SIZE)), |_| ())?;
    let padded = growth(|| Some(Block::written_lines(nr_cpus * lines)), |_| ())?;
    let peers = [
        ("ideal: a copy a CPU", (nr_cpus * SIZE) as f64),
        ("malloc of all copies", heap),
        ("the same, a line a CPU", padded),
    ];
    let peers = peers.map(|(name, value)| (name.to_owned(), value));
    Ok(Sample { ours, peers: peers.into() })
}

fn on_each(cpus: &[usize], body: impl Fn()) {
    for &cpu in cpus {
        pin(cpu);
        body();
    }
}

/// Reads an item's every copy: nothing but zeros, in memory of its own.
fn touch<const SIZE: usize>(item: &PerCpu<[u8; SIZE]>, cpus: &[usize]) {
    let copies = item.iter().filter(|(_, copy)| **copy == [0; SIZE]).count();
    assert!(copies >= cpus.len(), "each CPU has a copy, and it is zero");
}

/// Makes the items, and returns by how much the process grew for each. They stay alive: what comes
/// afterwards does not get their memory.
fn growth<T>(
    mut make: impl FnMut() -> Option<T>,
    check: impl Fn(&T),
) -> Result<f64, Box<dyn Error>> {
    let mut items: Vec<Option<T>> = (0..ITEMS).map(|_| None).collect();
    // Written to, so that it is there: the compiler may have asked for zeros.
    items.iter_mut().for_each(|item| *black_box(item) = None);
    let before = resident()?;
    for item in &mut items {
        *item = Some(make().ok_or("no memory for an item")?);
    }
    let after = resident()?;
    items.iter().flatten().for_each(check);
    std::mem::forget(items);
    Ok(after.saturating_sub(before) as f64 / ITEMS as f64)
}

/// Bytes of memory that the process uses, its share of what it shares.
fn resident() -> Result<u64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/self/smaps_rollup")?;
    Ok(field(&text, "Pss:").ok_or("/proc/self/smaps_rollup has no line Pss")? * 1024)
}

fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_memory_is_read() {
        let text = "5581-5582 ---p 00000000 00:00 0 [rollup]\nRss:  99 kB\nPss:      1234 kB\n";
        assert_eq!((field(text, "Pss:"), field(text, "Swap:")), (Some(1234), None));
        assert!(resident().unwrap() > 0);
    }
}

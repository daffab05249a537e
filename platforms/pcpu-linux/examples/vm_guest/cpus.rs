// SPDX-License-Identifier: MIT OR Apache-2.0
//! The CPUs: how many there are, and threads that stay on theirs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// Additions of each thread.
const ADDITIONS: u64 = 20_000;

/// How many CPUs there are to run on.
pub fn online() -> Result<String, String> {
    let cpus = allowed()?;
    Ok(format!("{} online: {cpus:?}", cpus.len()))
}

/// A thread on each CPU adds to one number, all at once: none is lost, and each thread stays on
/// the CPU that it was bound to.
pub fn pinned() -> Result<String, String> {
    let cpus = allowed()?;
    let counter = AtomicU64::new(0);
    thread::scope(|scope| {
        let sum = &counter;
        let threads: Vec<_> =
            cpus.iter().map(|cpu| scope.spawn(move || add_on(*cpu, sum))).collect();
        let panicked = |_| Err("a thread panicked".to_owned());
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(panicked))
    })?;
    let (counted, made) = (counter.into_inner(), ADDITIONS * cpus.len() as u64);
    if counted == made {
        Ok(format!("{made} additions on {} CPUs", cpus.len()))
    } else {
        Err(format!("{made} additions were made, {counted} were counted"))
    }
}

fn add_on(cpu: usize, sum: &AtomicU64) -> Result<(), String> {
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).map_err(|error| format!("CPU {cpu}: {error}"))?;
    for _ in 0..ADDITIONS {
        sum.fetch_add(1, Ordering::Relaxed);
        let found = sched_getcpu();
        if found != cpu {
            return Err(format!("a thread that was bound to CPU {cpu} ran on {found}"));
        }
    }
    Ok(())
}

/// The CPUs that this process may run on.
fn allowed() -> Result<Vec<usize>, String> {
    let set = sched_getaffinity(None).map_err(|error| format!("sched_getaffinity: {error}"))?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
}

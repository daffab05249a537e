// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last way out: to go to a CPU that has a copy, for the length of one operation.
//!
//! Needed where a signal handler has interrupted the allocator on its own thread, on a CPU that was
//! never used before: memory for that CPU cannot be had then. System calls can be made in handlers.

/// While it lives, the thread may run only on CPUs that have a copy.
#[derive(Debug)]
pub(super) struct Hop {
    #[cfg(target_os = "linux")]
    before: rustix::thread::CpuSet,
}

impl Hop {
    /// Goes to one of the CPUs, if the system lets the thread.
    #[cfg(sequences)]
    pub(super) fn to_one_of(cpus: impl Iterator<Item = u32>) -> Option<Self> {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

        let before = sched_getaffinity(None).ok()?;
        let mut set = CpuSet::new();
        cpus.filter(|&cpu| (cpu as usize) < CpuSet::MAX_CPU).for_each(|cpu| set.set(cpu as usize));
        sched_setaffinity(None, &set).ok()?;
        Some(Self { before })
    }
}

#[cfg(target_os = "linux")]
impl Drop for Hop {
    fn drop(&mut self) {
        // The set that was in force. Refused only if the system took those CPUs away meanwhile, and
        // then it has chosen others by itself.
        let _ = rustix::thread::sched_setaffinity(None, &self.before);
    }
}

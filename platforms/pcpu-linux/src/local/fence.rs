// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting until nobody is in a sequence any more that began before.
//!
//! Whoever takes a copy out of its table, or changes a pointer that sequences follow, and then
//! fences, knows afterwards: no sequence that saw the old will commit. The system call
//! `membarrier` aborts sequences on other CPUs; where it is missing or refused, a visit to each CPU
//! does the same, because whoever ran there was preempted for it.
//!
//! # Cost
//! Half a microsecond where no other thread of the process runs, ten where one does (x86-64, Linux
//! 6.18, 2 CPUs); a visit to every CPU is a thousand times that.

use core::error::Error;
use core::fmt;

/// Whose sequences are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Those on every CPU.
    All,
    /// Those on one CPU. Only where copies are indexed by CPU; a number that no CPU has, or an
    /// offline one, is no error.
    Cpu(u32),
}

/// The fence could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FenceError {
    /// The kernel has no `membarrier` for sequences, and the thread may not run on this CPU.
    Unreachable {
        /// The CPU.
        cpu: u32,
    },
    /// There is no `membarrier` for sequences, and nothing to visit: the kernel does not say where a
    /// thread may run.
    Refused,
}

impl fmt::Display for FenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { cpu } => write!(
                f,
                "no membarrier for restartable sequences (Linux 5.10), and CPU {cpu} may not be visited"
            ),
            Self::Refused => f.write_str(
                "no membarrier for restartable sequences (Linux 5.10), and no CPU may be visited",
            ),
        }
    }
}

impl Error for FenceError {}

/// Returns when every sequence of another thread that was running at the call has been committed or
/// aborted, on the CPUs of `target`. Orders memory as a sequentially consistent fence on both sides.
///
/// In fallback mode there are no sequences, and operations that have found their copy go on: there
/// this is a fence of memory alone.
///
/// # Context
/// May sleep. Usable in signal handlers.
///
/// # Errors
/// [`FenceError`].
pub fn fence(target: Target) -> Result<(), FenceError> {
    core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
    #[cfg(sequences)]
    if let Some(super::Mode::Sequences(_)) = super::mode::decided() {
        return linux::fence(target);
    }
    let _ = target;
    Ok(())
}

/// Asks for fences, once for the process: with many threads the first takes milliseconds.
#[cfg(sequences)]
pub(super) fn prepare() {
    linux::prepare();
}

#[cfg(sequences)]
mod linux {
    #![allow(unsafe_code)]

    use rustix::io::Errno;
    use rustix::thread::{
        CpuSet, Cpuid, MembarrierCommand, membarrier, membarrier_cpu, sched_getaffinity,
        sched_setaffinity,
    };

    use super::{FenceError, Target};

    pub(super) fn prepare() {
        // Where it is missing, `fence` finds out.
        let _ = membarrier(MembarrierCommand::RegisterPrivateExpeditedRseq);
    }

    pub(super) fn fence(target: Target) -> Result<(), FenceError> {
        let barrier = || match target {
            Target::All => membarrier(MembarrierCommand::PrivateExpeditedRseq),
            Target::Cpu(cpu) => {
                // SAFETY: it is unsafe lest numbers be made up where they matter; the kernel takes any.
                let cpu = unsafe { Cpuid::from_raw(cpu) };
                membarrier_cpu(MembarrierCommand::PrivateExpeditedRseq, cpu)
            }
        };
        match barrier() {
            Ok(()) => Ok(()),
            Err(Errno::PERM) => {
                prepare();
                barrier().or_else(|_| visit(target))
            }
            Err(_) => visit(target),
        }
    }

    /// Runs on each CPU of the target, once.
    pub(super) fn visit(target: Target) -> Result<(), FenceError> {
        let before = sched_getaffinity(None).map_err(|_| FenceError::Refused)?;
        let result = match target {
            Target::Cpu(cpu) => visit_one(cpu),
            Target::All => visit_all(),
        };
        let _ = sched_setaffinity(None, &before);
        result
    }

    /// Other threads may be on any CPU that the process may use, whatever this one's set is.
    fn visit_all() -> Result<(), FenceError> {
        let mut all = CpuSet::new();
        (0..CpuSet::MAX_CPU).for_each(|cpu| all.set(cpu));
        sched_setaffinity(None, &all).map_err(|_| FenceError::Refused)?;
        // The kernel has taken out what is not allowed.
        let allowed = sched_getaffinity(None).map_err(|_| FenceError::Refused)?;
        (0..CpuSet::MAX_CPU)
            .filter(|&cpu| allowed.is_set(cpu))
            .try_for_each(|cpu| visit_one(cpu as u32))
    }

    fn visit_one(cpu: u32) -> Result<(), FenceError> {
        let mut only = CpuSet::new();
        if cpu as usize >= CpuSet::MAX_CPU {
            return Err(FenceError::Unreachable { cpu });
        }
        only.set(cpu as usize);
        match sched_setaffinity(None, &only) {
            // The call returns on that CPU.
            Ok(()) => Ok(()),
            // Offline, or taken out of the set since: nobody runs there.
            Err(Errno::INVAL) => Ok(()),
            Err(_) => Err(FenceError::Unreachable { cpu }),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_visit_leaves_the_thread_where_it_may_have_been() {
            let before = sched_getaffinity(None).unwrap();
            visit(Target::All).unwrap();
            visit(Target::Cpu(0)).unwrap();
            assert_eq!(sched_getaffinity(None).unwrap(), before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RS-11.
    #[test]
    fn fencing_a_cpu_that_is_not_there_succeeds() {
        super::super::mode();
        assert_eq!(fence(Target::All), Ok(()));
        assert_eq!(fence(Target::Cpu(0)), Ok(()));
        assert_eq!(fence(Target::Cpu(4000)), Ok(()));
    }
}

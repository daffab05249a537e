// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine: CPUs that are numbers, and what all handles to it share.

use core::fmt;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard, RawMutex};
use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, NodeId, PageCount};
use pcpu_platform::{Cpus, Observer, Platform, SmpNoMmu};

use super::book::Book;
use super::thread;
use crate::pins::Pins;
use crate::{BuildError, MAX_CPUS};

/// Any program with the standard library as a machine with several CPUs and no MMU: the km back end,
/// over memory from the program's heap.
///
/// For systems that this crate does not know better. What it cannot ask the system, it does without:
/// - *CPUs* are numbers. As many are possible as threads may run at once when it is made, and each
///   thread stands for one of them, always the same. Threads that run on one processor in turns may
///   have two copies, and two that run at once may share one, under its lock.
/// - *Nodes* are unknown, and all CPUs near each other.
/// - *Pages* have 4096 bytes, which is the pool's own measure and nothing of the system's. A run is
///   one allocation of the heap, and goes back with its last page. The system may not have given
///   it memory yet: whether there is enough for what a program was promised is the system's affair.
///
/// Cloning is cheap and gives a handle to the same machine. Runs that were not given back when the
/// last handle goes stay allocated.
///
/// # Examples
/// ```
/// use pcpu_layout::geometry::Topology;
/// use pcpu_linux::{BuildError, Portable};
///
/// assert_eq!(Portable::with_cpus(4)?.nr_cpu_ids(), 4);
/// let refused = Portable::with_cpus(0).unwrap_err();
/// assert_eq!(refused.to_string(), "0 CPUs were asked for, 1 to 65536 are possible");
/// # Ok::<(), BuildError>(())
/// ```
///
/// It has no [`Mapper`](pcpu_platform::Mapper):
/// ```compile_fail,E0277
/// fn wants_mapper<P: pcpu_platform::Mapper>(_: P) {}
/// wants_mapper(pcpu_linux::Portable::new());
/// ```
#[derive(Clone)]
pub struct Portable {
    shared: Arc<Shared>,
}

/// What all handles share.
struct Shared {
    /// At least 1.
    nr_cpus: u32,
    book: Mutex<Book>,
    pins: Pins,
}

impl Portable {
    /// Makes a machine with as many CPUs as threads may run at once, as far as the system says; one
    /// if it does not.
    pub fn new() -> Self {
        let running = std::thread::available_parallelism().map_or(1, usize::from);
        Self::of(u32::try_from(running).unwrap_or(MAX_CPUS).min(MAX_CPUS))
    }

    /// Makes a machine with `nr_cpus` CPUs, numbered from 0.
    ///
    /// # Errors
    /// [`BuildError::Cpus`] if there are none, or more than 65,536.
    pub fn with_cpus(nr_cpus: u32) -> Result<Self, BuildError> {
        if nr_cpus == 0 || nr_cpus > MAX_CPUS {
            return Err(BuildError::Cpus { asked: nr_cpus, most: MAX_CPUS });
        }
        Ok(Self::of(nr_cpus))
    }

    /// Returns how many pages were taken and not given back.
    pub fn pages_in_use(&self) -> PageCount {
        self.book().nr_out()
    }

    /// Returns how many bytes of the heap its runs are. Pages that came back are counted as long as
    /// another page of their run is in use.
    pub fn heap_bytes(&self) -> usize {
        self.book().heap_bytes()
    }

    fn of(nr_cpus: u32) -> Self {
        let (book, pins) = (Mutex::default(), Pins::new(nr_cpus));
        Self { shared: Arc::new(Shared { nr_cpus, book, pins }) }
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.shared.book.lock()
    }

    pub(super) fn pins(&self) -> &Pins {
        &self.shared.pins
    }

    /// Returns the CPU that the caller's thread stands for, pinned or not.
    pub(super) fn running(&self) -> CpuId {
        CpuId::new(thread::number() % self.shared.nr_cpus)
    }
}

impl Default for Portable {
    fn default() -> Self {
        Self::new()
    }
}

impl Platform for Portable {
    type Cell = SmpNoMmu;
    type PagesLock = RawMutex;
    type IndexLock = RawMutex;
}

impl Topology for Portable {
    fn nr_cpu_ids(&self) -> u32 {
        self.shared.nr_cpus
    }

    fn is_possible(&self, cpu: CpuId) -> bool {
        cpu.get() < self.shared.nr_cpus
    }

    fn node_of(&self, _cpu: CpuId) -> Option<NodeId> {
        None
    }

    fn is_local(&self, _from: CpuId, _to: CpuId) -> bool {
        true
    }
}

impl Cpus for Portable {
    /// A number that stands for a CPU, and for no processor: the calling thread's own. They are
    /// handed out in turn, at a thread's first call, and begin again after the last CPU.
    fn current(&self) -> CpuId {
        self.pins().pinned_to().unwrap_or_else(|| self.running())
    }
}

impl Observer for Portable {}

impl fmt::Debug for Portable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portable")
            .field("nr_cpus", &self.shared.nr_cpus)
            .field("pages_in_use", &self.pages_in_use())
            .finish_non_exhaustive()
    }
}

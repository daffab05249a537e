// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attached CPUs: those whose units may hold data.
//!
//! Backing, returning and zeroing are done for attached CPUs, never for "all": a CPU that is
//! possible and never came online costs address space only. The set is a list that grows at its
//! end, so that work is proportional to the CPUs in it and readers need no lock.
//!
//! # Invariants
//! - **A1** a CPU is on the list only once every page that is backed in an attached unit is backed
//!   in its unit too, and all its memory that is not in an area reads zero.
//!
//! See docs/decisions/0004-attached-cpus.md.

use pcpu_layout::CpuId;
use portable_atomic::{AtomicU32, AtomicUsize, Ordering};

/// The list of attached CPUs.
#[derive(Debug)]
pub(crate) struct Attached {
    /// Room for every possible CPU; the first `len` are attached.
    cpus: &'static [AtomicU32],
    len: AtomicUsize,
}

impl Attached {
    /// Makes an empty list over room for every possible CPU.
    pub(crate) const fn new(cpus: &'static [AtomicU32]) -> Self {
        Self { cpus, len: AtomicUsize::new(0) }
    }

    /// Lists the attached CPUs in the order in which they were attached.
    #[inline]
    pub(crate) fn iter(
        &self,
    ) -> impl ExactSizeIterator<Item = CpuId> + DoubleEndedIterator + Clone + '_ {
        let attached = &self.cpus[..self.len()];
        attached.iter().map(|cpu| CpuId::new(cpu.load(Ordering::Relaxed)))
    }

    /// Number of attached CPUs.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Adds a CPU for which A1 holds. Needs the *pages* lock, or nobody else knowing the list.
    pub(crate) fn push(&self, cpu: CpuId) {
        let len = self.len();
        self.cpus[len].store(cpu.get(), Ordering::Relaxed);
        self.len.store(len + 1, Ordering::Release);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processors: which are possible, how far apart, and which one is running this.

use pcpu_layout::CpuId;
use pcpu_layout::geometry::Topology;

/// The processors of a machine.
///
/// The answers of [`Topology`] must not change while an allocator lives: a possible CPU is one
/// that may *ever* come online.
pub trait Cpus: Topology {
    /// Returns the CPU that runs the caller. Unless the caller is pinned, it may be another
    /// one by the time the answer is used.
    fn current(&self) -> CpuId;
}

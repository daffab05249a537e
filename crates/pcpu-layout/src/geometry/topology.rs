// SPDX-License-Identifier: MIT OR Apache-2.0
//! What geometry asks about a machine: which CPUs may ever exist, and which are near each other.

use crate::{CpuId, NodeId};

/// The CPUs of a machine, or whatever else a pool has copies for.
///
/// Answers must stay the same for the life of a pool. A wrong answer costs memory or a refused
/// set-up, never soundness: [`Geometry::check`](super::Geometry::check) asks again.
pub trait Topology {
    /// Returns one past the highest possible id.
    fn nr_cpu_ids(&self) -> u32;

    /// Says whether `cpu` may ever run. Ids may have gaps; an id that is not below
    /// [`nr_cpu_ids`](Self::nr_cpu_ids) is not possible.
    fn is_possible(&self, cpu: CpuId) -> bool;

    /// Returns the memory node nearest to `cpu`, or `None` if that is unknown.
    fn node_of(&self, cpu: CpuId) -> Option<NodeId> {
        let _ = cpu;
        None
    }

    /// Says whether memory near `to` is at exactly the local distance from `from`.
    ///
    /// Two CPUs share a group if this holds in both directions. Machines without memory nodes
    /// keep the default and get one group.
    fn is_local(&self, from: CpuId, to: CpuId) -> bool {
        let _ = (from, to);
        true
    }
}

impl<T: Topology + ?Sized> Topology for &T {
    fn nr_cpu_ids(&self) -> u32 {
        (**self).nr_cpu_ids()
    }

    fn is_possible(&self, cpu: CpuId) -> bool {
        (**self).is_possible(cpu)
    }

    fn node_of(&self, cpu: CpuId) -> Option<NodeId> {
        (**self).node_of(cpu)
    }

    fn is_local(&self, from: CpuId, to: CpuId) -> bool {
        (**self).is_local(from, to)
    }
}

/// Lists the possible CPUs in ascending order.
pub(super) fn possible<T: Topology + ?Sized>(topology: &T) -> impl Iterator<Item = CpuId> {
    possible_from(topology, CpuId::new(0))
}

/// Lists the possible CPUs from `first` on, in ascending order.
pub(super) fn possible_from<T: Topology + ?Sized>(
    topology: &T,
    first: CpuId,
) -> impl Iterator<Item = CpuId> {
    (first.get()..topology.nr_cpu_ids()).map(CpuId::new).filter(|&cpu| topology.is_possible(cpu))
}

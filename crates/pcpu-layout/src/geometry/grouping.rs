// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which CPUs share a group: those at local distance from the group's first, both ways.
//!
//! Distance is compared with the first CPU only, so the outcome depends on the numbering; it is
//! the kernel's rule, and a machine whose nodes are proper cliques does not notice.

use super::error::{GeometryError, StoragePart};
use super::plan::Setup;
use super::storage::{Group, Placement};
use super::topology::{self, Topology};
use crate::CpuId;

/// Assigns every possible CPU to a group and returns the number of groups.
///
/// `cpus` must have an entry for each CPU id. Fills in the groups' first CPU and CPU count.
pub(super) fn group_cpus<T: Topology + ?Sized>(
    setup: Setup,
    topology: &T,
    cpus: &mut [Placement],
    groups: &mut [Group],
) -> Result<usize, GeometryError> {
    cpus.fill(Placement::NONE);
    let mut nr_groups = 0;
    for first in topology::possible(topology) {
        if cpus[first.index()] != Placement::NONE {
            continue;
        }
        let lent = groups.len();
        let group = groups.get_mut(nr_groups).ok_or(GeometryError::StorageTooSmall {
            part: StoragePart::Groups,
            needed: nr_groups as u64 + 1,
            lent,
        })?;
        let mut nr_cpus = 0;
        for other in topology::possible_from(topology, first) {
            let free = cpus[other.index()] == Placement::NONE;
            // The first CPU is its own neighbour even on a machine that denies it.
            if free && (other == first || are_near(setup, topology, first, other)) {
                cpus[other.index()] = Placement::in_group(nr_groups as u32);
                nr_cpus += 1;
            }
        }
        *group = Group { first_cpu: first, nr_cpus, ..Group::default() };
        nr_groups += 1;
    }
    Ok(nr_groups)
}

/// Only the embed set-up spreads over nodes; the others have one group by definition.
fn are_near<T: Topology + ?Sized>(setup: Setup, topology: &T, one: CpuId, other: CpuId) -> bool {
    match setup {
        Setup::Embed => topology.is_local(one, other) && topology.is_local(other, one),
        Setup::Up | Setup::Page => true,
    }
}

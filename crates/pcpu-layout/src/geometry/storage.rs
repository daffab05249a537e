// SPDX-License-Identifier: MIT OR Apache-2.0
//! The memory a geometry lives in, lent by whoever makes it, and the records kept there.
//!
//! Set-up runs before any heap exists, so a geometry is three slices: one entry per CPU id, one
//! per unit slot, one per group. A static array, boot memory or a `Vec` will do.

use super::topology::{self, Topology};
use crate::{CpuId, UnitId};

/// Memory for a geometry. Contents on entry do not matter.
#[derive(Debug)]
pub struct Storage<'m> {
    /// One entry per CPU id, possible or not.
    pub cpus: &'m mut [Placement],
    /// One entry per unit, unused ones included: the CPU whose unit it is.
    pub slots: &'m mut [Option<CpuId>],
    /// One entry per group.
    pub groups: &'m mut [Group],
}

/// How many entries a [`Storage`] must have to be enough, whatever the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageNeeds {
    /// Entries of [`Storage::cpus`].
    pub cpus: usize,
    /// Entries of [`Storage::slots`]: at most a third as many unused units as possible CPUs.
    pub slots: usize,
    /// Entries of [`Storage::groups`].
    pub groups: usize,
}

impl StorageNeeds {
    /// Counts what `topology` needs at most.
    pub(super) fn of<T: Topology + ?Sized>(topology: &T) -> Self {
        let possible = topology::possible(topology).count();
        Self {
            cpus: topology.nr_cpu_ids() as usize,
            slots: possible.saturating_add(possible / 3),
            groups: possible,
        }
    }
}

/// Which unit of which group is a CPU's, or that it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    group: u32,
    unit: u32,
}

impl Placement {
    /// Of a CPU that is not possible.
    pub const NONE: Self = Self { group: u32::MAX, unit: u32::MAX };

    /// Of a CPU whose group is known and whose unit is not yet.
    pub(super) const fn in_group(group: u32) -> Self {
        Self { group, unit: u32::MAX }
    }

    /// Says whether the CPU belongs to the group `group`.
    pub(super) const fn is_in(self, group: u32) -> bool {
        self.group == group
    }

    /// Gives the CPU its unit.
    pub(super) fn set_unit(&mut self, unit: UnitId) {
        self.unit = unit.get();
    }

    /// Returns the group's index and the unit, if the CPU has one.
    #[inline]
    pub(super) const fn get(self) -> Option<(usize, UnitId)> {
        if self.unit == u32::MAX {
            return None;
        }
        Some((self.group as usize, UnitId::new(self.unit)))
    }
}

impl Default for Placement {
    fn default() -> Self {
        Self::NONE
    }
}

/// Units placed together because their CPUs are near each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group {
    pub(super) first_unit: UnitId,
    pub(super) nr_units: u32,
    pub(super) nr_cpus: u32,
    pub(super) offset: usize,
    pub(super) size: usize,
    pub(super) first_cpu: CpuId,
}

impl Group {
    /// Returns the group's first unit; the others follow it.
    pub const fn first_unit(&self) -> UnitId {
        self.first_unit
    }

    /// Returns how many units the group has, unused ones included.
    pub const fn nr_units(&self) -> u32 {
        self.nr_units
    }

    /// Returns how many units are some CPU's; these come first.
    pub const fn nr_cpus(&self) -> u32 {
        self.nr_cpus
    }

    /// Returns the distance in bytes from the base of a chunk to the group's first unit.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the bytes from the group's first unit to the end of its last.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Returns the lowest-numbered CPU, to whose node the group's memory should be near.
    pub const fn first_cpu(&self) -> CpuId {
        self.first_cpu
    }
}

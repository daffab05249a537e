// SPDX-License-Identifier: MIT OR Apache-2.0
//! Questions a geometry answers. All are cheap; those by CPU take constant time.

use super::plan::{Geometry, Setup};
use super::storage::Group;
use crate::{Config, CpuId, PageCount, UnitId};

impl Geometry<'_> {
    /// Returns how the first chunk is set up.
    pub const fn setup(&self) -> Setup {
        self.setup
    }

    /// Returns the configuration as it was asked for; the getters here say what came of it.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the page size in bytes.
    pub const fn page_size(&self) -> usize {
        self.config.page_size
    }

    /// Returns the bytes that one bit of the allocation map stands for.
    pub const fn granule(&self) -> usize {
        self.config.granule
    }

    /// Returns the size of a unit in bytes, a multiple of the page size.
    pub const fn unit_size(&self) -> usize {
        self.unit_size
    }

    /// Returns the pages of a unit.
    pub const fn pages_per_unit(&self) -> PageCount {
        PageCount::new(self.unit_size / self.config.page_size)
    }

    /// Returns the static size in bytes, not rounded.
    pub const fn static_size(&self) -> usize {
        self.sizes.static_size
    }

    /// Returns the reserved size in bytes.
    pub const fn reserved_size(&self) -> usize {
        self.sizes.reserved_size
    }

    /// Returns the effective dynamic size in bytes: what was asked for and the page rounding.
    pub const fn dyn_size(&self) -> usize {
        self.sizes.dyn_size
    }

    /// Returns the granularity and alignment of the memory for groups, in bytes.
    pub const fn atom_size(&self) -> usize {
        self.sizes.atom_size
    }

    /// Returns the size in bytes of the piece that some units share.
    pub const fn alloc_size(&self) -> usize {
        self.sizes.alloc_size
    }

    /// Returns how many units share one alloc piece.
    pub const fn units_per_alloc(&self) -> u32 {
        self.units_per_alloc
    }

    /// Returns the number of units, unused ones included.
    pub const fn nr_units(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Returns the number of possible CPUs.
    pub const fn nr_possible(&self) -> u32 {
        self.nr_possible
    }

    /// Returns one past the highest CPU id that was planned for.
    pub const fn nr_cpu_ids(&self) -> u32 {
        self.cpus.len() as u32
    }

    /// Returns the largest area in bytes that the configuration allows.
    pub const fn max_area(&self) -> usize {
        self.max_area
    }

    /// Returns the largest alignment in bytes: units are congruent only modulo a page.
    pub const fn max_align(&self) -> usize {
        self.config.page_size
    }

    /// Returns the groups, in the order of their first CPU.
    pub const fn groups(&self) -> &[Group] {
        self.groups
    }

    /// Returns whose unit each one is, by unit number; `None` marks an unused one.
    pub const fn slots(&self) -> &[Option<CpuId>] {
        self.slots
    }

    /// Returns whose each unit of `group`, one of [`groups`](Self::groups), is.
    pub fn slots_of(&self, group: &Group) -> &[Option<CpuId>] {
        let first = group.first_unit.index();
        &self.slots()[first..][..group.nr_units as usize]
    }

    /// Lists the possible CPUs in ascending order.
    pub fn cpus(&self) -> impl Iterator<Item = CpuId> + Clone + '_ {
        let placed = |&(_, placement): &(usize, &super::Placement)| placement.get().is_some();
        let entries = self.cpus.iter().enumerate();
        entries.filter(placed).map(|(cpu, _)| CpuId::new(cpu as u32))
    }

    /// Returns the unit of `cpu`, or `None` if the CPU is not possible.
    #[inline]
    pub fn unit_of(&self, cpu: CpuId) -> Option<UnitId> {
        let (_, unit) = self.cpus.get(cpu.index())?.get()?;
        Some(unit)
    }

    /// Returns the CPU whose unit `unit` is, or `None` if it is unused or there is none.
    #[inline]
    pub fn cpu_of(&self, unit: UnitId) -> Option<CpuId> {
        *self.slots.get(unit.index())?
    }

    /// Returns the distance in bytes from the base of any chunk to the unit of `cpu`, or `None`
    /// if the CPU is not possible.
    #[inline]
    pub fn unit_offset(&self, cpu: CpuId) -> Option<usize> {
        let (group, unit) = self.cpus.get(cpu.index())?.get()?;
        let group = &self.groups[group];
        let index = unit.index() - group.first_unit.index();
        // `place` made sure that the group's end has an address.
        Some(group.offset + index * self.unit_size)
    }

    /// Returns the offset in bytes of the lowest unit that is some CPU's.
    pub const fn low_unit_offset(&self) -> usize {
        self.low
    }

    /// Returns the offset in bytes of the highest unit that is some CPU's.
    pub const fn high_unit_offset(&self) -> usize {
        self.high
    }
}

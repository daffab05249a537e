// SPDX-License-Identifier: MIT OR Apache-2.0
//! The geometry itself: planned from sizes and CPUs, then placed where memory was found.

use super::error::{GeometryError, StoragePart};
use super::grouping;
use super::sizes::Sizes;
use super::storage::{Group, Placement, Storage, StorageNeeds};
use super::topology::{self, Topology};
use super::units_per_alloc;
use crate::{Config, CpuId, UnitId};

/// How the first chunk comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setup {
    /// A single CPU: one unit of a power of two, all of it dynamic. Static, reserved and atom
    /// sizes of the configuration are ignored.
    Up,
    /// Units lie in the memory that was found for each group, one piece a group.
    Embed,
    /// Units are mapped page by page in one group, whatever the distances; the dynamic region
    /// is the early size and its page rounding, and an atom is a page.
    Page,
}

/// Where each CPU's unit lies, and what its regions are.
///
/// The [module](super) has the picture.
#[derive(Debug)]
pub struct Geometry<'m> {
    pub(super) setup: Setup,
    pub(super) config: Config,
    pub(super) sizes: Sizes,
    pub(super) unit_size: usize,
    pub(super) units_per_alloc: u32,
    pub(super) nr_possible: u32,
    pub(super) max_area: usize,
    /// Offset of the lowest and the highest unit that is some CPU's.
    pub(super) low: usize,
    pub(super) high: usize,
    pub(super) cpus: &'m mut [Placement],
    pub(super) slots: &'m mut [Option<CpuId>],
    pub(super) groups: &'m mut [Group],
}

impl<'m> Geometry<'m> {
    /// Says how much memory is enough for any configuration on this topology.
    pub fn needs(topology: &(impl Topology + ?Sized)) -> StorageNeeds {
        StorageNeeds::of(topology)
    }

    /// Decides unit size, groups and numbering; groups are provisionally back to back.
    ///
    /// # Errors
    /// Refuses a configuration that contradicts itself or the address space, a topology without
    /// CPUs or, for [`Setup::Up`], with more than one, and storage below
    /// [`needs`](Self::needs). The outcome has passed [`check`](Self::check).
    ///
    /// # Source
    /// docs/behaviours.md, "Building the layout", B48.
    pub fn plan<T: Topology + ?Sized>(
        setup: Setup,
        config: &Config,
        topology: &T,
        storage: Storage<'m>,
    ) -> Result<Self, GeometryError> {
        let sizes = Sizes::of(setup, config)?;
        let nr_possible = count_cpus(setup, topology)?;

        // CPUs into groups.
        let cpus = lend(storage.cpus, topology.nr_cpu_ids().into(), StoragePart::Cpus)?;
        let nr_groups = grouping::group_cpus(setup, topology, cpus, storage.groups)?;
        let groups = &mut storage.groups[..nr_groups];

        // Groups into units.
        let group_cpus = groups.iter().map(|group| group.nr_cpus);
        let shift = units_per_alloc::choose(&sizes, nr_possible, group_cpus.clone());
        let unit_size = sizes.alloc_size >> shift;
        let max_area = bound_unit(config, unit_size)?;
        let nr_units = group_cpus.map(|nr| units_per_alloc::in_whole_pieces(nr, shift)).sum();
        let slots = lend(storage.slots, nr_units, StoragePart::Slots)?;
        bound_span(nr_units, unit_size)?;

        let mut geometry = Self {
            setup,
            config: *config,
            sizes,
            unit_size,
            units_per_alloc: 1 << shift,
            nr_possible,
            max_area,
            low: 0,
            high: 0,
            cpus,
            slots,
            groups,
        };
        geometry.number_units();
        geometry.find_bounds();
        geometry.check(topology)?;
        Ok(geometry)
    }

    /// Records where the memory of a group was found: its distance in bytes from the lowest
    /// group's address.
    ///
    /// Offsets of several groups are consistent only when all are placed; call
    /// [`check`](Self::check) then.
    ///
    /// # Errors
    /// There is no such group, or its end would have no address. Nothing is changed.
    pub fn place(&mut self, group: usize, address_offset: usize) -> Result<(), GeometryError> {
        let nr_groups = self.groups.len();
        let found =
            self.groups.get_mut(group).ok_or(GeometryError::NoSuchGroup { group, nr_groups })?;
        address_offset
            .checked_add(found.size)
            .filter(|&end| end <= isize::MAX as usize)
            .ok_or(GeometryError::GroupTooFar { group, offset: address_offset })?;
        found.offset = address_offset;
        self.find_bounds();
        Ok(())
    }

    /// Numbers the units through all groups and deals them out to the CPUs (G1, G2).
    fn number_units(&mut self) {
        self.slots.fill(None);
        let mut first_unit = 0;
        for (idx, group) in self.groups.iter_mut().enumerate() {
            group.first_unit = UnitId::new(first_unit);
            group.nr_units = group.nr_cpus.next_multiple_of(self.units_per_alloc);
            group.offset = first_unit as usize * self.unit_size;
            group.size = group.nr_units as usize * self.unit_size;

            let mut unit = first_unit;
            let first_cpu = group.first_cpu.index();
            for (cpu, placement) in self.cpus.iter_mut().enumerate().skip(first_cpu) {
                if placement.is_in(idx as u32) {
                    placement.set_unit(UnitId::new(unit));
                    self.slots[unit as usize] = Some(CpuId::new(cpu as u32));
                    unit += 1;
                }
            }
            first_unit += group.nr_units;
        }
    }

    /// Finds the lowest and the highest used unit. A group's used units are its first (G2).
    fn find_bounds(&mut self) {
        let unit_size = self.unit_size;
        let lows = self.groups.iter().map(|group| group.offset);
        let highs =
            self.groups.iter().map(|group| group.offset + (group.nr_cpus as usize - 1) * unit_size);
        self.low = lows.min().unwrap_or(0);
        self.high = highs.max().unwrap_or(0);
    }
}

/// Counts the possible CPUs; the set-up for one CPU accepts no other number.
fn count_cpus<T: Topology + ?Sized>(setup: Setup, topology: &T) -> Result<u32, GeometryError> {
    let nr_possible = topology::possible(topology).count();
    match (setup, nr_possible) {
        (_, 0) => Err(GeometryError::NoCpus),
        (Setup::Up, 2..) => Err(GeometryError::NotUniprocessor { nr_possible }),
        // Ids are 32 bits wide, so their number fits.
        _ => Ok(nr_possible as u32),
    }
}

/// Takes the first `needed` entries of what was lent.
fn lend<T>(lent: &mut [T], needed: u64, part: StoragePart) -> Result<&mut [T], GeometryError> {
    let nr_lent = lent.len();
    usize::try_from(needed)
        .ok()
        .and_then(|needed| lent.get_mut(..needed))
        .ok_or(GeometryError::StorageTooSmall { part, needed, lent: nr_lent })
}

/// Refuses a unit that the allocation map cannot count, and returns the largest area.
///
/// The map has a boundary bit past the last granule, so one less than 32 bits can hold.
fn bound_unit(config: &Config, unit_size: usize) -> Result<usize, GeometryError> {
    let limit = config.granule.saturating_mul(u32::MAX as usize - 1);
    if unit_size > limit {
        return Err(GeometryError::UnitTooLarge { unit_size, limit });
    }
    let asked = config.max_area.unwrap_or(config.min_unit_size);
    if asked == 0 || asked > unit_size {
        return Err(GeometryError::MaxArea { asked, unit_size });
    }
    Ok(asked)
}

/// Refuses more units than addresses, or than unit numbers.
fn bound_span(nr_units: u64, unit_size: usize) -> Result<(), GeometryError> {
    let span = nr_units.checked_mul(unit_size as u64);
    let fits = span.is_some_and(|span| span <= isize::MAX as u64);
    if fits && nr_units < u32::MAX.into() {
        return Ok(());
    }
    Err(GeometryError::SpanTooLarge { nr_units, unit_size })
}

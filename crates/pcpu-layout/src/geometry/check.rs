// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last look before memory is used: does the layout hold together?
//!
//! Planning gets sizes and numbering right; this is for what comes from outside afterwards -
//! where groups were placed, and a topology that changed its mind - and it is what says so if
//! planning should ever be wrong.

use super::error::GeometryError;
use super::plan::Geometry;
use super::topology::{self, Topology};
use crate::{Span, UnitId};

impl Geometry<'_> {
    /// Confirms that sizes, numbering and placement agree with each other and with `topology`.
    ///
    /// # Errors
    /// Names the first condition that does not hold.
    ///
    /// # Source
    /// docs/behaviours.md, "Common set-up: sanity checks", B49. Differences: a pool may have no
    /// static region; blocks and pages are the same size by construction; placement is checked
    /// as well.
    pub fn check(&self, topology: &(impl Topology + ?Sized)) -> Result<(), GeometryError> {
        if self.groups.is_empty() {
            return Err(GeometryError::NoGroups);
        }
        self.check_sizes()?;
        self.check_units(topology)?;
        self.check_placement()
    }

    /// Confirms that a chunk can begin at the address `base`.
    ///
    /// # Errors
    /// The address is null or not at the start of a page.
    pub fn check_base(&self, base: usize) -> Result<(), GeometryError> {
        let page_size = self.page_size();
        if base != 0 && base.is_multiple_of(page_size) {
            return Ok(());
        }
        // Not the address itself: errors end up in logs.
        Err(GeometryError::BaseAddress { past_page: base % page_size, page_size })
    }

    fn check_sizes(&self) -> Result<(), GeometryError> {
        let (config, sizes, unit_size) = (&self.config, &self.sizes, self.unit_size);
        let sum = sizes.static_size + sizes.reserved_size + sizes.dyn_size;
        if unit_size < sum {
            return Err(GeometryError::UnitTooSmall { unit_size, sum });
        }
        if !unit_size.is_multiple_of(config.page_size) {
            return Err(GeometryError::UnitNotPages { unit_size, page_size: config.page_size });
        }
        if unit_size < config.min_unit_size {
            return Err(GeometryError::UnitBelowMinimum {
                unit_size,
                minimum: config.min_unit_size,
            });
        }
        if sizes.dyn_size < config.early_size {
            return Err(GeometryError::DynamicBelowEarly {
                dyn_size: sizes.dyn_size,
                early_size: config.early_size,
            });
        }
        if !sizes.reserved_size.is_multiple_of(config.granule) {
            return Err(GeometryError::ReservedNotGranules {
                reserved_size: sizes.reserved_size,
                granule: config.granule,
            });
        }
        Ok(())
    }

    /// G1: units and possible CPUs correspond one to one.
    fn check_units<T: Topology + ?Sized>(&self, topology: &T) -> Result<(), GeometryError> {
        let nr_cpu_ids = topology.nr_cpu_ids();
        for (idx, cpu) in self.slots.iter().enumerate() {
            let Some(cpu) = *cpu else { continue };
            let unit = UnitId::new(idx as u32);
            if cpu.get() >= nr_cpu_ids {
                return Err(GeometryError::CpuOutOfRange { unit, cpu, nr_cpu_ids });
            }
            if !topology.is_possible(cpu) {
                return Err(GeometryError::CpuNotPossible { unit, cpu });
            }
            // A CPU has one recorded unit; a slot that is not it is one too many.
            if self.unit_of(cpu) != Some(unit) {
                return Err(GeometryError::CpuMappedTwice { cpu });
            }
        }
        for cpu in topology::possible(topology) {
            let unit = self.unit_of(cpu);
            if unit.and_then(|unit| self.cpu_of(unit)) != Some(cpu) {
                return Err(GeometryError::CpuNotMapped { cpu });
            }
        }
        Ok(())
    }

    /// G4. Groups are few, so every pair is compared.
    fn check_placement(&self) -> Result<(), GeometryError> {
        let atom_size = self.atom_size();
        for (idx, group) in self.groups.iter().enumerate() {
            let offset = group.offset;
            if !offset.is_multiple_of(atom_size) {
                return Err(GeometryError::GroupMisaligned { group: idx, offset, atom_size });
            }
            let span = Span::new(offset, offset + group.size);
            let overlaps = |other: &super::Group| {
                span.overlaps(&Span::new(other.offset, other.offset + other.size))
            };
            if let Some(distance) = self.groups[idx + 1..].iter().position(overlaps) {
                return Err(GeometryError::GroupsOverlap {
                    first: idx,
                    second: idx + 1 + distance,
                });
            }
        }
        if self.low != 0 {
            return Err(GeometryError::NoGroupAtZero { lowest: self.low });
        }
        Ok(())
    }
}

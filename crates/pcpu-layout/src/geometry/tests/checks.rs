// SPDX-License-Identifier: MIT OR Apache-2.0
//! Layouts spoilt by hand, each refused by the check for what was spoilt (B49).

use super::{Machine, plan, regions};
use crate::geometry::{Geometry, GeometryError, Group, Setup};
use crate::{Config, CpuId, UnitId};

/// Spoils a layout of five CPUs and one unused unit, and checks it.
fn spoilt(spoil: impl FnOnce(&mut Geometry<'_>)) -> Option<GeometryError> {
    let machine = Machine::flat(5);
    let config = regions(184_320, 8192, 28672, 2 << 20);
    plan(Setup::Embed, &config, &machine, |geometry| {
        let mut geometry = geometry.unwrap();
        assert_eq!(geometry.check(&machine), Ok(()));
        spoil(&mut geometry);
        geometry.check(&machine).err()
    })
}

#[test]
fn a_unit_smaller_than_its_regions_is_refused() {
    let expected = GeometryError::UnitTooSmall { unit_size: 217_088, sum: 221_184 };
    assert_eq!(spoilt(|g| g.unit_size = 217_088), Some(expected));
}

#[test]
fn a_unit_of_parts_of_pages_is_refused() {
    let expected = GeometryError::UnitNotPages { unit_size: 221_188, page_size: 4096 };
    assert_eq!(spoilt(|g| g.unit_size = 221_188), Some(expected));
}

#[test]
fn a_unit_below_the_smallest_is_refused() {
    let spoilt = spoilt(|g| g.config.min_unit_size = 1 << 30);
    assert!(matches!(spoilt, Some(GeometryError::UnitBelowMinimum { .. })));
}

#[test]
fn a_dynamic_region_below_the_early_size_is_refused() {
    let expected = GeometryError::DynamicBelowEarly { dyn_size: 20476, early_size: 20480 };
    assert_eq!(spoilt(|g| g.sizes.dyn_size = 20476), Some(expected));
    // A single CPU can get there by configuration.
    let config = Config { min_unit_size: 4096, dyn_size: 0, ..Config::LINUX };
    plan(Setup::Up, &config, &Machine::flat(1), |geometry| {
        let expected = GeometryError::DynamicBelowEarly { dyn_size: 4096, early_size: 20480 };
        assert_eq!(geometry.err(), Some(expected));
    });
}

#[test]
fn a_reserved_region_of_parts_of_granules_is_refused() {
    let expected = GeometryError::ReservedNotGranules { reserved_size: 10, granule: 4 };
    plan(Setup::Embed, &regions(0, 10, 0, 4096), &Machine::flat(2), |geometry| {
        assert_eq!(geometry.err(), Some(expected));
    });
}

#[test]
fn a_layout_without_groups_is_refused() {
    let no_groups = spoilt(|g| g.groups = &mut []);
    assert_eq!(no_groups, Some(GeometryError::NoGroups));
}

#[test]
fn a_cpu_in_two_slots_is_refused() {
    let expected = GeometryError::CpuMappedTwice { cpu: CpuId::new(1) };
    assert_eq!(spoilt(|g| g.slots[5] = Some(CpuId::new(1))), Some(expected));
}

#[test]
fn a_possible_cpu_without_a_slot_is_refused() {
    let expected = GeometryError::CpuNotMapped { cpu: CpuId::new(3) };
    assert_eq!(spoilt(|g| g.slots[3] = None), Some(expected));
}

#[test]
fn a_slot_of_a_cpu_that_the_machine_has_not_is_refused() {
    let (unit, cpu) = (UnitId::new(5), CpuId::new(9));
    let expected = GeometryError::CpuOutOfRange { unit, cpu, nr_cpu_ids: 5 };
    assert_eq!(spoilt(|g| g.slots[5] = Some(cpu)), Some(expected));
}

#[test]
fn a_machine_that_changed_its_mind_is_refused() {
    let config = regions(0, 0, 0, 4096);
    plan(Setup::Embed, &config, &Machine::flat(2), |geometry| {
        let geometry = geometry.unwrap();
        let grown = geometry.check(&Machine::flat(3));
        assert_eq!(grown, Err(GeometryError::CpuNotMapped { cpu: CpuId::new(2) }));
        let lost = geometry.check(&Machine::of([Some(0), None].into_iter()));
        let (unit, cpu) = (UnitId::new(1), CpuId::new(1));
        assert_eq!(lost, Err(GeometryError::CpuNotPossible { unit, cpu }));
    });
}

#[test]
fn a_base_that_is_null_or_inside_a_page_is_refused() {
    plan(Setup::Embed, &regions(0, 0, 0, 4096), &Machine::flat(2), |geometry| {
        let geometry = geometry.unwrap();
        assert_eq!(geometry.check_base(0x7000), Ok(()));
        for base in [0, 1, 0x7800, usize::MAX] {
            let expected = GeometryError::BaseAddress { past_page: base % 4096, page_size: 4096 };
            assert_eq!(geometry.check_base(base), Err(expected));
        }
    });
}

#[test]
fn a_group_without_memory_of_its_own_is_refused() {
    let overlap = spoilt(|g| {
        let twice = [g.groups[0], g.groups[0]];
        g.groups = std::boxed::Box::leak(std::boxed::Box::<[Group]>::from(twice));
    });
    let expected = GeometryError::GroupsOverlap { first: 0, second: 1 };
    assert_eq!(overlap, Some(expected));
}

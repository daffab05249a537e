// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sizes: the two other set-ups, and configurations that must be refused.

use std::string::ToString;

use proptest::prelude::*;

use super::{Machine, Memory, TINY, plan, regions};
use crate::geometry::{Geometry, GeometryError, Setup, Storage, StoragePart};
use crate::{Config, CpuId, PageCount, Watermarks};

fn refusal(config: &Config) -> Option<GeometryError> {
    plan(Setup::Embed, config, &Machine::flat(2), |geometry| geometry.err())
}

#[test]
fn one_cpu_gets_one_unit_that_is_all_dynamic() {
    let config = Config { static_size: 5000, reserved_size: 7, atom_size: 3, ..Config::LINUX };
    plan(Setup::Up, &config, &Machine::flat(1), |geometry| {
        let geometry = geometry.unwrap();
        assert_eq!(geometry.unit_size(), 32768);
        assert_eq!(geometry.dyn_size(), 32768);
        assert_eq!((geometry.static_size(), geometry.reserved_size()), (0, 0));
        assert_eq!((geometry.atom_size(), geometry.alloc_size()), (32768, 32768));
        assert_eq!((geometry.nr_units(), geometry.nr_possible()), (1, 1));
        assert_eq!(geometry.pages_per_unit(), PageCount::new(8));
        assert_eq!((geometry.max_area(), geometry.max_align()), (32768, 4096));
    });
}

#[test]
fn the_unit_of_one_cpu_is_the_next_power_of_two() {
    for (dyn_size, unit) in [(32768, 32768), (32769, 65536), (100_000, 131_072)] {
        let config = regions(0, 0, dyn_size, 4096);
        plan(Setup::Up, &config, &Machine::flat(1), |geometry| {
            assert_eq!(geometry.unwrap().unit_size(), unit);
        });
    }
}

#[test]
fn the_set_up_for_one_cpu_refuses_two() {
    plan(Setup::Up, &Config::LINUX, &Machine::flat(2), |geometry| {
        let expected = GeometryError::NotUniprocessor { nr_possible: 2 };
        assert_eq!(geometry.err(), Some(expected));
    });
}

#[test]
fn the_page_set_up_has_one_group_whatever_the_distances() {
    // As a 6.12 kernel with two nodes and percpu_alloc=page logged it.
    let config = regions(194_968, 0, 28672, 2 << 20);
    plan(Setup::Page, &config, &Machine::blocks(4, 2), |geometry| {
        let geometry = geometry.unwrap();
        assert_eq!(geometry.dyn_size(), 22120);
        assert_eq!(geometry.unit_size(), 217_088);
        assert_eq!((geometry.atom_size(), geometry.alloc_size()), (4096, 217_088));
        assert_eq!(geometry.groups().len(), 1);
        assert_eq!((geometry.nr_units(), geometry.units_per_alloc()), (4, 1));
    });
}

#[test]
fn linux_numbers_for_large_pages_have_units_of_a_page() {
    plan(Setup::Embed, &Config::linux(65536), &Machine::flat(2), |geometry| {
        let geometry = geometry.unwrap();
        assert_eq!((geometry.unit_size(), geometry.max_area()), (65536, 65536));
    });
    assert_eq!(Config::linux(4096), Config::LINUX);
}

#[test]
fn the_smallest_pool_is_legal() {
    for setup in [Setup::Up, Setup::Embed, Setup::Page] {
        plan(setup, &TINY, &Machine::flat(1), |geometry| {
            let geometry = geometry.unwrap();
            assert_eq!((geometry.unit_size(), geometry.max_area()), (1024, 1024));
            assert_eq!(geometry.pages_per_unit(), PageCount::new(4));
        });
    }
}

#[test]
fn sizes_that_are_no_powers_of_two_or_out_of_range_are_refused() {
    let base = Config::LINUX;
    for page_size in [0, 1, 128, 4095, 4097, 131_072, usize::MAX] {
        let refused = refusal(&Config { page_size, ..base });
        assert_eq!(refused, Some(GeometryError::PageSize { asked: page_size }));
    }
    for granule in [0, 1, 2, 3, 5, 8192, usize::MAX] {
        let refused = refusal(&Config { granule, ..base });
        assert!(matches!(refused, Some(GeometryError::Granule { .. })));
    }
    for min_unit_size in [0, 512, 4095, 4097, usize::MAX] {
        let refused = refusal(&Config { min_unit_size, ..base });
        assert!(matches!(refused, Some(GeometryError::MinUnitSize { .. })));
    }
    for atom_size in [0, 2048, 4097, 12288, usize::MAX] {
        let refused = refusal(&Config { atom_size, ..base });
        assert!(matches!(refused, Some(GeometryError::AtomSize { .. })));
    }
    for max_area in [0, 32769, usize::MAX] {
        let refused = refusal(&Config { max_area: Some(max_area), ..base });
        assert!(matches!(refused, Some(GeometryError::MaxArea { .. })));
    }
    let watermarks = Watermarks { low: 5, high: 4 };
    let refused = refusal(&Config { watermarks, ..base });
    assert_eq!(refused, Some(GeometryError::Watermarks { low: 5, high: 4 }));
}

#[test]
fn the_largest_area_may_be_the_unit() {
    let config = Config { max_area: Some(45056), ..regions(16384, 0, 28672, 4096) };
    plan(Setup::Embed, &config, &Machine::flat(2), |geometry| {
        assert_eq!(geometry.unwrap().max_area(), 45056);
    });
}

#[test]
fn sums_that_overflow_are_refused_with_their_numbers() {
    let most = usize::MAX;
    for config in [
        regions(most, 4, 0, 4096),
        regions(most - 4095, 0, 0, 4096),
        regions(0, 0, most, 4096),
        regions(most / 2, most / 2, 0, 4096),
        regions(most / 2 + 1, 0, 0, most / 2 + 1),
    ] {
        let refused = refusal(&config);
        assert!(matches!(refused, Some(GeometryError::RegionsTooLarge { .. })), "{refused:?}");
    }
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_unit_with_more_granules_than_32_bits_is_refused() {
    let limit = 4 * (u32::MAX as usize - 1);
    let config = regions(limit - limit % 4096 + 4096, 0, 0, 4096);
    let refused = refusal(&config).unwrap();
    assert!(matches!(refused, GeometryError::UnitTooLarge { .. }));
    let coarse = Config { granule: 4096, ..config };
    assert_eq!(refusal(&coarse), None);
}

#[cfg(target_pointer_width = "64")]
#[test]
fn more_units_than_addresses_are_refused() {
    let config = Config { granule: 65536, min_unit_size: 1 << 47, ..Config::linux(65536) };
    let span = |cpus| plan(Setup::Embed, &config, &Machine::flat(cpus), |g| g.err());
    assert_eq!(span(65535), None);
    let expected = GeometryError::SpanTooLarge { nr_units: 65536, unit_size: 1 << 47 };
    assert_eq!(span(65536), Some(expected));
}

#[test]
fn a_machine_without_cpus_is_refused() {
    for machine in [Machine::flat(0), Machine::of([None, None].into_iter())] {
        plan(Setup::Embed, &Config::LINUX, &machine, |geometry| {
            assert_eq!(geometry.err(), Some(GeometryError::NoCpus));
        });
    }
}

#[test]
fn storage_one_entry_short_is_refused_by_name() {
    // Three CPUs, two nodes, four units: one of them unused.
    let machine = Machine::blocks(3, 2);
    let config = regions(0, 0, 0, 65536);
    for part in [StoragePart::Cpus, StoragePart::Slots, StoragePart::Groups] {
        let mut memory = Memory::for_machine(&machine);
        let storage = Storage {
            cpus: &mut memory.cpus[usize::from(part == StoragePart::Cpus)..],
            slots: &mut memory.slots[usize::from(part == StoragePart::Slots)..],
            groups: &mut memory.groups[if part == StoragePart::Groups { 2 } else { 1 }..],
        };
        match Geometry::plan(Setup::Embed, &config, &machine, storage).err() {
            Some(GeometryError::StorageTooSmall { part: short, .. }) => assert_eq!(short, part),
            other => panic!("{part}: {other:?}"),
        }
    }
}

#[test]
fn a_refusal_reads_as_one_lower_case_sentence() {
    let error = GeometryError::UnitTooSmall { unit_size: 4096, sum: 8192 };
    let expected = "unit size 4096 is smaller than static + reserved + dynamic 8192";
    assert_eq!(error.to_string(), expected);
}

/// Sizes as a hostile command line has them: near zero, near powers of two, near the end.
fn wild() -> impl Strategy<Value = usize> {
    let near_power = (0..usize::BITS, 0_usize..8)
        .prop_map(|(shift, off)| (1_usize << shift).wrapping_add(off).wrapping_sub(4));
    prop_oneof![any::<usize>(), near_power.clone(), near_power]
}

/// The wild value, or one that is likely to get further.
fn maybe(tame: usize) -> impl Strategy<Value = usize> {
    prop_oneof![Just(tame), wild()]
}

proptest! {
    #[test]
    fn no_number_from_a_command_line_panics(
        (page_size, granule, min_unit_size) in (maybe(4096), maybe(4), maybe(32768)),
        (static_size, reserved_size, dyn_size) in (maybe(15520), maybe(0), maybe(28672)),
        (early_size, atom_size) in (maybe(0), maybe(1 << 21)),
        max_area in proptest::option::of(wild()),
        (cpus, per_node) in (1_u32..20, 1_u32..20),
    ) {
        let config = Config {
            page_size, granule, min_unit_size, max_area, static_size, reserved_size, dyn_size,
            early_size, atom_size, ..Config::LINUX
        };
        let machine = Machine::blocks(cpus, per_node);
        for setup in [Setup::Up, Setup::Embed, Setup::Page] {
            plan(setup, &config, &machine, |geometry| {
                let Ok(geometry) = geometry else { return };
                let regions = geometry.regions();
                assert!(regions.dynamic.end.get() <= geometry.unit_size());
                assert!(regions.dynamic.start <= regions.dynamic.end);
                geometry.boot_chunk(regions.dynamic);
                assert!(geometry.unit_offset(CpuId::new(0)).is_some());
                assert!(!geometry.to_string().is_empty());
            });
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Groups where memory was found, in any order, and the two address policies.

use std::vec;
use std::vec::Vec;

use super::{Machine, Memory, plan, regions};
use crate::CpuId;
use crate::geometry::{GeometryError, Setup, StoragePart, Stride, Table, UnitAddresses};

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

#[test]
fn groups_placed_in_any_order_keep_their_units_together() {
    let machine = Machine::dealt(7, 3);
    let config = regions(15520, 0, 28672, 65536);
    for order in ORDERS {
        let mut memory = Memory::for_machine(&machine);
        let mut geometry = memory.plan(Setup::Embed, &config, &machine).unwrap();
        let gap = 10 * geometry.alloc_size();
        for (group, rank) in order.into_iter().enumerate() {
            geometry.place(group, rank * gap).unwrap();
        }
        geometry.check(&machine).unwrap();

        let mut offsets = Vec::new();
        for cpu in machine.possible() {
            let group = cpu.index() % 3;
            let offset = geometry.unit_offset(cpu).unwrap();
            assert_eq!(offset, order[group] * gap + cpu.index() / 3 * geometry.unit_size());
            offsets.push(offset);
        }
        assert_eq!(geometry.low_unit_offset(), *offsets.iter().min().unwrap());
        assert_eq!(geometry.high_unit_offset(), *offsets.iter().max().unwrap());
    }
}

#[test]
fn the_table_says_what_the_geometry_says() {
    let machine = Machine::of((0..20).map(|id| (id % 3 != 0).then_some(id % 2)));
    let config = regions(15520, 0, 28672, 4096);
    let mut memory = Memory::for_machine(&machine);
    let mut geometry = memory.plan(Setup::Embed, &config, &machine).unwrap();
    geometry.place(0, 1 << 30).unwrap();
    geometry.place(1, 0).unwrap();

    let mut lent = vec![7; geometry.nr_cpu_ids() as usize];
    let table = Table::new(&geometry, &mut lent).unwrap();
    for cpu in (0..25).map(CpuId::new) {
        assert_eq!(table.offset(cpu), geometry.unit_offset(cpu));
        assert_eq!(geometry.offset(cpu), geometry.unit_offset(cpu));
    }
    assert_eq!(table.offset(CpuId::new(2)), Some(0));
    assert_eq!(table.offset(CpuId::new(3)), None);

    let short = Table::new(&geometry, &mut [0; 19]).err();
    let expected =
        GeometryError::StorageTooSmall { part: StoragePart::Offsets, needed: 20, lent: 19 };
    assert_eq!(short, Some(expected));
}

#[test]
fn cpus_without_gaps_in_one_piece_have_a_stride() {
    let config = regions(184_320, 8192, 28672, 2 << 20);
    plan(Setup::Embed, &config, &Machine::flat(3), |geometry| {
        let geometry = geometry.unwrap();
        let stride = Stride::new(&geometry).unwrap();
        assert_eq!((stride.stride(), stride.nr_units()), (524_288, 3));
        // The fourth unit is nobody's.
        for cpu in (0..6).map(CpuId::new) {
            assert_eq!(stride.offset(cpu), geometry.unit_offset(cpu));
        }
    });
}

#[test]
fn a_stride_of_something_not_uniform_is_refused() {
    let refused = |machine: &Machine| {
        let config = regions(0, 0, 0, 4096);
        plan(Setup::Embed, &config, machine, |geometry| Stride::new(&geometry.unwrap()).err())
    };
    let at = |cpu| Some(GeometryError::NotUniform { cpu: CpuId::new(cpu) });
    assert_eq!(refused(&Machine::blocks(8, 4)), None);
    assert_eq!(refused(&Machine::dealt(4, 2)), at(1));
    assert_eq!(refused(&Machine::of([None, Some(0)].into_iter())), at(0));
    assert_eq!(refused(&Machine::of([Some(0), None, Some(0)].into_iter())), at(1));
}

#[test]
fn a_group_that_is_none_or_too_far_is_not_placed() {
    plan(Setup::Embed, &regions(0, 0, 0, 4096), &Machine::flat(2), |geometry| {
        let mut geometry = geometry.unwrap();
        let unknown = GeometryError::NoSuchGroup { group: 1, nr_groups: 1 };
        assert_eq!(geometry.place(1, 0), Err(unknown));
        for offset in [usize::MAX, usize::MAX - 4095, isize::MAX as usize] {
            let too_far = GeometryError::GroupTooFar { group: 0, offset };
            assert_eq!(geometry.place(0, offset), Err(too_far));
        }
        assert_eq!(geometry.groups()[0].offset(), 0);
    });
}

#[test]
fn misplaced_groups_are_found_by_the_check() {
    let machine = Machine::blocks(4, 2);
    let config = regions(0, 0, 0, 65536);
    let placed = |first, second| {
        plan(Setup::Embed, &config, &machine, |geometry| {
            let mut geometry = geometry.unwrap();
            geometry.place(0, first).unwrap();
            geometry.place(1, second).unwrap();
            geometry.check(&machine).err()
        })
    };
    // Each group is one piece of 64 KiB.
    assert_eq!(placed(0, 65536), None);
    assert_eq!(placed(65536, 0), None);
    let overlap = GeometryError::GroupsOverlap { first: 0, second: 1 };
    assert_eq!(placed(0, 0), Some(overlap));
    let lowest = GeometryError::NoGroupAtZero { lowest: 65536 };
    assert_eq!(placed(65536, 131_072), Some(lowest));
    assert!(matches!(placed(0, 69632), Some(GeometryError::GroupMisaligned { group: 1, .. })));
}

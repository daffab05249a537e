// SPDX-License-Identifier: MIT OR Apache-2.0
//! Layouts worked out on the reference (docs/behaviours.md, B48).

use std::vec::Vec;

use super::{Machine, plan, regions};
use crate::geometry::{Geometry, Setup};

const M2: usize = 2 << 20;

/// One row: sizes asked for, CPUs and how many of them a node has, what must come of it.
struct Row {
    asked: [usize; 4],
    cpus: (u32, u32),
    dyn_size: usize,
    unit: usize,
    alloc: usize,
    upa: u32,
    groups: &'static [(u32, usize)],
}

const fn row(
    asked: [usize; 4],
    cpus: (u32, u32),
    [dyn_size, unit, alloc, upa]: [usize; 4],
    groups: &'static [(u32, usize)],
) -> Row {
    Row { asked, cpus, dyn_size, unit, alloc, upa: upa as u32, groups }
}

/// Static, reserved, dynamic size and atom of the rows with large atoms.
const BIG: [usize; 4] = [184_320, 8192, 28672, M2];

/// Rows whose distances are the same in both directions; `(n, n)` is one node.
#[rustfmt::skip]
const ROWS: [Row; 19] = [
    row([16384, 0, 28672, 4096],  (2, 2),   [28672, 45056, 45056, 1],    &[(2, 0)]),
    row([15520, 0, 28672, 4096],  (2, 2),   [29536, 45056, 45056, 1],    &[(2, 0)]),
    row([15520, 8192, 28672, 4096], (4, 4), [29536, 53248, 53248, 1],    &[(4, 0)]),
    row([4000, 0, 0, 4096],       (1, 1),   [20576, 32768, 32768, 1],    &[(1, 0)]),
    row([1000, 0, 20480, 65536],  (4, 4),   [23576, 32768, 65536, 2],    &[(4, 0)]),
    row([90000, 0, 28672, 65536], (3, 3),   [28784, 131_072, 131_072, 1], &[(3, 0)]),
    row([1000, 0, 28672, M2],     (64, 64), [31768, 32768, M2, 64],      &[(64, 0)]),
    row(BIG, (8, 8),   [28672, 262_144, M2, 8],   &[(8, 0)]),
    row(BIG, (6, 6),   [28672, 262_144, M2, 8],   &[(8, 0)]),
    row(BIG, (5, 5),   [28672, 1_048_576, M2, 2], &[(6, 0)]),
    row(BIG, (4, 4),   [28672, 524_288, M2, 4],   &[(4, 0)]),
    row(BIG, (3, 3),   [28672, 524_288, M2, 4],   &[(4, 0)]),
    row(BIG, (1, 1),   [28672, M2, M2, 1],        &[(1, 0)]),
    row(BIG, (2, 1),   [28672, M2, M2, 1],        &[(1, 0), (1, 0x20_0000)]),
    row(BIG, (16, 8),  [28672, 262_144, M2, 8],   &[(8, 0), (8, 0x20_0000)]),
    row(BIG, (12, 6),  [28672, 262_144, M2, 8],   &[(8, 0), (8, 0x20_0000)]),
    row(BIG, (10, 5),  [28672, 1_048_576, M2, 2], &[(6, 0), (6, 0x60_0000)]),
    row(BIG, (20, 10), [28672, 524_288, M2, 4],   &[(12, 0), (12, 0x60_0000)]),
    row(BIG, (64, 16), [28672, 262_144, M2, 8],
        &[(16, 0), (16, 0x40_0000), (16, 0x80_0000), (16, 0xc0_0000)]),
];

fn groups_of(geometry: &Geometry<'_>) -> Vec<(u32, usize)> {
    let groups = geometry.groups().iter();
    groups.map(|group| (group.nr_units(), group.offset())).collect()
}

#[test]
fn every_row_of_the_reference_table_comes_out_as_on_the_reference() {
    for (idx, row) in ROWS.iter().enumerate() {
        let [static_size, reserved, dyn_size, atom] = row.asked;
        let config = regions(static_size, reserved, dyn_size, atom);
        let machine = Machine::blocks(row.cpus.0, row.cpus.1);
        plan(Setup::Embed, &config, &machine, |geometry| {
            let geometry = geometry.unwrap();
            assert_eq!(geometry.dyn_size(), row.dyn_size, "row {idx}");
            assert_eq!(geometry.unit_size(), row.unit, "row {idx}");
            assert_eq!(geometry.alloc_size(), row.alloc, "row {idx}");
            assert_eq!(geometry.units_per_alloc(), row.upa, "row {idx}");
            assert_eq!(groups_of(&geometry), row.groups, "row {idx}");
            assert_eq!(geometry.nr_possible(), row.cpus.0, "row {idx}");
        });
    }
}

#[test]
fn the_row_with_a_one_way_distance_has_a_group_for_each_cpu() {
    let mut machine = Machine::flat(4);
    machine.one_way = [0, 1, 2, 3].into();
    let config = regions(20000, 0, 28672, 4096);
    plan(Setup::Embed, &config, &machine, |geometry| {
        let geometry = geometry.unwrap();
        assert_eq!(geometry.dyn_size(), 29152);
        assert_eq!(geometry.unit_size(), 49152);
        assert_eq!(geometry.alloc_size(), 49152);
        assert_eq!(groups_of(&geometry), [(1, 0), (1, 0xc000), (1, 0x18000), (1, 0x24000)]);
    });
}

#[test]
fn one_remote_direction_is_enough_to_part_two_cpus() {
    let mut machine = Machine::flat(3);
    machine.one_way = [0].into();
    plan(Setup::Embed, &regions(0, 0, 0, 4096), &machine, |geometry| {
        let geometry = geometry.unwrap();
        let cpus: Vec<_> = geometry.groups().iter().map(|g| g.nr_cpus()).collect();
        assert_eq!(cpus, [1, 2]);
    });
}

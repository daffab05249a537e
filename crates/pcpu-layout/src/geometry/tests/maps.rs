// SPDX-License-Identifier: MIT OR Apache-2.0
//! Unit maps: every possible CPU has one unit, whatever the machine (G1, G2, B82).

use std::collections::BTreeSet;
use std::vec::Vec;

use super::{Machine, TINY, plan, regions};
use crate::geometry::{Geometry, Setup, Topology};
use crate::{Config, CpuId, UnitId};

/// Configurations from many units a piece to one, and from tiny units to large ones.
fn configs() -> [Config; 6] {
    [
        TINY,
        Config { atom_size: 4096, ..TINY },
        regions(15520, 0, 28672, 4096),
        regions(1000, 0, 20480, 65536),
        regions(90000, 8192, 28672, 65536),
        regions(184_320, 8192, 28672, 2 << 20),
    ]
}

/// The choice of units per piece, word for word as docs/behaviours.md has it.
fn units_per_alloc_by_the_book(geometry: &Geometry<'_>, least_unit: usize) -> u32 {
    let (alloc, page) = (geometry.alloc_size(), geometry.page_size());
    let divides = |u: usize| alloc.is_multiple_of(u) && (alloc / u).is_multiple_of(page);
    let counts: Vec<_> = geometry.groups().iter().map(|g| g.nr_cpus() as usize).collect();
    let (mut best, mut last) = (0, usize::MAX);
    for u in (1..=alloc / least_unit).rev().filter(|&u| divides(u)) {
        let allocs: usize = counts.iter().map(|&cnt| cnt.div_ceil(u)).sum();
        let wasted: usize = counts.iter().map(|&cnt| cnt.div_ceil(u) * u - cnt).sum();
        if wasted > geometry.nr_possible() as usize / 3 {
            continue;
        }
        if allocs > last {
            break;
        }
        (best, last) = (u as u32, allocs);
    }
    best
}

fn least_unit(config: &Config) -> usize {
    let dyn_size = config.dyn_size.max(config.early_size);
    let sum = config.static_size + config.reserved_size + dyn_size;
    sum.next_multiple_of(config.page_size).max(config.min_unit_size)
}

/// Says everything that must be true of any plan.
fn assert_sound(geometry: &Geometry<'_>, config: &Config, machine: &Machine) {
    let possible: Vec<CpuId> = machine.possible().collect();
    assert!(geometry.cpus().eq(possible.iter().copied()));
    assert_eq!(geometry.nr_possible() as usize, possible.len());

    // Total and injective, in both directions; nobody else has a unit.
    let mut units = BTreeSet::new();
    let mut offsets = BTreeSet::new();
    for &cpu in &possible {
        let unit = geometry.unit_of(cpu).unwrap();
        assert_eq!(geometry.cpu_of(unit), Some(cpu));
        assert!(units.insert(unit));
        assert!(offsets.insert(geometry.unit_offset(cpu).unwrap()));
    }
    for cpu in (0..machine.nr_cpu_ids() + 2).map(CpuId::new) {
        let has_unit = geometry.unit_of(cpu).is_some();
        assert_eq!(has_unit, machine.is_possible(cpu));
        assert_eq!(has_unit, geometry.unit_offset(cpu).is_some());
    }
    let used = geometry.slots().iter().flatten().count();
    assert_eq!(used, possible.len());
    assert_eq!(geometry.cpu_of(UnitId::new(geometry.nr_units())), None);

    // Groups: used units first and ascending, near each other, aligned.
    let mut next_unit = 0;
    for group in geometry.groups() {
        assert_eq!(group.first_unit().get(), next_unit);
        next_unit += group.nr_units();
        assert_eq!(group.offset() % geometry.atom_size(), 0);
        assert_eq!(group.size(), group.nr_units() as usize * geometry.unit_size());
        assert_eq!(group.size() % geometry.alloc_size(), 0);
        let (used, unused) = geometry.slots_of(group).split_at(group.nr_cpus() as usize);
        assert!(unused.iter().all(Option::is_none));
        assert_eq!(used[0], Some(group.first_cpu()));
        assert!(used.is_sorted_by(|a, b| a < b));
        let node = machine.node_of(group.first_cpu());
        assert!(used.iter().all(|cpu| machine.node_of(cpu.unwrap()) == node));
    }
    assert_eq!(next_unit, geometry.nr_units());

    // Sizes, waste, and the choice by the book.
    assert!(geometry.nr_units() - geometry.nr_possible() <= geometry.nr_possible() / 3);
    assert!(geometry.unit_size() >= least_unit(config));
    let book = units_per_alloc_by_the_book(geometry, least_unit(config));
    assert_eq!(geometry.units_per_alloc(), book);
    assert_eq!(geometry.low_unit_offset(), *offsets.first().unwrap());
    assert_eq!(geometry.high_unit_offset(), *offsets.last().unwrap());
    geometry.check(machine).unwrap();
}

fn assert_sound_everywhere(machine: &Machine) {
    for config in configs() {
        plan(Setup::Embed, &config, machine, |geometry| {
            assert_sound(&geometry.unwrap(), &config, machine);
        });
    }
}

#[test]
fn one_to_64_cpus_on_every_split_of_nodes_have_a_unit_each() {
    for cpus in 1..=64 {
        for nodes in [1, 2, 3, 4, 7, 64] {
            assert_sound_everywhere(&Machine::dealt(cpus, nodes));
            assert_sound_everywhere(&Machine::blocks(cpus, nodes));
        }
    }
}

#[test]
fn cpu_ids_with_gaps_have_a_unit_where_a_cpu_is_possible() {
    // Every pattern of 8 ids, stretched over 24 with two nodes; then one far away.
    for pattern in 1_u32..256 {
        let node = |id: u32| (id % 3 == 1 && pattern >> (id / 3) & 1 == 1).then_some(id / 12);
        assert_sound_everywhere(&Machine::of((0..24).map(node)));
    }
    let lonely = |id| (id == 5 || id == 4000).then_some(id);
    assert_sound_everywhere(&Machine::of((0..=4000).map(lonely)));
}

#[test]
fn three_cpus_in_pieces_of_four_leave_one_unit_that_is_nobodys() {
    let config = regions(184_320, 8192, 28672, 2 << 20);
    plan(Setup::Embed, &config, &Machine::flat(3), |geometry| {
        let geometry = geometry.unwrap();
        let cpu = |id| Some(CpuId::new(id));
        assert_eq!(geometry.slots(), [cpu(0), cpu(1), cpu(2), None]);
        assert_eq!(geometry.cpu_of(UnitId::new(3)), None);
        assert_eq!(geometry.nr_units(), 4);
        // What bounds a flush does not reach the unused unit.
        assert_eq!(geometry.high_unit_offset(), 2 * geometry.unit_size());
    });
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_piece_of_millions_of_units_is_planned_at_once() {
    let config = Config { granule: 256, atom_size: 1 << 39, ..TINY };
    plan(Setup::Embed, &config, &Machine::flat(3), |geometry| {
        let geometry = geometry.unwrap();
        assert_eq!(geometry.units_per_alloc(), 4);
        assert_eq!(geometry.unit_size(), 1 << 37);
    });
}

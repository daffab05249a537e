// SPDX-License-Identifier: MIT OR Apache-2.0
//! B45-B51 and B82: what set-up makes of sizes and CPUs, what it refuses, and what it takes.

mod common;

use common::{k210, s2, up1};
use pcpu_core::{Allocator, Config, SetupError};
use pcpu_layout::CpuId;
use pcpu_layout::geometry::{Geometry, GeometryError, Placement, Setup, Storage};
use pcpu_platform::Event;
use pcpu_sim::{Call, Machine};

/// B45: K210's layout, and what its chunks take. pcpu: every further chunk takes 22 pages, not
/// 32; nothing is wasted, so nothing is warned about. `total_pages` leaves the wholly static
/// pages out, 3 of 11 in each unit; all units of all populated pages are the reference's 22.
#[test]
fn k210_has_the_reference_layout_and_wastes_nothing() {
    let mut pool = k210();
    let layout = pool.pool.geometry().to_string();
    let mut words = layout.lines().map(|line| line.trim_start_matches("pcpu-alloc: ").trim());
    assert_eq!(words.next(), Some("s15520 r0 d29536 u45056 alloc=11*4096"), "{layout}");
    assert_eq!(words.next(), Some("[0] 0 [0] 1"), "{layout}");
    assert_eq!(words.next(), None, "{layout}");

    let counts = pool.machine.counts();
    assert_eq!((counts.run_pages_taken, counts.run_pages_given), (22, 0));
    let stats = pool.pool.stats();
    assert_eq!((stats.populated_pages, stats.populated_pages * 2), (11, 22));
    assert_eq!((stats.total_pages, stats.empty_pop_pages), (16, 7));
    let chunk = pool.chunk(0);
    assert_eq!((chunk.free_bytes, chunk.contig_bytes), (29536, 29536));
    assert_eq!(chunk.first_bit, 808, "3232 bytes of the first page are static");
    assert_eq!(pool.a(8, 8), 15520);

    while pool.chunks() == 1 {
        pool.a(8192, 4);
    }
    assert_eq!(pool.machine.counts().run_pages_taken, 44);
    assert_eq!(pool.pool.stats().wasted_pages, 0);
}

/// Messages that a set-up sends.
fn warnings_of_setup(set_up: impl FnOnce(&Machine), machine: &Machine) -> usize {
    machine.record_events();
    set_up(machine);
    let events = machine.take_events();
    assert!(matches!(events[..], [Event::ChunkCreated { .. }, ..]), "it was recorded");
    events.iter().filter(|event| matches!(event, Event::Warning(_))).count()
}

/// B46: UP1 warns of no waste. pcpu: K210 does not either.
#[test]
fn set_up_warns_of_no_wasted_pages() {
    let config = Config { static_size: 15520, ..Config::default() };
    let k210 = |machine: &Machine| drop(Allocator::<_>::new(machine.no_mmu(), &config, &[]));
    let up = |machine: &Machine| {
        drop(Allocator::<_>::new(machine.uni(), &Config::default(), &[]));
    };
    assert_eq!(warnings_of_setup(up, &Machine::with_cpus(1)), 0);
    assert_eq!(warnings_of_setup(k210, &Machine::with_cpus(2)), 0);
    assert_eq!(up1().pool.stats().wasted_pages, 0);
}

/// B47: km with two groups. pcpu: set-up returns an error.
#[test]
fn km_refuses_more_than_one_group() {
    let nodes = Machine::builder().cpus(4).nodes(2).build();
    let apart = Machine::builder().cpus(3).local_when(|from, to| from == to).build();
    for (machine, groups) in [(nodes, 2), (apart, 3)] {
        let refused = Allocator::<_>::new(machine.no_mmu(), &Config::default(), &[]).unwrap_err();
        assert_eq!(refused, SetupError::OneGroupOnly { groups });
        assert!(refused.to_string().contains("can't handle more than one group"));
        assert_eq!((machine.frames_in_use(), machine.metadata_outstanding()), (0, 0));
        assert!(Allocator::<_>::new(machine.smp(), &Config::default(), &[]).is_ok(), "vm does");
    }
}

const M2: usize = 2 << 20;
/// Static, reserved and dynamic size and atom of the rows with large atoms.
const BIG: [usize; 4] = [184_320, 8192, 28672, M2];

/// Sizes asked for; CPUs, and how many are near each other; dynamic size given, unit, alloc and
/// units per alloc; units and offset of each group.
type Row = ([usize; 4], (u32, u32), [usize; 4], &'static [(u32, usize)]);

#[rustfmt::skip]
const ROWS: [Row; 19] = [
    ([16384, 0, 28672, 4096],    (2, 2),   [28672, 45056, 45056, 1],     &[(2, 0)]),
    ([15520, 0, 28672, 4096],    (2, 2),   [29536, 45056, 45056, 1],     &[(2, 0)]),
    ([15520, 8192, 28672, 4096], (4, 4),   [29536, 53248, 53248, 1],     &[(4, 0)]),
    ([4000, 0, 0, 4096],         (1, 1),   [20576, 32768, 32768, 1],     &[(1, 0)]),
    ([1000, 0, 20480, 65536],    (4, 4),   [23576, 32768, 65536, 2],     &[(4, 0)]),
    ([90000, 0, 28672, 65536],   (3, 3),   [28784, 131_072, 131_072, 1], &[(3, 0)]),
    ([1000, 0, 28672, M2],       (64, 64), [31768, 32768, M2, 64],       &[(64, 0)]),
    (BIG, (8, 8),   [28672, 262_144, M2, 8],   &[(8, 0)]),
    (BIG, (6, 6),   [28672, 262_144, M2, 8],   &[(8, 0)]),
    (BIG, (5, 5),   [28672, 1_048_576, M2, 2], &[(6, 0)]),
    (BIG, (4, 4),   [28672, 524_288, M2, 4],   &[(4, 0)]),
    (BIG, (3, 3),   [28672, 524_288, M2, 4],   &[(4, 0)]),
    (BIG, (1, 1),   [28672, M2, M2, 1],        &[(1, 0)]),
    (BIG, (2, 1),   [28672, M2, M2, 1],        &[(1, 0), (1, 0x20_0000)]),
    (BIG, (16, 8),  [28672, 262_144, M2, 8],   &[(8, 0), (8, 0x20_0000)]),
    (BIG, (12, 6),  [28672, 262_144, M2, 8],   &[(8, 0), (8, 0x20_0000)]),
    (BIG, (10, 5),  [28672, 1_048_576, M2, 2], &[(6, 0), (6, 0x60_0000)]),
    (BIG, (20, 10), [28672, 524_288, M2, 4],   &[(12, 0), (12, 0x60_0000)]),
    (BIG, (64, 16), [28672, 262_144, M2, 8],
        &[(16, 0), (16, 0x40_0000), (16, 0x80_0000), (16, 0xc0_0000)]),
];

/// Sets a pool up on a machine of one node, so that groups lie back to back, and compares.
fn assert_row(machine: &Machine, (asked, _, given, groups): Row) {
    let [static_size, reserved_size, dyn_size, atom_size] = asked;
    let config = Config { static_size, reserved_size, dyn_size, atom_size, ..Config::default() };
    let pool = Allocator::<_>::new(machine.smp(), &config, &[]).unwrap();
    let (geometry, stats) = (pool.geometry(), pool.stats());
    let upa = geometry.units_per_alloc() as usize;
    assert_eq!([stats.dyn_size, stats.unit_size, stats.alloc_size, upa], given);
    let seen = geometry.groups().iter().map(|group| (group.nr_units(), group.offset()));
    assert_eq!(seen.collect::<Vec<_>>(), groups);
}

/// B48: the layout of every row of the table.
#[test]
fn every_layout_of_the_table_comes_out() {
    for row in ROWS {
        let (nr, near) = row.1;
        let is_local = move |from: CpuId, to: CpuId| from.get() / near == to.get() / near;
        assert_row(&Machine::builder().cpus(nr).local_when(is_local).build(), row);
    }
}

/// B48, the last row: CPU 0 finds CPU 1 near, CPU 1 finds CPU 0 far.
#[test]
fn cpus_that_are_near_in_one_direction_only_are_in_groups_of_their_own() {
    let machine = Machine::builder().cpus(4).local_when(|from, to| from <= to).build();
    let groups: &[_] = &[(1, 0), (1, 0xc000), (1, 0x18000), (1, 0x24000)];
    assert_row(&machine, ([20000, 0, 28672, 4096], (4, 1), [29152, 49152, 49152, 1], groups));
}

/// B49: sizes that contradict themselves. pcpu: set-up returns an error that names the reason,
/// and keeps nothing. A layout is never handed in, so a unit smaller than its regions can only
/// come of sizes without a sum.
#[test]
fn sizes_that_make_no_unit_are_refused_and_nothing_is_kept() {
    let machine = Machine::with_cpus(1);
    let huge = Config { static_size: usize::MAX - 4096, ..Config::default() };
    let early = Config { min_unit_size: 4096, dyn_size: 0, ..Config::default() };
    let parts = Config { reserved_size: 10, ..Config::default() };
    let refused = [
        Allocator::<_>::new(machine.smp(), &huge, &[]).err(),
        Allocator::<_>::new(machine.uni(), &early, &[]).err(),
        Allocator::<_>::new(machine.smp(), &parts, &[]).err(),
    ];
    let (static_size, dyn_size) = (usize::MAX - 4096, 28672);
    let expected = [
        GeometryError::RegionsTooLarge { static_size, reserved_size: 0, dyn_size },
        GeometryError::DynamicBelowEarly { dyn_size: 4096, early_size: 20480 },
        GeometryError::ReservedNotGranules { reserved_size: 10, granule: 4 },
    ];
    assert_eq!(refused, expected.map(|error| Some(SetupError::Geometry(error))));
    assert_eq!((machine.frames_in_use(), machine.metadata_outstanding()), (0, 0));
}

/// B49: a base off a page edge and a CPU missing. A CPU listed twice and no group cannot come of
/// planning; pcpu-layout's own tests spoil a layout by hand to see them refused.
#[test]
fn a_layout_that_does_not_fit_the_machine_is_refused() {
    let needs = Geometry::needs(&Machine::with_cpus(2));
    let mut cpus = vec![Placement::default(); needs.cpus];
    let mut slots = vec![None; needs.slots];
    let mut groups = vec![Default::default(); needs.groups];
    let storage = Storage { cpus: &mut cpus, slots: &mut slots, groups: &mut groups };
    let two = Machine::with_cpus(2);
    let geometry = Geometry::plan(Setup::Embed, &Config::default(), &two, storage).unwrap();
    for base in [0, 4100] {
        let expected = GeometryError::BaseAddress { past_page: base % 4096, page_size: 4096 };
        assert_eq!(geometry.check_base(base), Err(expected));
    }
    let missing = GeometryError::CpuNotMapped { cpu: CpuId::new(2) };
    assert_eq!(geometry.check(&Machine::with_cpus(3)), Err(missing));
}

/// B50: S2 after set-up, and the first area, which costs no page.
#[test]
fn the_first_area_of_s2_comes_from_the_first_chunk_and_costs_no_page() {
    let mut pool = s2();
    assert_eq!((pool.empty(), pool.populated(), pool.chunks()), (7, 11, 1));
    assert_eq!(pool.contig(), 7168);
    let before = pool.machine.counts();
    assert_eq!((pool.a(8, 8), pool.empty()), (16384, 6));
    let after = pool.machine.counts();
    assert_eq!(
        (after.run_pages_taken, after.frames_taken, after.pages_mapped),
        (before.run_pages_taken, before.frames_taken, 0)
    );
}

/// B51: a static size that is no multiple of 4.
#[test]
fn the_dynamic_region_begins_at_a_granule_and_is_shorter_by_the_difference() {
    let machine = Machine::with_cpus(2);
    let config = Config { static_size: 16381, ..Config::default() };
    let pool = Allocator::new(machine.smp(), &config, &[]).unwrap();
    let mut pool = common::Pool::new(machine, pool, 16384);
    // 16381 + 28672 rounds up to 45056; 3 of the 28675 bytes are skipped.
    assert_eq!(pool.pool.stats().dyn_size, 28675);
    assert_eq!(pool.chunk(0).free_bytes, 28672);
    assert_eq!(pool.a(28672, 4), 16384);
}

/// B82: 3 CPUs and four units to an allocation: nothing ever touches the fourth unit. pcpu: its
/// memory is not even taken from boot memory.
#[test]
fn padding_units_are_never_touched() {
    let machine = Machine::with_cpus(3);
    let config = Config { static_size: 184_320, atom_size: M2, ..Config::default() };
    machine.record();
    let pool = Allocator::<_>::new(machine.smp(), &config, &[1; 1000]).unwrap();
    assert_eq!(pool.geometry().units_per_alloc(), 4);
    let unit = pool.stats().unit_size;
    assert_eq!((unit, machine.counts().run_pages_taken), (524_288, 3 * 128));

    let statics = pool.static_cookie(pcpu_layout::UnitOffset::new(0)).unwrap();
    let mut bases = vec![pool.address(&statics, CpuId::new(0)).unwrap().get()];
    for _ in 0..40 {
        pool.alloc(pcpu_core::Request::new(32768, 4)).unwrap();
    }
    let log = machine.take_log();
    bases.extend(log.iter().filter_map(|call| match call {
        Call::Reserve { base, .. } => Some(base.get()),
        _ => None,
    }));
    assert!(bases.len() > 1, "later chunks were made");
    let mut touched = 0;
    for call in &log {
        let (at, len) = match *call {
            Call::Map { at, pages } => (at.get(), pages.get() * 4096),
            Call::Zero { at, len } => (at.get(), len),
            _ => continue,
        };
        touched += 1;
        let used = |&base: &usize| base <= at && at + len <= base + 3 * unit;
        assert!(bases.iter().any(used), "{call:?}");
    }
    assert!(touched > 100);
    assert_eq!(pool.stats().total_pages % 3, 0, "3 units of every page");
}

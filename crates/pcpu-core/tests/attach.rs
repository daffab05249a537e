// SPDX-License-Identifier: MIT OR Apache-2.0
//! CPUs that are attached later: they cost nothing before, have all they need afterwards, and
//! an attempt that fails leaves nothing behind.

mod common;

use common::bytes;
use pcpu_core::{
    Allocator, AttachError, Config, Cookie, Machine as Backed, Region, Request, Stats,
};
use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, UnitOffset};
use pcpu_platform::Observer;
use pcpu_sim::{Machine, NoMmu, Smp};

const CONFIG: Config =
    Config { static_size: 6000, reserved_size: 4096, dyn_size: 20 << 10, ..Config::LINUX };
/// Four CPUs are possible, two are attached at set-up.
const LATER: [CpuId; 2] = [CpuId::new(2), CpuId::new(3)];

fn at_first(cpu: CpuId) -> bool {
    !LATER.contains(&cpu)
}

/// A machine whose two late CPUs are on a node of their own.
fn machine() -> Machine {
    Machine::builder().cpus(4).nodes(2).frames_per_node(1 << 14).local_when(|_, _| true).build()
}

fn vm(machine: &Machine) -> Allocator<Smp> {
    Allocator::with_attached(machine.smp(), &CONFIG, &[9; 100], at_first).unwrap()
}

fn km(machine: &Machine) -> Allocator<NoMmu> {
    Allocator::with_attached(machine.no_mmu(), &CONFIG, &[9; 100], at_first).unwrap()
}

/// Areas in the first, the reserved and later chunks, with holes and empty pages between them;
/// patterns on the CPUs that are attached.
fn settle<P: Backed + Observer>(machine: &Machine, pool: &Allocator<P>) -> Vec<(Cookie, usize)> {
    let mut live = Vec::new();
    for (nth, size) in (0..26).zip([8, 3000, 500, 12_000, 4096, 100, 9000].into_iter().cycle()) {
        let region = if nth % 9 == 4 { Region::Reserved } else { Region::Dynamic };
        let size = if region == Region::Reserved { 60 } else { size };
        let area = pool.alloc(Request::new(size, 8).region(region)).unwrap();
        let cpus = machine.possible_cpus().filter(|&cpu| pool.is_attached(cpu));
        bytes::fill(machine, pool, &area, cpus, size);
        live.push((area, size));
    }
    for nth in [21, 17, 13, 8, 5, 1] {
        pool.free(live.swap_remove(nth).0).unwrap();
    }
    pool.check().unwrap();
    live
}

fn assert_patterns<P: Backed>(machine: &Machine, pool: &Allocator<P>, live: &[(Cookie, usize)]) {
    for (area, size) in live {
        let cpus = machine.possible_cpus().filter(|&cpu| at_first(cpu));
        assert!(bytes::holds(machine, pool, area, cpus, *size), "an older CPU's copy changed");
    }
}

/// Backed page indexes of later chunks.
fn later_pages<P: Backed>(pool: &Allocator<P>) -> usize {
    pool.stats().populated_pages - pool.geometry().nr_boot_pages().get()
}

#[test]
fn a_cpu_that_is_not_attached_costs_no_frames_beyond_the_first_chunk() {
    let machine = machine();
    let pool = vm(&machine);
    let boot = machine.frames_in_use();
    let all = Machine::with_cpus(4);
    let full = Allocator::<Smp>::new(all.smp(), &CONFIG, &[9; 100]).unwrap();
    assert_eq!(boot, all.frames_in_use(), "the first chunk is every possible CPU's");
    drop(full);

    let live = settle(&machine, &pool);
    assert!(later_pages(&pool) > 8, "the areas reach into later chunks");
    assert_eq!(machine.frames_in_use() - boot, 2 * later_pages(&pool));
    for (area, _) in live.iter().filter(|(area, _)| pool.placement(area).unwrap().chunk > 0) {
        let at = |cpu| pool.address(area, cpu).unwrap();
        assert!(machine.node_at(at(CpuId::new(0))).is_some());
        assert!(LATER.iter().all(|&cpu| machine.node_at(at(cpu)).is_none()), "a frame too many");
    }
}

#[test]
fn attaching_backs_every_populated_page_near_the_cpu() {
    let machine = machine();
    let pool = vm(&machine);
    let live = settle(&machine, &pool);
    let before = machine.frames_in_use();
    pool.attach(LATER[0]).unwrap();
    pool.check().unwrap();
    assert_eq!(machine.frames_in_use() - before, later_pages(&pool));
    assert_patterns(&machine, &pool, &live);

    let page = pool.geometry().page_size();
    for (area, size) in live.iter().filter(|(area, _)| pool.placement(area).unwrap().chunk > 0) {
        let start = pool.address(area, LATER[0]).unwrap();
        for at in (0..*size).step_by(page).chain([size - 1]) {
            let node = machine.node_at(start.offset(at));
            assert_eq!(node, machine.node_of(LATER[0]), "a frame of the CPU's own node");
        }
        let other = pool.address(area, LATER[1]).unwrap();
        assert_eq!(machine.node_at(other), None, "the other one waits");
    }
}

/// Live and later areas read zero on the new CPU, and keep what others wrote.
fn attach_all<P: Backed + Observer>(machine: &Machine, pool: &Allocator<P>) {
    let mut live = settle(machine, pool);
    for cpu in LATER {
        assert!(!pool.is_attached(cpu));
        pool.attach(cpu).unwrap();
        assert!(pool.is_attached(cpu));
        pool.check().unwrap();
        for (area, size) in &live {
            assert!(bytes::is_zero(machine, pool, area, [cpu], *size), "CPU {cpu}'s is not zero");
        }
        assert_patterns(machine, pool, &live);
    }
    // Fills every CPU's copy of all there is, frees it, and expects zeros again.
    for round in 0..3 {
        for size in [8, 16, 600, 5000, 20_000, 32_768] {
            let area = pool.alloc(Request::new(size, 4)).unwrap();
            assert!(bytes::is_zero(machine, pool, &area, machine.possible_cpus(), size));
            bytes::fill(machine, pool, &area, machine.possible_cpus(), size);
            assert!(bytes::holds(machine, pool, &area, machine.possible_cpus(), size));
            if round < 2 {
                pool.free(area).unwrap();
            } else {
                live.push((area, size));
            }
        }
        pool.balance();
        pool.check().unwrap();
    }
    live.into_iter().for_each(|(area, _)| pool.free(area).unwrap());
    pool.trim();
    pool.check().unwrap();
    assert_eq!(pool.stats().nr_chunks, 1);
}

#[test]
fn live_and_later_areas_are_zero_on_an_attached_cpu() {
    let with_mmu = machine();
    let pool = vm(&with_mmu);
    let boot = with_mmu.frames_in_use();
    attach_all(&with_mmu, &pool);
    assert_eq!(with_mmu.frames_in_use(), boot);
    drop(pool);
    assert_eq!((with_mmu.frames_in_use(), with_mmu.areas_reserved()), (0, 0));

    let without = machine();
    let pool = km(&without);
    attach_all(&without, &pool);
    drop(pool);
    assert_eq!((without.frames_in_use(), without.metadata_outstanding()), (0, 0));
}

#[test]
fn the_static_image_is_there_before_a_cpu_is_attached_and_stays() {
    let machine = machine();
    let pool = vm(&machine);
    let variable = pool.static_cookie(UnitOffset::new(40)).unwrap();
    let holds = |cpu| bytes::copy(&machine, &pool, &variable, cpu, 60) == [9; 60];
    assert!(machine.possible_cpus().all(holds));
    pool.attach(LATER[1]).unwrap();
    assert!(machine.possible_cpus().all(holds));
}

/// Figures that an attempt which failed must not change. Peaks may: pages were held for a moment.
fn figures(stats: Stats) -> [usize; 4] {
    [stats.populated_pages, stats.empty_pop_pages, stats.total_pages, stats.nr_chunks]
}

#[test]
fn an_attach_that_fails_at_any_call_keeps_nothing() {
    let machine = machine();
    let pool = vm(&machine);
    let live = settle(&machine, &pool);
    let (frames, before) = (machine.frames_in_use(), figures(pool.stats()));
    let mut failures = 0;
    for n in 1.. {
        machine.fail_nth(n);
        let attached = pool.attach(LATER[0]);
        pool.check().unwrap();
        if attached.is_ok() {
            break;
        }
        failures += 1;
        assert_eq!(attached, Err(AttachError::NoPages));
        assert!(!pool.is_attached(LATER[0]));
        assert_eq!((machine.frames_in_use(), figures(pool.stats())), (frames, before), "call {n}");
        for (area, _) in live.iter().filter(|(area, _)| pool.placement(area).unwrap().chunk > 0) {
            let at = pool.address(area, LATER[0]).unwrap();
            assert_eq!(machine.node_at(at), None, "call {n} failed, and a page is mapped");
        }
    }
    machine.fail_none();
    assert_eq!(failures, 2 * later_pages(&pool), "a frame and a mapping for every page");
    assert!(pool.is_attached(LATER[0]));
    let all_zero =
        |(area, size): &(Cookie, usize)| bytes::is_zero(&machine, &pool, area, [LATER[0]], *size);
    assert!(live.iter().all(all_zero));
    assert_patterns(&machine, &pool, &live);
}

#[test]
fn attaching_twice_does_nothing() {
    let machine = machine();
    let pool = vm(&machine);
    let live = settle(&machine, &pool);
    pool.attach(LATER[0]).unwrap();
    for (area, size) in &live {
        bytes::fill(&machine, &pool, area, [LATER[0]], *size);
    }
    let before = (machine.counts(), pool.stats());
    pool.attach(LATER[0]).unwrap();
    pool.attach(CpuId::new(0)).unwrap();
    assert_eq!((machine.counts(), pool.stats()), before);
    for (area, size) in &live {
        assert!(bytes::holds(&machine, &pool, area, [LATER[0]], *size), "zeroed a second time");
    }
}

#[test]
fn a_cpu_that_is_not_possible_cannot_be_attached() {
    let machine = Machine::builder().possible([0, 1, 3]).build();
    let pool = Allocator::<Smp>::new(machine.smp(), &CONFIG, &[]).unwrap();
    for cpu in [2, 4, 5, 1000, u32::MAX].map(CpuId::new) {
        let error = pool.attach(cpu).unwrap_err();
        assert_eq!(error, AttachError::NotPossible { cpu });
        assert_eq!(error.to_string(), format!("CPU {cpu} is not possible in this pool"));
        assert!(!pool.is_attached(cpu));
        assert_eq!(pool.address(&pool.static_cookie(UnitOffset::new(0)).unwrap(), cpu), None);
    }
    pool.check().unwrap();
    let up = Machine::with_cpus(1);
    let pool = Allocator::<pcpu_sim::Uni>::new(up.uni(), &Config::default(), &[]).unwrap();
    pool.attach(CpuId::new(0)).unwrap();
    assert!(pool.attach(CpuId::new(1)).is_err());
}

#[test]
fn a_pool_with_no_cpu_attached_waits_for_its_first() {
    let machine = Machine::with_cpus(2);
    let pool = Allocator::<Smp>::with_attached(machine.smp(), &CONFIG, &[], |_| false).unwrap();
    let boot = machine.frames_in_use();
    let area = pool.alloc(Request::new(30_000, 64)).unwrap();
    assert_eq!(machine.frames_in_use(), boot, "pages for nobody");
    pool.check().unwrap();
    for cpu in machine.possible_cpus() {
        pool.attach(cpu).unwrap();
        assert!(bytes::is_zero(&machine, &pool, &area, [cpu], 30_000));
    }
    assert_eq!(machine.frames_in_use(), boot + 2 * later_pages(&pool));
    pool.free(area).unwrap();
    pool.trim();
    pool.check().unwrap();
    assert_eq!(machine.frames_in_use(), boot);
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A short life of a pool in every cell, small enough for an interpreter that checks each access.
//!
//! Other tests are thorough and run on hardware; this one exists for Miri: records are made,
//! reused and given back, lists relinked, the directory grown, CPUs attached, and set-up fails
//! half-way, all within seconds of interpretation.

use pcpu_core::{Allocator, Config, Context, Cookie, Machine as Backed, Request, SetupError};
use pcpu_layout::CpuId;
use pcpu_platform::Observer;
use pcpu_sim::{Machine, Smp};

/// Small pages and units: two pages of dynamic region, units of four pages.
fn small() -> Config {
    Config {
        page_size: 256,
        min_unit_size: 1024,
        static_size: 100,
        dyn_size: 412,
        early_size: 0,
        atom_size: 256,
        ..Config::default()
    }
}

fn machine(cpus: u32) -> Machine {
    Machine::builder().cpus(cpus).page_size(256).build()
}

fn short_life<P: Backed + Observer>(machine: Machine, pool: Allocator<P>) {
    pool.enable_balance();
    let start = pool.stats();
    let mut live = Vec::new();
    for n in 1..25_usize {
        live.push(pool.alloc(Request::new(n * 97 % 900 + 1, 1 << (n % 8))).unwrap());
        live.extend(pool.alloc(Request::new(n * 4, 4).context(Context::Atomic)));
        if n % 4 == 0 {
            pool.free(live.swap_remove(n / 4)).unwrap();
        }
        if n % 8 == 0 {
            pool.balance();
            pool.check().unwrap();
        }
    }
    assert!(pool.stats().nr_max_chunks > 10, "enough chunks to make the directory grow");
    let (freed, twice) = (live.pop().unwrap().into_raw(), Cookie::from_raw);
    pool.free(twice(freed)).unwrap();
    assert!(pool.free(twice(freed)).is_err());
    live.into_iter().for_each(|cookie| pool.free(cookie).unwrap());
    pool.balance();
    pool.free(pool.alloc(Request::new(64, 64)).unwrap()).unwrap();
    pool.trim();
    pool.check().unwrap();
    assert_eq!(pool.stats().total_pages, start.total_pages);

    drop(pool);
    assert_eq!((machine.frames_in_use(), machine.metadata_outstanding()), (0, 0));
}

#[test]
fn one_cpu() {
    let machine = machine(1);
    let config = Config { static_size: 0, dyn_size: 1024, ..small() };
    let pool = Allocator::new(machine.uni(), &config, &[]).unwrap();
    short_life(machine, pool);
}

#[test]
fn several_cpus_without_an_mmu() {
    let machine = machine(3);
    let pool = Allocator::new(machine.no_mmu(), &small(), &[7; 100]).unwrap();
    short_life(machine, pool);
}

#[test]
fn several_cpus_with_an_mmu() {
    let machine = machine(3);
    let config = Config { reserved_size: 64, ..small() };
    let pool = Allocator::new(machine.smp(), &config, &[7; 100]).unwrap();
    short_life(machine, pool);
}

#[test]
fn several_cpus_set_up_page_by_page() {
    let machine = machine(2);
    let pool = Allocator::new_paged(machine.smp(), &small(), &[]).unwrap();
    short_life(machine, pool);
}

#[test]
fn a_cpu_is_attached_late() {
    let machine = machine(3);
    let late = CpuId::new(1);
    let pool =
        Allocator::<Smp>::with_attached(machine.smp(), &small(), &[], |cpu| cpu != late).unwrap();
    let kept = pool.alloc(Request::new(1000, 4)).unwrap();
    pool.attach(late).unwrap();
    pool.free(kept).unwrap();
    pool.check().unwrap();
}

#[test]
fn a_cpu_is_attached_late_to_a_first_chunk_that_has_no_page_for_it() {
    let machine = machine(3);
    let late = CpuId::new(1);
    let others = |cpu| cpu != late;
    let config = Config { reserved_size: 64, ..small() };
    let made = Allocator::<Smp>::new_paged_with_attached(machine.smp(), &config, &[7], others);
    let pool = made.unwrap();
    let kept = pool.alloc(Request::new(1000, 4)).unwrap();
    pool.attach(late).unwrap();
    pool.free(kept).unwrap();
    pool.trim();
    short_life(machine, pool);
}

#[test]
fn a_set_up_that_fails_gives_everything_back() {
    let machine = machine(2);
    for n in 1.. {
        machine.fail_nth(n);
        let before = machine.fallible_calls();
        let made = Allocator::<Smp>::new_paged(machine.smp(), &small(), &[]);
        let reached = machine.fallible_calls() - before >= n;
        machine.fail_none();
        match made {
            Ok(_) => {
                assert!(!reached, "a set-up swallowed a failure");
                break;
            }
            Err(SetupError::NoPages { .. } | SetupError::NoMetadata | SetupError::NoSpace) => {}
            Err(error) => panic!("{error}"),
        }
        assert_eq!((machine.frames_in_use(), machine.metadata_outstanding()), (0, 0));
        assert_eq!(machine.areas_reserved(), 0);
    }
}

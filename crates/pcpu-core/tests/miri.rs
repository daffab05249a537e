// SPDX-License-Identifier: MIT OR Apache-2.0
//! A short life of a pool in each cell, for an interpreter that checks every pointer.
//!
//! Every unsafe block of the crate runs here at least once: records and tables, a directory
//! that grows, frames that are mapped and unmapped, failures at set-up and later, frees on two
//! threads, and pools that are dropped where they stand and as an argument.

mod common;

use std::thread;

use common::bytes;
use pcpu_core::{Allocator, Config, Context, Machine as Backed, Region, Request, SetupError};
use pcpu_layout::CpuId;
use pcpu_platform::Observer;
use pcpu_sim::{Machine, NoMmu, Smp, Uni};

/// Small pages and units, so that little is interpreted.
const CONFIG: Config = Config {
    page_size: 256,
    min_unit_size: 1024,
    atom_size: 256,
    static_size: 40,
    dyn_size: 900,
    early_size: 256,
    ..Config::LINUX
};
const RESERVING: Config = Config { reserved_size: 128, ..CONFIG };

fn machine(cpus: u32) -> Machine {
    let machine = Machine::builder().cpus(cpus).page_size(256).tlb_entries(16);
    machine.frames_per_node(256).address_space(1024).build()
}

fn live<P: Backed + Observer>(machine: &Machine, pool: &Allocator<P>)
where
    Allocator<P>: Sync,
{
    pool.enable_balance();
    let cpus = || machine.possible_cpus().filter(|&cpu| pool.is_attached(cpu));
    let mut areas = Vec::new();
    for size in [8, 700, 1000, 4, 1024, 60, 1024, 1024, 1024, 1024, 1024, 1024] {
        let area = pool.alloc(Request::new(size, 8)).unwrap();
        assert!(bytes::is_zero(machine, pool, &area, cpus(), size));
        bytes::fill(machine, pool, &area, cpus(), size);
        areas.push((area, size));
    }
    areas
        .extend(pool.alloc(Request::new(8, 4).context(Context::Atomic)).ok().map(|area| (area, 0)));
    areas
        .extend(pool.alloc(Request::new(8, 4).region(Region::Reserved)).ok().map(|area| (area, 0)));
    pool.balance();
    for cpu in machine.possible_cpus() {
        pool.attach(cpu).unwrap();
    }
    pool.check().unwrap();
    areas.rotate_left(5);
    for (area, size) in areas.drain(3..) {
        assert!(bytes::holds(machine, pool, &area, [CpuId::new(0)], size));
        pool.free(area).unwrap();
    }
    pool.balance();
    let numbers: Vec<usize> = areas.into_iter().map(|(area, _)| area.into_raw().get()).collect();
    assert!(pool.free_raw(numbers[0] + 1).is_err());
    thread::scope(|scope| {
        let other = scope.spawn(|| pool.free_raw(numbers[0]).is_ok());
        assert!(pool.free_raw(numbers[0]).is_ok() != other.join().unwrap());
    });
    pool.trim();
    pool.check().unwrap();
    assert!(!pool.percpu_stats().to_string().is_empty());
}

/// Lives once and is dropped as an argument; then fails at set-up, at every third call.
fn lives<P: Backed + Observer>(
    cpus: u32,
    make: impl Fn(&Machine) -> Result<Allocator<P>, SetupError>,
) where
    Allocator<P>: Sync,
{
    let first = machine(cpus);
    let pool = make(&first).unwrap();
    live(&first, &pool);
    drop(pool);
    assert_eq!((first.frames_in_use(), first.metadata_outstanding()), (0, 0));

    for n in (1..).step_by(3) {
        let failing = machine(cpus);
        failing.fail_nth(n);
        let made = make(&failing).map(drop).is_ok();
        assert_eq!((failing.frames_in_use(), failing.metadata_outstanding()), (0, 0));
        if made {
            return;
        }
    }
}

#[test]
fn a_life_on_one_cpu() {
    lives::<Uni>(1, |machine| Allocator::new(machine.uni(), &CONFIG, &[]));
}

#[test]
fn a_life_without_an_mmu() {
    let zero = |cpu: CpuId| cpu.get() == 0;
    lives::<NoMmu>(2, |machine| {
        Allocator::with_attached(machine.no_mmu(), &CONFIG, b"image", zero)
    });
}

#[test]
fn a_life_with_an_mmu() {
    let zero = |cpu: CpuId| cpu.get() == 0;
    lives::<Smp>(2, |machine| Allocator::with_attached(machine.smp(), &RESERVING, b"image", zero));
}

#[test]
fn a_life_after_a_paged_set_up() {
    lives::<Smp>(2, |machine| Allocator::new_paged(machine.smp(), &CONFIG, b"image"));
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The allocator on a small board: pages of 256 bytes, 16 KiB in all, three CPUs.

mod board;

use core::alloc::Layout;

use board::{Flag, TestBoard, memory, play};
use pcpu_bare::Bare;
use pcpu_core::{Allocator, Config, Request};
use pcpu_layout::CpuId;
use pcpu_platform::{Addr, SmpNoMmu, ThisCpu};

const CPUS: u32 = 3;
const PAGE: usize = 256;

type Small = TestBoard<SmpNoMmu, CPUS, PAGE>;
type Pool = Allocator<Bare<Small>>;

fn config() -> Config {
    Config {
        page_size: PAGE,
        atom_size: PAGE,
        min_unit_size: 1024,
        dyn_size: 400,
        early_size: 200,
        static_size: 100,
        ..Config::default()
    }
}

fn pool() -> Pool {
    let (pages, records) = (memory(16 << 10, PAGE), memory(32 << 10, 16));
    // SAFETY: both ranges are ordinary memory, fresh, and used by nothing else.
    let bare = unsafe { Bare::new(Small::new(), pages, records) }.unwrap();
    Pool::new(bare, &config(), &[7; 100]).unwrap()
}

#[test]
fn every_cpu_counts_on_its_own_copy() {
    let pool = pool();
    let hits = pool.alloc(Request::from(Layout::new::<u64>())).unwrap();
    let copy_of = |cpu: CpuId| -> Addr { pool.address(&hits, cpu).unwrap() };
    std::thread::scope(|scope| {
        for cpu in 0..CPUS {
            let (pool, copy_of) = (&pool, &copy_of);
            scope.spawn(move || {
                play(cpu);
                for _ in 0..1000 * (cpu + 1) {
                    // SAFETY: each CPU has an aligned `u64` there, zeroed by the allocator, and only
                    // these threads use it, each its own.
                    unsafe { pool.platform().add_return(copy_of, 1_u64) };
                }
            });
        }
    });
    for cpu in 0..CPUS {
        play(cpu);
        // SAFETY: as above, and the threads have ended.
        let count: u64 = unsafe { pool.platform().load(copy_of) };
        assert_eq!(count, 1000 * u64::from(cpu + 1));
    }
    pool.free(hits).unwrap();
    assert!(!Flag::masked());
}

#[test]
fn memory_runs_out_in_order_and_comes_back() {
    let pool = pool();
    let free_at_first = pool.platform().free_pages();
    let mut areas = Vec::new();
    while let Ok(area) = pool.alloc(Request::from(Layout::from_size_align(96, 8).unwrap())) {
        areas.push(area);
        pool.check().unwrap();
    }
    assert!(areas.len() >= 3 * free_at_first / CPUS as usize / 2, "{} areas", areas.len());
    for area in areas {
        pool.free(area).unwrap();
        pool.check().unwrap();
    }
    pool.balance();
    pool.trim();
    assert_eq!(pool.platform().free_pages(), free_at_first);
}

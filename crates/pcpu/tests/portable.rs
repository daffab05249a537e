// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pools on the machine that every system with the standard library has: the one of `pcpu::default`
//! where there is no better. Here they run on whatever system this is.

use std::thread;

use pcpu::layout::PageCount;
use pcpu::platform::{Frames, Memory, ThisCpu};
use pcpu::{Allocator, Config, Request, SetupError};
use pcpu_linux::Portable;

const THREADS: u64 = 5;
const TURNS: u64 = if cfg!(miri) { 10 } else { 2_000 };

/// Units of 32 KiB, of which the first ones use three pages.
fn config() -> Config {
    Config { dyn_size: 3 * 4096, ..Config::default() }
}

/// Whether nothing of the heap is in use as pages.
fn is_idle(machine: &Portable) -> bool {
    machine.pages_in_use() == PageCount::ZERO && machine.heap_bytes() == 0
}

#[test]
fn areas_are_zero_and_apart_on_every_cpu_and_all_memory_goes_back() {
    let machine = Portable::with_cpus(3).unwrap();
    let pool = Allocator::<Portable>::new(machine.clone(), &config(), &[]).unwrap();
    let set_up = machine.heap_bytes();
    let areas: Vec<_> =
        (1..60).map(|n| (n, pool.alloc(Request::new(n * 40, 8)).unwrap())).collect();
    assert!(machine.heap_bytes() > set_up, "more than the first chunk");
    for (n, area) in &areas {
        for cpu in pool.geometry().cpus() {
            let at = pool.address(area, cpu).unwrap();
            let mut seen = vec![1; n * 40];
            // SAFETY: a live area of as many bytes, which only this test uses.
            unsafe { machine.read(at, &mut seen) };
            assert!(seen.iter().all(|&byte| byte == 0), "area {n} on CPU {cpu}");
            // SAFETY: the same.
            unsafe { machine.write(at, &vec![*n as u8; n * 40]) };
        }
    }
    for (n, area) in areas {
        for cpu in pool.geometry().cpus() {
            let mut seen = vec![0; n * 40];
            // SAFETY: the same.
            unsafe { machine.read(pool.address(&area, cpu).unwrap(), &mut seen) };
            assert!(seen.iter().all(|&byte| byte == n as u8), "area {n} on CPU {cpu}");
        }
        pool.free(area).unwrap();
    }
    pool.check().unwrap();
    drop(pool);
    assert!(is_idle(&machine));
}

#[test]
fn tails_of_first_units_come_back_and_their_run_stays_until_the_end() {
    let machine = Portable::with_cpus(3).unwrap();
    let pool = Allocator::<Portable>::new(machine.clone(), &config(), &[]).unwrap();
    let (used, whole) = (pool.geometry().nr_boot_pages(), pool.geometry().pages_per_unit());
    assert!(used < whole, "{used:?} of {whole:?}");
    assert_eq!(machine.pages_in_use().get(), 3 * used.get());
    assert_eq!(machine.heap_bytes(), 3 * whole.get() * machine.page_size());
    drop(pool);
    assert!(is_idle(&machine));
}

#[test]
fn no_update_is_lost_where_more_threads_than_cpus_count() {
    let machine = Portable::with_cpus(2).unwrap();
    let pool = Allocator::<Portable>::new(machine, &config(), &[]).unwrap();
    let hits = pool.alloc(Request::new(8, 8)).unwrap();
    let copy_of = |cpu| pool.address(&hits, cpu).unwrap();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..TURNS {
                    // SAFETY: every copy is an aligned u64, which only these threads use.
                    unsafe { pool.platform().add_return(copy_of, 1_u64) };
                }
            });
        }
    });
    let counts = pool.geometry().cpus().map(|cpu| {
        let mut copy = [0; 8];
        // SAFETY: a live area of 8 bytes; the threads have ended.
        unsafe { pool.platform().read(copy_of(cpu), &mut copy) };
        u64::from_ne_bytes(copy)
    });
    assert_eq!(counts.sum::<u64>(), THREADS * TURNS);
    pool.free(hits).unwrap();
}

#[test]
fn pages_that_are_not_the_machine_s_are_refused_with_both_sizes_and_nothing_is_kept() {
    let machine = Portable::with_cpus(3).unwrap();
    let config = Config::linux(16 << 10);
    let refused = Allocator::<Portable>::new(machine.clone(), &config, &[]).unwrap_err();
    assert_eq!(refused, SetupError::PageSize { config: 16 << 10, platform: 4096 });
    assert!(is_idle(&machine));
}

/// Where a linker makes the symbols that statics need, and under no interpreter.
#[cfg(not(any(miri, windows, target_vendor = "apple")))]
mod statics {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use pcpu::Pcpu;

    use super::*;

    pcpu::statics! {
        static OWN: Cell<u64> = Cell::new(1);
        static SEEN: AtomicU64 = AtomicU64::new(0);
    }

    #[test]
    fn a_plain_cell_loses_no_update_where_more_threads_than_cpus_pin() {
        let machine = Portable::with_cpus(2).unwrap();
        let pcpu = Pcpu::<Portable>::new(machine.clone(), &config()).unwrap();
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..TURNS {
                        pcpu.pinned(|here| {
                            OWN.get(here).set(OWN.get(here).get() + 1);
                            SEEN.get(here).store(OWN.get(here).get() - 1, Relaxed);
                        });
                    }
                });
            }
        });
        let seen = pcpu.geometry().cpus().map(|cpu| SEEN.on(&pcpu, cpu).unwrap().load(Relaxed));
        assert_eq!(seen.sum::<u64>(), THREADS * TURNS);
        drop(pcpu);
        assert!(is_idle(&machine));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine for all systems keeps its promises, on this one.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use pcpu_conformance::{exact_runs, platform};
use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, PageCount};
use pcpu_linux::{BuildError, Portable};
use pcpu_platform::Cpus;

#[test]
fn a_machine_for_all_systems_keeps_all_promises_and_gives_everything_back() {
    let machines = [1, 3, 64].map(|cpus| Portable::with_cpus(cpus).unwrap());
    for machine in [Portable::new(), Portable::default()].into_iter().chain(machines) {
        println!("{machine:?}");
        platform(&machine);
        assert_eq!((machine.pages_in_use(), machine.heap_bytes()), (PageCount::ZERO, 0));
        exact_runs(&machine, || machine.pages_in_use().get());
        assert_eq!(machine.heap_bytes(), 0);
    }
}

#[test]
fn a_number_of_cpus_that_cannot_be_is_refused_with_what_can() {
    for asked in [0, 65_537, u32::MAX] {
        let error = Portable::with_cpus(asked).unwrap_err();
        assert_eq!(error, BuildError::Cpus { asked, most: 65_536 });
        assert_eq!(
            error.to_string(),
            format!("{asked} CPUs were asked for, 1 to 65536 are possible")
        );
    }
    assert_eq!(Portable::with_cpus(65_536).unwrap().nr_cpu_ids(), 65_536);
}

#[test]
fn by_itself_it_has_as_many_cpus_as_threads_may_run() {
    let running = thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(Portable::new().nr_cpu_ids() as usize, running);
}

#[test]
fn every_cpu_is_possible_and_near_and_no_other_is() {
    let machine = Portable::with_cpus(3).unwrap();
    let cpus: Vec<_> = (0..3).map(CpuId::new).collect();
    for &cpu in &cpus {
        assert!(machine.is_possible(cpu));
        assert_eq!(machine.node_of(cpu), None);
        assert!(cpus.iter().all(|&other| machine.is_local(cpu, other)));
    }
    assert!(!machine.is_possible(CpuId::new(3)));
}

/// Numbers go out in turn, so 20 threads are five for each CPU. Those of the four other tests may be
/// among them, and no CPU is left without one of these 16.
#[test]
fn a_thread_stands_for_one_cpu_and_all_cpus_are_stood_for() {
    const CPUS: u32 = 4;
    let machine = Portable::with_cpus(CPUS).unwrap();
    let started = Barrier::new(16);
    let seen: BTreeSet<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    started.wait();
                    let first = machine.current();
                    thread::yield_now();
                    assert_eq!(machine.current(), first);
                    first
                })
            })
            .collect();
        threads.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert!(seen.iter().all(|&cpu| machine.is_possible(cpu)));
    assert_eq!(seen.len(), CPUS as usize);
}

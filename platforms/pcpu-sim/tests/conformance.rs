// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine keeps the promises of a platform, in every cell and of any shape.

use pcpu_conformance as conformance;
use pcpu_sim::{Builder, Machine};

/// Nothing may be left behind, whatever was tried.
fn assert_clean(machine: &Machine) {
    assert_eq!(machine.frames_in_use(), 0);
    assert_eq!(machine.areas_reserved(), 0);
    assert_eq!(machine.metadata_outstanding(), 0);
    assert_eq!(machine.violations(), []);
}

fn shapes() -> [Builder; 5] {
    [
        Machine::builder(),
        Machine::builder().cpus(64).nodes(4).page_size(256).seed(3),
        Machine::builder().possible([1, 5, 6, 300]).page_size(65536),
        Machine::builder().cpus(8).nodes(2).frames_per_node(64).strict_caches(),
        Machine::builder().cpus(8192).nodes(128).tlb_entries(16),
    ]
}

#[test]
fn a_machine_that_can_map_passes() {
    for machine in shapes().map(Builder::build) {
        let platform = machine.smp();
        conformance::everything_mapped(&platform);
        conformance::frames_keep_content(&platform);
        conformance::exact_runs(&platform, || machine.frames_in_use());
        assert_clean(&machine);
    }
}

#[test]
fn a_machine_without_an_mmu_passes() {
    for machine in shapes().map(Builder::build) {
        conformance::platform(&machine.no_mmu());
        conformance::exact_runs(&machine.no_mmu(), || machine.frames_in_use());
        assert_clean(&machine);
    }
}

#[test]
fn a_machine_of_one_cpu_passes() {
    let machines = [Machine::with_cpus(1), Machine::builder().possible([7]).page_size(256).build()];
    for machine in machines {
        conformance::platform(&machine.uni());
        assert_clean(&machine);
    }
}

#[test]
fn whichever_cpu_runs_the_suite_passes() {
    let machine = Machine::builder().cpus(4).nodes(2).build();
    for cpu in machine.possible_cpus() {
        machine.run_on(cpu, || conformance::everything_mapped(&machine.smp()));
    }
    assert_clean(&machine);
}

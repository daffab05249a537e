// SPDX-License-Identifier: MIT OR Apache-2.0
//! The suite that every platform runs, on all machines that this one can be.
#![cfg(target_os = "linux")]

use pcpu_conformance::{everything_mapped, exact_runs, platform};
use pcpu_layout::PageCount;
use pcpu_linux::{Backing, Builder, Linux};

fn machines() -> Vec<(String, Builder)> {
    let mut machines = vec![("the system's own".to_owned(), Linux::builder())];
    for (cpus, nodes) in [(1, 1), (4, 1), (16, 4)] {
        for backing in [Backing::Overcommitted, Backing::Accounted] {
            let builder = Linux::builder().cpus(cpus).nodes(nodes).backing(backing);
            // Enough for the suite, and small enough to be granted whatever the accounting.
            let builder = builder.address_space(64 << 20);
            machines.push((format!("{cpus} CPUs, {nodes} nodes, {backing:?}"), builder));
        }
    }
    machines
}

#[test]
fn a_machine_that_maps_keeps_all_promises_and_gives_everything_back() {
    for (name, builder) in machines() {
        println!("{name}");
        let machine = builder.build().unwrap();
        everything_mapped(&machine);
        assert_eq!(machine.backed_pages(), PageCount::ZERO);
        exact_runs(&machine, || machine.backed_pages().get());
    }
}

#[test]
fn a_machine_that_does_not_map_keeps_all_promises_and_gives_everything_back() {
    for (name, builder) in machines() {
        println!("{name}");
        let machine = builder.build_no_mmu().unwrap();
        platform(&machine);
        assert_eq!(machine.backed_pages(), PageCount::ZERO);
        exact_runs(&machine, || machine.backed_pages().get());
    }
}

#[test]
fn a_uniprocessor_keeps_all_promises_with_pages_of_any_size() {
    for page_size in [256, 512, 4096, 16 << 10, 64 << 10] {
        println!("pages of {page_size} bytes");
        let machine = Linux::builder().page_size(page_size).build_uni().unwrap();
        platform(&machine);
        assert_eq!(machine.backed_pages(), PageCount::ZERO);
        exact_runs(&machine, || machine.backed_pages().get());
    }
}

#[test]
fn large_pages_keep_all_promises() {
    let page_size = 4 * rustix::param::page_size();
    let machine = Linux::builder().cpus(3).page_size(page_size).build().unwrap();
    everything_mapped(&machine);
}

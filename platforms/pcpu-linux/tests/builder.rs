// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a machine can be, and what a description that cannot be is told.
#![cfg(target_os = "linux")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{mappings, system_page};
use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, NodeId};
use pcpu_linux::{Backing, BuildError, Linux};
use pcpu_platform::{Addr, Cell, Cpus, Event, Frames, Observer, Platform, ThisCpu};

fn is_smp<P: Platform>(_: &P) -> bool {
    <P::Cell as Cell<P>>::SMP
}

#[test]
fn the_default_is_the_system_itself() {
    let machine = Linux::builder().build().unwrap();
    assert_eq!(machine.page_size(), system_page());
    assert!(machine.is_possible(machine.current()));
    assert!(is_smp(&machine));
    let no_mmu = Linux::builder().build_no_mmu().unwrap();
    assert_eq!(no_mmu.nr_cpu_ids(), machine.nr_cpu_ids());
    assert!(is_smp(&no_mmu));
}

#[test]
fn a_uniprocessor_has_one_cpu_whatever_runs_it() {
    let machine = Linux::builder().build_uni().unwrap();
    assert_eq!(machine.nr_cpu_ids(), 1);
    assert!(!is_smp(&machine));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(machine.current(), CpuId::new(0)));
        }
    });
}

#[test]
fn pretended_cpus_and_nodes_are_blocks_of_neighbours() {
    let machine = Linux::builder().cpus(512).nodes(4).build().unwrap();
    assert_eq!(machine.nr_cpu_ids(), 512);
    assert_eq!(machine.node_of(CpuId::new(127)), Some(NodeId::new(0)));
    assert_eq!(machine.node_of(CpuId::new(128)), Some(NodeId::new(1)));
    assert!(!machine.is_local(CpuId::new(127), CpuId::new(128)));
    assert!(machine.is_local(CpuId::new(511), CpuId::new(384)));
}

#[test]
fn a_pretended_machine_without_nodes_is_all_near() {
    let machine = Linux::builder().cpus(8).build().unwrap();
    assert_eq!(machine.node_of(CpuId::new(7)), None);
    assert!(machine.is_local(CpuId::new(0), CpuId::new(7)));
}

#[test]
fn a_reservation_far_larger_than_memory_is_granted_and_costs_nothing() {
    let asked = 1_usize << (usize::BITS / 2 + 3);
    let machine = Linux::builder().address_space(asked).backing(Backing::Accounted);
    let machine = machine.build().unwrap();
    let space = machine.address_space();
    assert_eq!(space.end.get() - space.start.get(), asked);
    assert_eq!((mappings(&machine).bytes, mappings(&machine).nr), (0, 1));
}

#[test]
fn the_default_reservation_is_granted_by_the_system_as_it_is() {
    let machine = Linux::builder().build().unwrap();
    let space = machine.address_space();
    let least = if usize::BITS >= 64 { 256 } else { 16 };
    assert!((space.end.get() - space.start.get()) >> 20 >= least);
    assert_eq!((mappings(&machine).bytes, mappings(&machine).nr), (0, 1));
}

#[test]
fn an_address_space_is_rounded_up_to_pages() {
    let machine = Linux::builder().address_space(system_page() + 1).build().unwrap();
    let space = machine.address_space();
    assert_eq!(space.end.get() - space.start.get(), 2 * system_page());
}

#[test]
fn a_description_that_cannot_be_is_refused_in_words() {
    let system = system_page();
    let (half, odd) = (system / 2, system + 1);
    let cases = [
        (Linux::builder().cpus(0).build().err(), "0 CPUs were asked for, 1 to 65536 are possible"),
        (
            Linux::builder().cpus(1 << 20).build().err(),
            "1048576 CPUs were asked for, 1 to 65536 are possible",
        ),
        (
            Linux::builder().cpus(2).nodes(3).build().err(),
            "3 memory nodes were asked for, 1 to 2 suit 2 CPUs",
        ),
        (
            Linux::builder().cpus(2).nodes(0).build_no_mmu().err(),
            "0 memory nodes were asked for, 1 to 2 suit 2 CPUs",
        ),
        (
            Linux::builder().cpus(4).build_uni().err(),
            "4 CPUs were asked for, a uniprocessor machine has 1",
        ),
        (
            Linux::builder().page_size(128).build_uni().err(),
            "page size 128 is not a power of two of at least 256 bytes",
        ),
        (
            Linux::builder().page_size(odd).build().err(),
            &format!("page size {odd} is not a power of two of at least 256 bytes"),
        ),
        (
            Linux::builder().page_size(half).build().err(),
            &format!("page size {half} cannot be mapped, the system's pages have {system} bytes"),
        ),
        (
            Linux::builder().address_space(100).build_uni().err(),
            &format!("an address space of 100 bytes was asked for, the least is {system}"),
        ),
    ];
    for (error, message) in cases {
        assert_eq!(error.map(|error| error.to_string()).as_deref(), Some(message));
    }
}

#[test]
fn more_addresses_than_there_are_are_refused_by_the_system() {
    for asked in [usize::MAX, isize::MAX as usize] {
        let error = Linux::builder().address_space(asked).build().unwrap_err();
        assert!(matches!(error, BuildError::Refused { code: 12, .. }), "{error}");
        assert!(error.to_string().starts_with("the system refused to reserve "), "{error}");
    }
}

#[test]
fn an_observer_hears_of_events() {
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    let observer = move |event: &Event| {
        assert!(matches!(event, Event::BalanceWanted));
        count.fetch_add(1, Ordering::Relaxed);
    };
    let machine = Linux::builder().observer(Box::new(observer)).build().unwrap();
    machine.clone().event(&Event::BalanceWanted);
    assert_eq!(heard.load(Ordering::Relaxed), 1);
    Linux::builder().build().unwrap().event(&Event::BalanceWanted);
}

#[test]
fn no_debug_text_shows_an_address() {
    let machine = Linux::builder().build().unwrap();
    let text = format!("{machine:?} {:?}", Linux::builder());
    let start = machine.address_space().start.get();
    assert!(!text.contains(&format!("{start:x}")) && !text.contains(&start.to_string()), "{text}");
}

#[test]
fn counting_on_every_cpu_loses_nothing() {
    const ADDS: u64 = 5_000;
    let machine = Linux::builder().cpus(3).build().unwrap();
    let mut words = [[0_u64; 8]; 3];
    let copies = words.each_mut().map(|word| Addr::new(word.as_mut_ptr().expose_provenance()));
    let copy_of = |cpu: CpuId| copies[cpu.index()].unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..ADDS {
                    // SAFETY: one aligned word per possible CPU, touched by nobody else until
                    // the threads are joined.
                    unsafe { machine.add_return::<u64>(copy_of, 1) };
                }
            });
        }
    });
    assert_eq!(words.iter().map(|word| word[0]).sum::<u64>(), 4 * ADDS);
}

#[test]
fn the_operations_on_a_copy_do_what_their_names_say() {
    let machine = Linux::builder().build_uni().unwrap();
    let mut word = 250_u8;
    let copy = Addr::new((&raw mut word).expose_provenance()).unwrap();
    // SAFETY: the only CPU's word, aligned, and the test's own.
    assert_eq!(unsafe { machine.load::<u8>(|_| copy) }, 250);
    // SAFETY: as above.
    assert_eq!(unsafe { machine.add_return(|_| copy, 10_u8) }, 4);
    // SAFETY: as above.
    assert_eq!(unsafe { machine.exchange(|_| copy, 7_u8) }, 4);
    // SAFETY: as above.
    assert_eq!(unsafe { machine.compare_exchange(|_| copy, 8_u8, 9) }, Err(7));
    // SAFETY: as above.
    assert_eq!(unsafe { machine.compare_exchange(|_| copy, 7_u8, 9) }, Ok(7));
    assert_eq!(word, 9);
}

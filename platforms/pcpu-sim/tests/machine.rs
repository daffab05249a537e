// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a test can do with a machine: shape it, make it fail, and look at what happened.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::*;
use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, NodeId, PageCount, Span};
use pcpu_platform::{Cpus, Effort, Event, Frames, Mapper, Memory, Observer, ThisCpu};
use pcpu_sim::{Attempt, Call, Counts, Fallible, Machine};

#[test]
fn cpus_are_spread_over_nodes_in_blocks() {
    let machine = Machine::builder().cpus(6).nodes(3).build();
    let nodes: Vec<_> =
        machine.possible_cpus().map(|cpu| machine.node_of(cpu).unwrap().get()).collect();
    assert_eq!(nodes, [0, 0, 1, 1, 2, 2]);
    assert!(machine.is_local(CpuId::new(0), CpuId::new(1)));
    assert!(!machine.is_local(CpuId::new(1), CpuId::new(2)));
}

#[test]
fn ids_may_have_gaps_and_distances_may_differ_by_direction() {
    let machine = Machine::builder().possible([9, 2]).local_when(|from, to| from <= to).build();
    assert_eq!(machine.nr_cpu_ids(), 10);
    assert!(machine.possible_cpus().eq([2, 9].map(CpuId::new)));
    assert!(!machine.is_possible(CpuId::new(3)) && !machine.is_possible(CpuId::new(10)));
    assert_eq!(machine.current(), CpuId::new(2), "the first possible one");
    assert!(machine.is_local(CpuId::new(2), CpuId::new(9)));
    assert!(!machine.is_local(CpuId::new(9), CpuId::new(2)));
    assert_eq!(machine.node_of(CpuId::new(2)), None, "nobody spoke of nodes");
}

#[test]
fn a_thread_may_play_cpus_of_two_machines_at_once() {
    let (one, two) = (Machine::with_cpus(4), Machine::with_cpus(4));
    one.run_on(CpuId::new(3), || {
        two.run_on(CpuId::new(2), || {
            assert_eq!((one.current(), two.current()), (CpuId::new(3), CpuId::new(2)));
            one.run_on(CpuId::new(1), || assert_eq!(one.current(), CpuId::new(1)));
            assert_eq!(one.current(), CpuId::new(3));
        });
        assert_eq!(two.current(), CpuId::new(0));
    });
}

#[test]
fn frames_come_from_the_wanted_node_while_it_has_room() {
    let machine = Machine::builder().cpus(4).nodes(2).frames_per_node(16).build();
    let platform = machine.smp();
    let node = Some(NodeId::new(1));
    let take = |pages| platform.take_run(PageCount::new(pages), PAGE, node, Effort::Normal);
    let run = take(15).unwrap();
    assert_eq!(machine.node_at(run), node);
    let at = reserve(&platform, 2);
    let wanted = |_| platform.take_frame(node, Effort::Normal).unwrap();
    map(&platform, at, &[0, 1].map(wanted)).unwrap();
    assert_eq!(machine.node_at(at), node, "the last frame of the node");
    assert_eq!(machine.node_at(at.offset(PAGE)), Some(NodeId::new(0)), "the node is full");
    assert_eq!(machine.frames_in_use_on(NodeId::new(1)), 16);
    assert!(take(16).is_err(), "node 0 has 15 left");
}

#[test]
fn a_machine_runs_out_of_frames_and_of_addresses() {
    let machine = Machine::builder().frames_per_node(4).address_space(8).build();
    let platform = machine.smp();
    take_run(&platform, 3);
    take_frame(&platform);
    assert!(platform.take_frame(None, Effort::Normal).is_err());
    assert!(platform.take_run(PageCount::new(1), PAGE, None, Effort::Low).is_err());
    let base = reserve(&platform, 6);
    let three = [Span::new(0, 3 * PAGE)];
    assert!(platform.reserve(&three, PAGE).is_err());
    release(&platform, base, 6);
    assert!(platform.reserve(&three, PAGE).is_ok());
}

#[test]
fn fresh_memory_is_never_zero() {
    let platform = Machine::with_cpus(1).uni();
    let run = take_run(&platform, 8);
    let bytes: Vec<u8> = (0..8).map(|i| read(&platform, run.offset(i * PAGE))).collect();
    assert!(bytes.iter().all(|&byte| byte != 0));
    assert!(bytes.windows(2).any(|pair| pair[0] != pair[1]), "and not the same everywhere");
}

#[test]
fn zeroed_and_filled_memory_costs_no_memory() {
    let machine = Machine::with_cpus(1);
    let platform = machine.uni();
    let run = take_run(&platform, 1000);
    zero(&platform, run.offset(100), 900 * PAGE);
    write(&platform, run.offset(50), &7_u64.to_ne_bytes());
    assert_eq!(machine.real_frames(), 0);
    let detail: Vec<u8> = (0..=255).collect();
    write(&platform, run.offset(PAGE - 8), &detail);
    assert_eq!(machine.real_frames(), 1, "8 bytes of detail stay segments, 248 do not");
    zero(&platform, run.offset(PAGE), PAGE);
    assert_eq!(machine.real_frames(), 0);
}

#[test]
fn failing_the_nth_call_walks_through_every_partial_mapping() {
    let populate = |machine: &Machine| -> Result<(), ()> {
        let platform = machine.smp();
        let at = platform.reserve(&[Span::new(0, 3 * PAGE)], PAGE).map_err(drop)?;
        let frames = [take_frame(&platform), take_frame(&platform), take_frame(&platform)];
        let mapped = map(&platform, at, &frames).map_err(drop);
        let pages = (0..3).filter(|&i| platform.frame_at(at.offset(i * PAGE)).is_some()).count();
        unmap(&platform, at, 3);
        for frame in frames {
            give_frame(&platform, frame);
        }
        release(&platform, at, 3);
        if mapped.is_err() {
            assert!(pages < 3);
            machine.fail_none();
        }
        mapped
    };
    let machine = Machine::with_cpus(2);
    let before = machine.fallible_calls();
    populate(&machine).unwrap();
    assert_eq!(machine.fallible_calls() - before, 1 + 3 + 3);
    for n in [1, 5, 6, 7] {
        machine.fail_nth(n);
        assert_eq!(populate(&machine), Err(()), "attempt {n} fails");
        assert_eq!((machine.frames_in_use(), machine.areas_reserved()), (0, 0));
        populate(&machine).unwrap();
    }
}

#[test]
fn a_kind_of_call_fails_until_told_otherwise() {
    let machine = Machine::with_cpus(2);
    let platform = machine.smp();
    machine.fail_all_of(Fallible::TakeFrame);
    for _ in 0..3 {
        assert!(platform.take_frame(None, Effort::Normal).is_err());
    }
    take_run(&platform, 1);
    machine.fail_none();
    take_frame(&platform);
}

#[test]
fn a_rule_sees_who_asks_for_what() {
    let machine = Machine::with_cpus(4);
    let platform = machine.smp();
    let at = reserve(&platform, 2);
    let frames = [take_frame(&platform), take_frame(&platform)];
    let second = at.offset(PAGE);
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    machine.fail_when(move |attempt: &Attempt| {
        counter.fetch_add(1, Ordering::Relaxed);
        attempt.cpu == CpuId::new(3) && attempt.at == Some(second)
    });
    assert!(machine.run_on(CpuId::new(3), || map(&platform, at, &frames)).is_err());
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(platform.frame_at(at), Some(frames[0]), "mapped before the failure");
    assert_eq!(platform.frame_at(second), None);
    unmap(&platform, at, 2);
    assert!(map(&platform, at, &frames).is_ok(), "CPU 0 may");
}

#[test]
fn counts_and_the_log_tell_what_was_asked() {
    let machine = Machine::with_cpus(2);
    let platform = machine.smp();
    machine.record();
    let at = reserve(&platform, 10);
    let frame = take_frame(&platform);
    map(&platform, at.offset(3 * PAGE), &[frame]).unwrap();
    zero(&platform, at.offset(3 * PAGE), 16);
    unmap(&platform, at.offset(3 * PAGE), 1);
    platform.flush_tlb(range(at.offset(3 * PAGE), 7));
    let log = machine.take_log();
    let flushes: Vec<_> = log.iter().filter(|call| matches!(call, Call::FlushTlb { .. })).collect();
    assert_eq!(flushes, [&Call::FlushTlb { range: range(at.offset(3 * PAGE), 7) }]);
    assert_eq!(log[2], Call::Map { at: at.offset(3 * PAGE), pages: PageCount::new(1) });
    let expected = Counts {
        frames_taken: 1,
        reserves: 1,
        maps: 1,
        pages_mapped: 1,
        unmaps: 1,
        pages_unmapped: 1,
        tlb_flushes: 1,
        zero_calls: 1,
        zero_bytes: 16,
        ..Counts::default()
    };
    assert_eq!(machine.counts(), expected);
    assert!(machine.take_log().is_empty(), "recording has ended");
}

#[test]
fn events_are_kept_when_asked_for() {
    let machine = Machine::with_cpus(2);
    let platform = machine.no_mmu();
    platform.event(&Event::BalanceWanted);
    machine.record_events();
    platform.event(&Event::BalanceWanted);
    assert!(matches!(machine.take_events()[..], [Event::BalanceWanted]));
    assert!(machine.take_events().is_empty());
}

#[test]
fn threads_on_one_cpu_add_without_losing_any() {
    let machine = Machine::with_cpus(2);
    let platform = machine.no_mmu();
    let run = take_run(&platform, 1);
    zero(&platform, run, 16);
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let platform = &platform;
            scope.spawn(move || {
                platform.machine().run_on(CpuId::new(thread % 2), || {
                    for _ in 0..250 {
                        let copy_of = |cpu: CpuId| run.offset(cpu.index() * 8);
                        // SAFETY: each CPU has an aligned word in the run, zeroed above.
                        unsafe { platform.add_return(copy_of, 1_u64) };
                    }
                });
            });
        }
    });
    for cpu in 0..2 {
        let mut word = [0; 8];
        // SAFETY: in the run, and all threads have ended.
        unsafe { platform.read(run.offset(cpu * 8), &mut word) };
        assert_eq!(u64::from_ne_bytes(word), 500);
    }
}

#[test]
fn what_the_builder_cannot_make_it_says() {
    for (builder, sentence) in [
        (Machine::builder().cpus(0), "0 CPUs wanted, 1 to 8192 are possible"),
        (Machine::builder().cpus(8193), "8193 CPUs wanted, 1 to 8192 are possible"),
        (Machine::builder().page_size(3000), "pages of 3000 bytes wanted"),
        (Machine::builder().frames_per_node(0), "0 frames on each of 0 nodes wanted"),
        (Machine::builder().tlb_entries(3), "3 TLB entries wanted"),
    ] {
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| builder.build()));
        let message = *refused.unwrap_err().downcast::<String>().unwrap();
        assert!(message.starts_with(sentence), "{message}");
    }
}

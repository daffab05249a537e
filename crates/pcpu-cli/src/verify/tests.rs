// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checked run on a simulated machine: what it sees, and that it can fail.

use pcpu_core::{Allocator, Config};
use pcpu_sim::{Machine, Smp};

use super::*;

const VM: Cell = Cell::ALL[3];

const TEXT: &str = "a 0 100 8\na 1 7 4\na 2 8 6\na 3 40000 4 atomic\na 4 3 4 atomic\nf 2\nf 1\nb\nf 3\na 1 16000 4096\na 6 16000 4096\n";

fn allocator() -> Allocator<Smp> {
    let config = Config { static_size: 16384, ..Config::LINUX };
    let allocator = Allocator::new(Machine::with_cpus(3).smp(), &config, &[]).unwrap();
    allocator.enable_balance();
    allocator
}

fn timed(trace: &Trace, balance: Balance) -> Stats {
    let allocator = allocator();
    crate::timing::run(&allocator, trace, balance);
    allocator.stats()
}

fn check(trace: &Trace, balance: Balance) -> (Seen, Result<(), Failure>) {
    let timed = timed(trace, balance);
    let expected = Expected { cell: VM, balance, timed: &timed };
    let mut seen = Seen::with_offsets();
    let result = run(&allocator(), trace, &expected, &mut seen);
    (seen, result)
}

#[test]
fn a_sound_allocator_passes_and_is_described() {
    for balance in [Balance::Auto, Balance::Manual] {
        let (seen, result) = check(&Trace::of(TEXT), balance);
        result.unwrap();
        assert_eq!(seen.verified_cpus, 3);
        assert_eq!(seen.refused, Refused { all: 2, atomic: 1, invalid: 2 });
        let offsets = seen.offsets.unwrap();
        assert_eq!(offsets.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 1, 6]);
        let refused: Vec<bool> = offsets.iter().map(|(_, at)| at.is_none()).collect();
        assert_eq!(refused, [false, false, true, true, false, false, false]);
        assert_eq!(seen.samples.len(), 11);
        assert!(seen.percpu_stats.starts_with("Percpu Memory Statistics\n"));
    }
}

#[test]
fn an_area_that_changed_is_reported_by_cpu_and_byte() {
    let allocator = allocator();
    let mut seen = Seen::default();
    let cpus: Vec<CpuId> = allocator.geometry().cpus().collect();
    let last = cpus[2];
    let mut checker = Checker::new(&allocator, cpus, &mut seen);
    let trace = Trace::of("a 5 20 4");
    trace.replay(|ops| checker.take(&ops[0])).unwrap();

    let live = checker.live.take(5).unwrap();
    let mut bytes = Vec::new();
    live.area.read(last, &mut bytes).unwrap();
    let wrote = bytes[13];
    bytes[13] = !wrote;
    live.area.write(last, &bytes).unwrap();
    let failure = checker.free(5, live).unwrap_err();
    assert_eq!(
        failure.to_string(),
        format!(
            "operation 0: area 5 on CPU 2 has {:#04x} at byte 13, {wrote:#04x} was written",
            !wrote
        )
    );
}

#[test]
fn ranges_that_share_a_byte_are_refused() {
    let mut ranges = BTreeMap::from([(100, 110), (120, 130)]);
    for (start, end) in [(100, 110), (99, 101), (109, 111), (90, 140), (105, 106), (129, 130)] {
        assert!(!enter(&mut ranges, start, end), "{start}..{end}");
    }
    for (start, end) in [(110, 120), (96, 100), (130, 134)] {
        assert!(enter(&mut ranges, start, end), "{start}..{end}");
    }
}

#[test]
fn runs_that_end_differently_are_reported() {
    let other = timed(&Trace::of("a 0 100 8"), Balance::Auto);
    let expected = Expected { cell: VM, balance: Balance::Auto, timed: &other };
    let result = run(&allocator(), &Trace::of("b"), &expected, &mut Seen::default());
    assert!(matches!(result, Err(Failure::Differs { .. })));
}

#[test]
fn an_area_that_was_forgotten_is_reported() {
    let allocator = allocator();
    let at_setup = allocator.stats();
    let forgotten = allocator.alloc(pcpu_core::Request::new(8, 4)).unwrap();
    let failure = all_came_back(&allocator, VM, &at_setup).unwrap_err();
    assert!(matches!(failure, Failure::StillAllocated { areas: 1, bytes: 8 }));
    allocator.free(forgotten).unwrap();
    all_came_back(&allocator, VM, &at_setup).unwrap();
}

#[test]
fn samples_are_few_and_the_end_is_one() {
    for nr_ops in [1, 15, 16, 17, 1000, 22_106] {
        let sampled: Vec<u64> = (1..=nr_ops).filter(|&line| is_sampled(line, nr_ops)).collect();
        assert_eq!(sampled.len() as u64, nr_ops.min(SAMPLES));
        assert_eq!(sampled.last(), Some(&nr_ops));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each sequence is stopped at each of its instructions, and something happens there (RS-1, RS-2, RS-4,
//! RS-13, RS-16).
//!
//! ```text
//!  this process                                 child, traced
//!  breakpoint at instruction k   ────────────►  runs the operation
//!                                ◄────────────  stopped before k
//!  a signal | another CPU | just the stop ───►  the kernel sends it to the abort handler
//!                                ◄────────────  stopped there: the copy is as before
//!                                ────────────►  done: the copy is as if done once
//! ```
//!
//! The breakpoints are the processor's own, four of them: at k, at the abort handler, and two that
//! watch the fields of the thread's area that only the kernel may write.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod cases;
mod child;
mod ground;
mod range;
mod tracee;
mod trial;

use std::collections::BTreeSet;

use pcpu_linux::local::{Mode, mode};
use range::Range;
use tracee::Tracee;
use trial::{Injection, Trial};

#[test]
fn a_sequence_that_is_interrupted_at_any_instruction_is_done_once() {
    if !matches!(mode(), Mode::Sequences(_)) {
        println!("LEFT OUT: {}", mode());
        return;
    }
    let Some(area) = child::area_offset() else {
        println!("LEFT OUT: the C library has no areas");
        return;
    };
    let cpus = rustix::thread::sched_getaffinity(None).unwrap();
    let cpus: Vec<_> = (0..rustix::thread::CpuSet::MAX_CPU).filter(|&it| cpus.is_set(it)).collect();
    let injections: &[Injection] = match cpus.len() {
        0 | 1 => {
            println!("LEFT OUT: migration; this process may use one CPU");
            &[Injection::Signal, Injection::Preemption]
        }
        _ => &[Injection::Signal, Injection::Migration, Injection::Preemption],
    };
    let ground = ground::Ground::new();
    let cases = cases::all();
    let tracee = Tracee::start(|| child::work(&ground, &cases, area));
    let mut all = Totals::default();
    for (number, case) in cases.iter().enumerate() {
        let trial = Trial { ground: &ground, tracee: &tracee, case, number, cpus: &cpus, area };
        let range = trial.learn();
        let (mut covered, mut tries, mut aborts) = (BTreeSet::new(), 0, 0);
        for (at, injection) in trials(&range, injections) {
            let seen = trial.run(&range, at, injection);
            tries += usize::from(seen.reached);
            aborts += seen.aborts;
            covered.extend(seen.reached.then_some(at));
        }
        let (of_range, inside) = (range.instructions.len(), covered.len());
        println!(
            "{}: {inside} of {of_range} instructions, {tries} tries, {aborts} aborts",
            case.name
        );
        let missed: Vec<_> =
            range.instructions.iter().filter(|&it| !covered.contains(it)).collect();
        assert!(!case.takes_all || missed.is_empty(), "{}: not at {missed:x?}", case.name);
        assert!(aborts > 0, "{}: nothing was aborted", case.name);
        all.add(of_range, tries, aborts);
    }
    println!("all: {all:?}");
}

/// Every instruction with everything that may happen there.
fn trials<'a>(
    range: &'a Range,
    injections: &'a [Injection],
) -> impl Iterator<Item = (u64, Injection)> + 'a {
    let at_each = |&at| injections.iter().map(move |&injection| (at, injection));
    range.instructions.iter().flat_map(at_each)
}

/// Figures of all cases, to be printed.
#[derive(Debug, Default)]
struct Totals {
    sequences: usize,
    instructions: usize,
    tries: usize,
    aborts: usize,
}

impl Totals {
    fn add(&mut self, instructions: usize, tries: usize, aborts: usize) {
        self.sequences += 1;
        self.instructions += instructions;
        self.tries += tries;
        self.aborts += aborts;
    }
}

#[test]
fn every_descriptor_in_this_program_is_as_the_kernel_wants_it() {
    let ranges = range::of_this_program();
    assert!(ranges.len() > 50, "only {} descriptors", ranges.len());
    for range in &ranges {
        range.check();
    }
    println!("{} descriptors", ranges.len());
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! One operation, disturbed at one instruction, and everything that must be true then.

use std::sync::atomic::Ordering::Relaxed;

use crate::cases::Case;
use crate::child;
use crate::ground::Ground;
use crate::range::Range;
use crate::tracee::{Break, Stop, Tracee};

/// What happens at the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injection {
    /// A signal, whose handler does the same operation.
    Signal,
    /// The thread goes on elsewhere.
    Migration,
    /// The thread has lost the CPU, and gets it again.
    Preemption,
}

/// How often a stray interrupt may come in the way.
const PATIENCE: usize = 100;

/// What came of it.
pub struct Seen {
    /// Whether the operation came by the instruction.
    pub reached: bool,
    /// How often the abort handler was reached.
    pub aborts: usize,
}

/// What copies are, and what each operation answered.
type Outcome = (Vec<Vec<u64>>, Vec<[u64; 2]>);

pub struct Trial<'a> {
    pub ground: &'a Ground,
    pub tracee: &'a Tracee,
    pub case: &'a Case,
    /// The case's number.
    pub number: usize,
    /// Where the child may run.
    pub cpus: &'a [usize],
    pub area: isize,
}

impl Trial<'_> {
    /// Runs the operation as it is, and returns its range.
    pub fn learn(&self) -> Range {
        for _ in 0..PATIENCE {
            self.prepare();
            self.tracee.set_breaks(&[]);
            assert_eq!(self.tracee.go_on(0), Stop::Parked);
            // Zero if the kernel has looked at the area meanwhile.
            let descriptor = self.ground.control().descriptor.load(Relaxed);
            if descriptor != 0 {
                self.check_end(self.cpus[0]);
                return Range::read(descriptor);
            }
        }
        panic!("{}: no descriptor is seen", self.case.name);
    }

    /// Disturbs the operation at the instruction `at`.
    pub fn run(&self, range: &Range, at: u64, injection: Injection) -> Seen {
        self.prepare();
        let area = child::area(self.area) as u64;
        let always =
            [Break::Before(range.abort), Break::Store(8, area), Break::Store(4, area + 24)];
        self.tracee.set_breaks(&[&always[..], &[Break::Before(at)]].concat());
        let (mut reached, mut aborts, mut after) = (false, 0, 0);
        let mut signal = 0;
        loop {
            let stop = self.tracee.go_on(signal);
            signal = 0;
            match stop {
                Stop::Parked => break,
                Stop::At(address) if address == range.abort => {
                    self.check_unchanged(&format!("aborted, {injection:?} at {at:#x}"));
                    aborts += 1;
                    after += usize::from(reached);
                    assert!(aborts < PATIENCE, "{}: {at:#x}", self.case.name);
                }
                Stop::At(address) => {
                    let name = &self.case.name;
                    assert_eq!(address, at, "{name}: a field of the kernel's was written before");
                    assert!(!reached, "{name}: twice at {at:#x} with no breakpoint there");
                    reached = true;
                    if at != range.end {
                        self.check_unchanged(&format!("before {at:#x}"));
                    }
                    self.tracee.set_breaks(&always);
                    self.tracee.forget_resume();
                    match injection {
                        Injection::Signal => signal = libc::SIGUSR1,
                        Injection::Migration => self.tracee.move_to(self.cpus[1]),
                        Injection::Preemption => {}
                    }
                }
            }
        }
        let name = &self.case.name;
        if reached && range.contains(at) {
            assert!(after > 0, "{name}: {injection:?} at {at:#x} aborted nothing");
        }
        if at == range.end && injection != Injection::Signal {
            assert_eq!(after, 0, "{name}: aborted after the commit by {injection:?}");
        }
        let cpu =
            if injection == Injection::Migration && reached && at < range.end { 1 } else { 0 };
        self.check_end(self.cpus[cpu]);
        Seen { reached, aborts }
    }

    /// Copies that may be touched: by number of the CPU, or small numbers.
    fn indexes(&self) -> Vec<usize> {
        match self.case.by_cpu {
            true => self.cpus.iter().copied().take(2).collect(),
            false => (0..self.cpus.len().min(8)).collect(),
        }
    }

    fn prepare(&self) {
        self.tracee.move_to(self.cpus[0]);
        self.indexes().iter().for_each(|&index| self.ground.reset(index, self.case.start));
        let control = self.ground.control();
        control.case.store(self.number, Relaxed);
        control.handled.store(0, Relaxed);
        control.descriptor.store(0, Relaxed);
    }

    /// What the copies are now.
    fn states(&self) -> Vec<Vec<u64>> {
        let state = |&index| self.ground.state(index, self.case.start);
        self.indexes().iter().map(state).collect()
    }

    fn first_states(&self) -> Vec<Vec<u64>> {
        let state = |&index| self.ground.first_state(index, self.case.start);
        self.indexes().iter().map(state).collect()
    }

    /// What copies may be, and what the answers are, after the operations of `who` in their order, each
    /// on a copy that may be its.
    fn outcomes(&self, who: &[u64], cpu: usize) -> Vec<Outcome> {
        let mut outcomes = vec![(self.first_states(), Vec::new())];
        for &who in who {
            let each = outcomes.into_iter().flat_map(|(states, answers)| {
                let places = self.places(who, cpu);
                places.into_iter().map(move |place| {
                    let (mut states, mut answers) = (states.clone(), answers.clone());
                    answers.push((self.case.model)(&mut states[place], who));
                    (states, answers)
                })
            });
            outcomes = each.collect();
        }
        outcomes
    }

    /// Which copies an operation may have been done on: where they go by CPU, the only one.
    fn places(&self, who: u64, cpu: usize) -> Vec<usize> {
        let cpu = if who == 0 { cpu } else { self.cpus[0] };
        let is_its = |index: &usize| !self.case.by_cpu || *index == cpu;
        let all = self.indexes().into_iter().enumerate();
        all.filter(|(_, index)| is_its(index)).map(|(place, _)| place).collect()
    }

    /// Nothing was done, but by the signal handler if it is through.
    fn check_unchanged(&self, when: &str) {
        let who: &[u64] = if self.handled() { &[1] } else { &[] };
        let states = self.states();
        let may_be = self.outcomes(who, self.cpus[0]);
        let fits = may_be.iter().any(|outcome| outcome.0 == states);
        assert!(fits, "{}: {when}: {states:x?} is none of {may_be:x?}", self.case.name);
    }

    /// Everything was done once, on the copy of `cpu`, and the handler's part before or after.
    fn check_end(&self, cpu: usize) {
        let control = self.ground.control();
        let result = control.result.each_ref().map(|it| it.load(Relaxed));
        let handlers = control.handler_result.each_ref().map(|it| it.load(Relaxed));
        let states = self.states();
        let orders: &[&[u64]] = if self.handled() { &[&[1, 0], &[0, 1]] } else { &[&[0]] };
        let all: Vec<_> = orders
            .iter()
            .flat_map(|&order| self.outcomes(order, cpu).into_iter().map(move |it| (order, it)))
            .collect();
        let fits = all.iter().any(|(order, (may_be, answers))| {
            let right = |(who, answer): (&u64, &[u64; 2])| {
                *answer == if *who == 0 { result } else { handlers }
            };
            *may_be == states && order.iter().zip(answers).all(right)
        });
        let name = &self.case.name;
        assert!(fits, "{name}: {states:x?}, {result:x?}, {handlers:x?} is none of {all:x?}");
    }

    fn handled(&self) -> bool {
        match self.ground.control().handled.load(Relaxed) {
            0 => false,
            1 => true,
            many => panic!("{}: the handler ran {many} times", self.case.name),
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads that are moved, by others or by pcpu.
#![allow(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pcpu_linux::local::{Copies, Cpu, Index, NotProvided, Provide, Table};
use pcpu_platform::Addr;
use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_setaffinity};

use crate::again::{alone, as_it_is, registrar};
use crate::sums::Sum;

fn only(cpu: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(cpu);
    set
}

/// Two CPUs of this process's own, if it has as many.
fn two_cpus() -> Option<[usize; 2]> {
    let set = sched_getaffinity(None).unwrap();
    let mut cpus = (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu));
    let two = cpus.next().zip(cpus.next());
    if two.is_none() {
        println!("LEFT OUT: this process may use one CPU");
    }
    two.map(|(a, b)| [a, b])
}

/// RS-13.
#[test]
fn no_addition_is_lost_while_threads_are_moved_to_and_fro() {
    alone(no_addition_is_lost_while_threads_are_moved_to_and_fro, as_it_is, || {
        let Some(cpus) = two_cpus() else { return };
        let sum = Sum::new();
        let (threads, over) = (Mutex::new(Vec::<Pid>::new()), AtomicBool::new(false));
        let added = AtomicU64::new(0);
        let mut moves = 0;
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    threads.lock().unwrap().push(gettid());
                    let mut round = 0;
                    while !over.load(Ordering::Relaxed) {
                        sum.adder::<Cpu>().add(round);
                        round += 1;
                    }
                    added.fetch_add(round, Ordering::Relaxed);
                });
            }
            let end = Instant::now() + Duration::from_millis(500);
            while Instant::now() < end {
                for &thread in threads.lock().unwrap().iter() {
                    moves += 1;
                    sched_setaffinity(Some(thread), &only(cpus[moves % 2])).unwrap();
                }
                thread::yield_now();
            }
            over.store(true, Ordering::Relaxed);
        });
        assert!(moves > 100, "{moves} moves");
        assert_eq!(sum.all(), added.load(Ordering::Relaxed));
    });
}

/// No memory for any copy that is not there yet.
struct Nothing(AtomicUsize);

impl Provide for Nothing {
    fn provide(&self, _: Index) -> Result<(), NotProvided> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(NotProvided::Refused)
    }
}

#[test]
fn without_memory_for_a_copy_the_thread_visits_a_cpu_that_has_one() {
    alone(without_memory_for_a_copy_the_thread_visits_a_cpu_that_has_one, as_it_is, || {
        let (Some([here, there]), Some(_)) = (two_cpus(), registrar()) else { return };
        let (word, table, nothing) = (AtomicU64::new(0), Table::new(), Nothing(0.into()));
        table.set(Index::new(there as u32), 0);
        let at = Addr::new(word.as_ptr().expose_provenance()).unwrap();
        let copies = Copies::<Cpu>::new(at, &table);
        sched_setaffinity(None, &only(here)).unwrap();
        let before = sched_getaffinity(None).unwrap();
        for round in 1..=100 {
            // SAFETY: the only copy is an aligned word, changed by this alone. A thread may visit
            // CPUs that its set does not have.
            let sum = unsafe { copies.add_return(1_u64, &nothing) };
            assert_eq!(sum, round);
            assert_eq!(sched_getaffinity(None).unwrap(), before, "back where it may be");
        }
        assert_eq!(word.load(Ordering::Relaxed), 100);
        // For the CPU's copy, and for the strays', each time.
        assert_eq!(nothing.0.load(Ordering::Relaxed), 200);
    });
}

/// Makes copies when they are wanted, once each.
struct AtFirstUse<'a> {
    table: &'a Table,
    made: Mutex<Vec<Index>>,
    unit: usize,
}

impl Provide for AtFirstUse<'_> {
    fn provide(&self, index: Index) -> Result<(), NotProvided> {
        let mut made = self.made.lock().unwrap();
        if !made.contains(&index) {
            let number = index.get().expect("no thread is a stray");
            made.push(index);
            self.table.set(index, number as usize * self.unit);
        }
        Ok(())
    }
}

#[test]
fn a_copy_is_made_when_its_cpu_is_first_used() {
    alone(a_copy_is_made_when_its_cpu_is_first_used, as_it_is, || {
        const UNIT: usize = 64;
        let cpus = two_cpus().unwrap_or([0, 0]);
        let most = pcpu_linux::local::nr_indexes();
        let words: Vec<_> = (0..most * UNIT / 8).map(|_| AtomicU64::new(0)).collect();
        let table = Table::new();
        let provide = AtFirstUse { table: &table, made: Mutex::new(Vec::new()), unit: UNIT };
        let at = Addr::new(words.as_ptr().expose_provenance()).unwrap();
        let copies = Copies::<Cpu>::new(at, &table);
        for (nth, &cpu) in cpus.iter().enumerate() {
            sched_setaffinity(None, &only(cpu)).unwrap();
            for round in 1..=10 {
                // SAFETY: copies are aligned words, changed by this alone.
                let sum = unsafe { copies.add_return(1_u64, &provide) };
                assert_eq!(sum, round + if cpus[0] == cpus[1] { 10 * nth as u64 } else { 0 });
            }
            assert!(provide.made.lock().unwrap().contains(&Index::new(cpu as u32)));
        }
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads play CPUs. Each has a page of its own to change, and remembers everybody's.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Barrier;
use std::sync::atomic::AtomicU32;
use std::thread;
use std::thread_local;
use std::time::Duration;
use std::vec::Vec;

use super::*;

const CPUS: usize = 4;
const ROUNDS: usize = 300;
const PAGE: usize = 4096;

thread_local! {
    /// How often this thread may yet wait, many times more than it does.
    static PATIENCE: Cell<u32> = const { Cell::new(4_000_000) };
}

/// Waits, but not for good: a deadlock is a failed test.
pub(super) fn relax() {
    PATIENCE.set(PATIENCE.get().checked_sub(1).expect("waited for good: a deadlock"));
    thread::yield_now();
}

fn cpu(number: usize) -> CpuId {
    CpuId::new(number as u32)
}

fn page(number: usize) -> Span<Addr> {
    let at = |page: usize| Addr::new(page * PAGE).unwrap();
    Span { start: at(number + 1), end: at(number + 2) }
}

/// One page for each CPU, and what each CPU remembers of each page; 0 is nothing.
#[derive(Default)]
struct Machine {
    shootdown: Shootdown<CPUS>,
    table: [AtomicUsize; CPUS],
    remembered: [[AtomicUsize; CPUS]; CPUS],
    interrupt: [AtomicBool; CPUS],
    done: AtomicU32,
}

impl Default for Shootdown<CPUS> {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    fn forget(&self, me: usize, range: Span<Addr>) {
        // On real machines other CPUs get on meanwhile.
        thread::yield_now();
        for page in range.start.get() / PAGE - 1..range.end.get() / PAGE - 1 {
            self.remembered[me][page].store(0, Ordering::SeqCst);
        }
    }

    fn join(&self, me: usize) {
        let all = Span { start: page(0).start, end: page(CPUS - 1).end };
        self.shootdown.join(cpu(me), || self.forget(me, all));
    }

    fn take_interrupts(&self, me: usize) {
        if self.interrupt[me].swap(false, Ordering::AcqRel) {
            self.shootdown.serve(cpu(me), |range| self.forget(me, range));
        }
    }

    /// Uses a page, which remembers its translation.
    fn touch(&self, me: usize, page: usize) {
        if self.remembered[me][page].load(Ordering::SeqCst) == 0 {
            let frame = self.table[page].load(Ordering::SeqCst);
            self.remembered[me][page].store(frame, Ordering::SeqCst);
        }
    }

    /// Maps another frame at my page, flushes, and looks at what everybody remembers.
    fn remap(&self, me: usize, frame: usize) {
        self.table[me].store(frame, Ordering::SeqCst);
        self.shootdown.flush(
            cpu(me),
            page(me),
            |range| self.forget(me, range),
            |other| self.interrupt[other.index()].store(true, Ordering::Release),
        );
        for other in 0..CPUS {
            let remembered = self.remembered[other][me].load(Ordering::SeqCst);
            assert!(
                remembered == 0 || remembered == frame,
                "CPU {other} remembers frame {remembered} of CPU {me}, after {frame} took its place"
            );
        }
    }

    /// What a CPU does. Interrupts come between two lines here, and never inside of `remap`, as if
    /// they were masked there. It goes on answering when it failed, for the others' sake.
    fn run(&self, me: usize, all_take_part: &Barrier) {
        self.join(me);
        all_take_part.wait();
        let result = catch_unwind(AssertUnwindSafe(|| {
            for frame in 1..=ROUNDS {
                (0..CPUS).for_each(|page| self.touch(me, page));
                self.take_interrupts(me);
                self.remap(me, frame);
            }
        }));
        self.done.fetch_add(1, Ordering::AcqRel);
        while self.done.load(Ordering::Acquire) < CPUS as u32 {
            self.take_interrupts(me);
            relax();
        }
        if let Err(why) = result {
            resume_unwind(why);
        }
    }
}

#[test]
fn after_a_flush_nobody_remembers_and_all_may_flush_at_once_with_interrupts_masked() {
    let machine = Machine::default();
    let all_take_part = Barrier::new(CPUS);
    thread::scope(|scope| {
        for me in 0..CPUS {
            let (machine, all_take_part) = (&machine, &all_take_part);
            scope.spawn(move || machine.run(me, all_take_part));
        }
    });
    assert!(machine.shootdown.cpus.iter().all(|mailbox| !mailbox.owes()));
}

#[test]
fn a_flush_does_not_return_before_the_others_have_forgotten() {
    let shootdown = Shootdown::<CPUS>::new();
    shootdown.join(cpu(1), || {});
    let forgotten = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            shootdown.flush(cpu(0), page(0), |_| {}, |_| {});
            assert!(forgotten.load(Ordering::SeqCst), "CPU 1 was not waited for");
        });
        while !shootdown.cpus[1].owes() {
            relax();
        }
        // CPU 1 is slow. It answers when it has forgotten, and not before.
        thread::sleep(Duration::from_millis(20));
        shootdown.serve(cpu(1), |_| {
            assert!(shootdown.cpus[1].owes());
            thread::sleep(Duration::from_millis(20));
            forgotten.store(true, Ordering::SeqCst);
        });
    });
}

#[test]
fn only_cpus_that_take_part_are_asked_and_not_the_one_that_asks() {
    let shootdown = Shootdown::<CPUS>::new();
    shootdown.join(cpu(0), || {});
    shootdown.join(cpu(2), || {});
    let asked = std::cell::RefCell::new(Vec::new());
    let flushed = Cell::new(0);
    shootdown.flush(
        cpu(0),
        page(1),
        |_| flushed.set(flushed.get() + 1),
        |other| {
            asked.borrow_mut().push(other);
            shootdown.serve(other, |range| assert_eq!(range, page(1)));
        },
    );
    assert_eq!(*asked.borrow(), [cpu(2)]);
    assert_eq!(flushed.get(), 1);
}

#[test]
fn a_cpu_that_left_is_not_asked_until_it_joins_again() {
    let shootdown = Shootdown::<CPUS>::new();
    let asked = Cell::new(0);
    let flush = || {
        let send = |other| {
            asked.set(asked.get() + 1);
            shootdown.serve(other, |_| {});
        };
        shootdown.flush(cpu(0), page(0), |_| {}, send);
        asked.get()
    };
    shootdown.join(cpu(1), || {});
    assert_eq!(flush(), 1);
    shootdown.leave(cpu(1), |_| panic!("nothing was asked"));
    assert_eq!(flush(), 1, "a CPU that is off would never answer");
    shootdown.join(cpu(1), || {});
    assert_eq!(flush(), 2);
}

#[test]
fn a_cpu_that_leaves_answers_what_it_owes_first() {
    let shootdown = Shootdown::<CPUS>::new();
    shootdown.join(cpu(1), || {});
    let forgotten = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            shootdown.flush(cpu(0), page(0), |_| {}, |_| {});
            assert!(forgotten.load(Ordering::SeqCst), "CPU 1 was not waited for");
        });
        while !shootdown.cpus[1].owes() {
            relax();
        }
        shootdown.leave(cpu(1), |range| {
            assert_eq!(range, page(0));
            forgotten.store(true, Ordering::SeqCst);
        });
    });
    assert!(!shootdown.cpus[1].owes());
    assert!(!shootdown.cpus[1].takes_part.load(Ordering::SeqCst));
}

#[test]
fn a_cpu_takes_part_before_it_forgets_what_it_knew() {
    let shootdown = Shootdown::<CPUS>::new();
    let takes_part = || shootdown.cpus[1].takes_part.load(Ordering::SeqCst);
    shootdown.join(cpu(1), || assert!(takes_part(), "a change made now would be missed"));
}

#[test]
fn serving_does_nothing_when_nothing_is_asked() {
    let shootdown = Shootdown::<CPUS>::new();
    shootdown.join(cpu(1), || {});
    shootdown.serve(cpu(1), |_| panic!("nothing was asked"));
    ask(&shootdown, 1, page(0));
    let times = Cell::new(0);
    for _ in 0..3 {
        shootdown.serve(cpu(1), |_| times.set(times.get() + 1));
    }
    assert_eq!(times.get(), 1);
}

#[test]
fn a_request_that_comes_while_an_older_one_is_served_is_not_lost() {
    let shootdown = Shootdown::<CPUS>::new();
    shootdown.join(cpu(1), || {});
    ask(&shootdown, 1, page(0));
    shootdown.serve(cpu(1), |_| {
        // A handler comes in and answers the same request; the asker goes on and asks again.
        shootdown.serve(cpu(1), |_| {});
        ask(&shootdown, 1, page(2));
    });
    assert!(shootdown.cpus[1].owes(), "the second request has not been served");
    shootdown.serve(cpu(1), |range| assert_eq!(range, page(2)));
    assert!(!shootdown.cpus[1].owes());
}

#[test]
fn an_answer_to_a_later_request_is_not_taken_back() {
    let shootdown = Shootdown::<CPUS>::new();
    shootdown.join(cpu(1), || {});
    ask(&shootdown, 1, page(0));
    shootdown.serve(cpu(1), |_| {
        // A handler comes in twice, and answers this request and the next.
        shootdown.serve(cpu(1), |_| {});
        ask(&shootdown, 1, page(2));
        shootdown.serve(cpu(1), |_| {});
    });
    assert!(!shootdown.cpus[1].owes(), "nobody would ask again, and the asker would wait for good");
}

/// What `flush` does to ask.
fn ask(shootdown: &Shootdown<CPUS>, other: usize, range: Span<Addr>) {
    shootdown.start.store(range.start.get(), Ordering::Relaxed);
    shootdown.end.store(range.end.get(), Ordering::Relaxed);
    shootdown.cpus[other].wanted.fetch_add(1, Ordering::Release);
}

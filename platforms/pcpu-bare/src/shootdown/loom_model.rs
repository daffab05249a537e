// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every interleaving of a shoot-down, on atomics that loom watches. Threads play CPUs.
//!
//! A page table is one bit for each page, and what a CPU remembers of it is the CPU's own. Who
//! unmaps a page writes to its frame when the flush has returned, as the frame's next owner would.
//! If another CPU still uses the frame then, or has used it and that is not ordered before, loom
//! reports the race. Bits of the table are read and written relaxed: the shoot-down must order them.
//!
//! Interrupts come between two steps of a CPU's work, and while a handler forgets; not in `flush` and
//! `leave`, as if they were masked there. A CPU that waits for good makes the model run out of
//! branches, which is a failure.
//!
//! ```text
//!  RUSTFLAGS="--cfg loom" cargo test -p pcpu-bare --lib --release loom_model
//! ```

use core::array;
use std::cell::Cell;

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::Arc;
use loom::thread;

use super::*;

const CPUS: usize = 2;
const PAGES: usize = 2;

/// How often loom may take the processor from a thread that could go on.
const PREEMPTIONS: usize = 5;

/// Loom's atomics cannot be made in a constant.
impl Shootdown<CPUS> {
    fn new() -> Self {
        Self {
            turn: AtomicBool::new(false),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            cpus: array::from_fn(|_| Mailbox {
                takes_part: AtomicBool::new(false),
                wanted: AtomicUsize::new(0),
                answered: AtomicUsize::new(0),
            }),
        }
    }
}

/// What CPUs share. Page `n` is mapped at frame `n`, or not at all.
struct Machine {
    shootdown: Shootdown<CPUS>,
    interrupt: [AtomicBool; CPUS],
    mapped: [AtomicBool; PAGES],
    /// Whether the frame has its next owner.
    reused: [UnsafeCell<bool>; PAGES],
    nr_done: AtomicUsize,
}

/// One CPU, in the thread that plays it.
struct Cpu {
    machine: Arc<Machine>,
    me: CpuId,
    remembered: [Cell<bool>; PAGES],
}

impl Cpu {
    fn new(machine: &Arc<Machine>, me: u32) -> Self {
        Self { machine: machine.clone(), me: CpuId::new(me), remembered: Default::default() }
    }

    /// Remembers the translation, if there is one, as processors may at any time.
    fn walk(&self, page: usize) {
        if self.machine.mapped[page].load(Ordering::Relaxed) {
            self.remembered[page].set(true);
        }
    }

    /// Uses the page, if it is mapped as far as this CPU knows.
    fn touch(&self, page: usize) {
        if !self.remembered[page].get() {
            self.walk(page);
        }
        if self.remembered[page].get() {
            // SAFETY: loom reports the access if it is a race.
            let reused = self.machine.reused[page].with(|reused| unsafe { *reused });
            assert!(!reused, "CPU {} uses page {page}, whose frame has been reused", self.me);
        }
    }

    /// Until a translation has gone it is used, and the next moment the processor walks again.
    fn forget(&self, range: Span<Addr>) {
        for page in range.start.get() - 1..range.end.get() - 1 {
            if self.remembered[page].get() {
                self.touch(page);
            }
            self.remembered[page].set(false);
            self.walk(page);
        }
    }

    /// What was remembered before is not used: it may be older than the last flush.
    fn join(&self) {
        self.machine.shootdown.join(self.me, || {
            self.remembered.iter().for_each(|page| page.set(false));
            (0..PAGES).for_each(|page| self.walk(page));
        });
    }

    fn leave(&self) {
        self.machine.shootdown.leave(self.me, |range| self.forget(range));
    }

    /// Unmaps the page, flushes, and gives the frame its next owner.
    fn unmap(&self, page: usize) {
        let Machine { shootdown, interrupt, mapped, reused, nr_done } = &*self.machine;
        mapped[page].store(false, Ordering::Relaxed);
        let send = |cpu: CpuId| _ = interrupt[cpu.index()].swap(true, Ordering::Release);
        shootdown.flush(self.me, pages(page, page + 1), |range| self.forget(range), send);
        // SAFETY: loom reports the access if it is a race.
        reused[page].with_mut(|reused| unsafe { *reused = true });
        nr_done.fetch_add(1, Ordering::Release);
    }

    fn touch_all(&self) {
        (0..PAGES).for_each(|page| self.touch(page));
    }

    fn take_interrupt(&self, handler: impl FnOnce()) {
        if self.machine.interrupt[self.me.index()].swap(false, Ordering::Acquire) {
            handler();
        }
    }

    /// Answers, while other handlers come in: one for the same request, and one for the next.
    fn serve(&self) {
        let shootdown = &self.machine.shootdown;
        let serve = || shootdown.serve(self.me, |range| self.forget(range));
        shootdown.serve(self.me, |range| {
            serve();
            self.forget(range);
            self.take_interrupt(serve);
        });
    }

    /// Uses all pages and takes interrupts, until so many have been unmapped; then once more.
    fn work_until(&self, nr_done: usize) {
        while self.machine.nr_done.load(Ordering::Acquire) != nr_done {
            self.take_interrupt(|| self.serve());
            self.touch_all();
            relax();
        }
        self.touch_all();
    }
}

/// The range of pages `from..to`: a page is a byte long here, and the first is at 1.
fn pages(from: usize, to: usize) -> Span<Addr> {
    let at = |page| Addr::new(page + 1).unwrap();
    Span { start: at(from), end: at(to) }
}

/// Runs what CPU 0 does, in the model's own thread, and what CPU 1 does, in all orders.
fn check(first: fn(&Cpu), second: fn(&Cpu)) {
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(PREEMPTIONS));
    builder.check(move || {
        let machine = Arc::new(Machine {
            shootdown: Shootdown::new(),
            interrupt: array::from_fn(|_| AtomicBool::new(false)),
            mapped: array::from_fn(|_| AtomicBool::new(true)),
            reused: array::from_fn(|_| UnsafeCell::new(false)),
            nr_done: AtomicUsize::new(0),
        });
        let (cpu, other) = (Cpu::new(&machine, 0), Cpu::new(&machine, 1));
        let other = thread::spawn(move || second(&other));
        first(&cpu);
        other.join().unwrap();
    });
}

/// What a CPU does that takes part, and works until one page has been unmapped.
fn serves_one(cpu: &Cpu) {
    cpu.join();
    cpu.touch_all();
    cpu.work_until(1);
}

/// What a CPU does that unmaps the page of its number, while another unmaps the other.
fn flushes_too(cpu: &Cpu) {
    cpu.join();
    cpu.touch_all();
    cpu.unmap(cpu.me.index());
    cpu.work_until(2);
}

#[test]
fn after_a_flush_neither_cpu_uses_the_page() {
    let flusher = |cpu: &Cpu| {
        cpu.touch(0);
        cpu.unmap(0);
        cpu.touch(0);
    };
    check(flusher, serves_one);
}

#[test]
fn a_request_that_comes_while_an_older_one_is_served_is_served_too() {
    let flusher = |cpu: &Cpu| (0..PAGES).for_each(|page| cpu.unmap(page));
    let server = |cpu: &Cpu| {
        cpu.join();
        cpu.touch_all();
        cpu.work_until(2);
    };
    check(flusher, server);
}

#[test]
fn two_cpus_that_flush_at_once_both_return_and_use_neither_page() {
    check(flushes_too, flushes_too);
}

/// Either it is waited for, or it forgets everything after the change.
#[test]
fn a_cpu_that_joins_during_a_flush_uses_the_page_no_more() {
    let joiner = |cpu: &Cpu| {
        cpu.walk(0);
        serves_one(cpu);
    };
    check(|cpu| cpu.unmap(0), joiner);
}

#[test]
fn a_cpu_that_leaves_during_a_flush_has_answered_or_is_not_asked() {
    let leaver = |cpu: &Cpu| {
        cpu.join();
        cpu.touch(0);
        cpu.leave();
    };
    check(|cpu| cpu.unmap(0), leaver);
}

#[test]
fn a_cpu_that_comes_back_during_a_flush_uses_the_page_no_more() {
    let back = |cpu: &Cpu| {
        cpu.join();
        cpu.touch(0);
        cpu.leave();
        serves_one(cpu);
    };
    check(|cpu| cpu.unmap(0), back);
}

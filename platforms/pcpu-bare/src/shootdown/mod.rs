// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shoot-down: making every CPU forget translations, where the hardware tells only its own.
//!
//! One CPU at a time has the *turn*. It writes down what to forget, asks every CPU that takes part,
//! and waits until each has answered:
//!
//! ```text
//!  flush, CPU 0                             serve, CPU 1, in its interrupt handler
//!    take the turn (and serve meanwhile)
//!    range = what to forget
//!    wanted[1] += 1  ──── interrupt ─────►  wanted[1] ≠ answered[1]
//!    forget it myself                       forget range
//!    wait: answered[1] = wanted[1]?  ◄────  answered[1] = the wanted that was read
//!    give up the turn
//! ```
//!
//! # Invariants
//! - **T1** only the CPU with the turn writes `range` and `wanted`.
//! - **T2** it writes neither while an answer is outstanding. So a CPU that owes an answer reads the
//!   range that it was asked for.
//! - **T3** `answered[c]` is written by CPU `c` alone, becomes `n` only after `c` has forgotten the
//!   range of request `n`, and never goes back.
//! - **T4** a CPU stops taking part only while it has the turn itself, so nobody asks it meanwhile, and
//!   by T2 it owes nothing then.
//!
//! # No deadlock
//! A CPU waits here for the turn or for answers. While it waits for the turn it serves; while it
//! has the turn nobody can ask it anything. So two CPUs may flush at once, even with interrupts
//! masked. A CPU that waits elsewhere with interrupts masked must not wait for one that
//! flushes: that is why [`Spin`](crate::lock::Spin), which is held across shoot-downs, leaves them on.

#[cfg(all(test, loom))]
mod loom_model;
mod sync;
#[cfg(all(test, not(loom)))]
mod tests;

use pcpu_layout::{CpuId, Span};
use pcpu_platform::Addr;
use sync::{AtomicBool, AtomicUsize, Ordering, fence, relax};

/// The state of shoot-downs among up to `CPUS` CPUs. One for each set of page tables, in a static.
#[derive(Debug)]
pub struct Shootdown<const CPUS: usize = 64> {
    turn: AtomicBool,
    start: AtomicUsize,
    end: AtomicUsize,
    cpus: [Mailbox; CPUS],
}

/// What one CPU is asked and has answered, as running numbers.
#[derive(Debug)]
struct Mailbox {
    takes_part: AtomicBool,
    wanted: AtomicUsize,
    answered: AtomicUsize,
}

impl Mailbox {
    #[cfg(not(all(test, loom)))]
    const fn new() -> Self {
        Self {
            takes_part: AtomicBool::new(false),
            wanted: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
        }
    }

    fn owes(&self) -> bool {
        self.wanted.load(Ordering::Acquire) != self.answered.load(Ordering::Acquire)
    }
}

impl<const CPUS: usize> Shootdown<CPUS> {
    /// Makes the state in which no CPU takes part.
    #[allow(clippy::new_without_default, reason = "it lives in a static")]
    #[cfg(not(all(test, loom)))]
    pub const fn new() -> Self {
        Self {
            turn: AtomicBool::new(false),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            cpus: [const { Mailbox::new() }; CPUS],
        }
    }

    /// Makes `me`, the running CPU, take part from now on, then has it forget all translations, by
    /// `forget_all`. In this order: whoever finds that it does not take part yet has changed the
    /// tables already, and what was remembered of the old ones goes.
    ///
    /// # Context
    /// Once on each CPU, before it uses pages that can be unmapped; requests can be served from here on.
    /// From here on it must answer: a CPU that powers down calls [`leave`](Self::leave) first, or every
    /// later flush waits for it for good. Once more when it comes back.
    ///
    /// # Panics
    /// When `me` is not below `CPUS`.
    pub fn join(&self, me: CpuId, forget_all: impl FnOnce()) {
        self.cpus[me.index()].takes_part.store(true, Ordering::SeqCst);
        // Against the fence in `flush`: either it sees the line above, or we see its tables.
        fence(Ordering::SeqCst);
        forget_all();
    }

    /// Makes `me`, the running CPU, take part no more, when it has answered what it owes. `forget` is as
    /// for [`flush`](Self::flush).
    ///
    /// # Context
    /// As for `flush`. From here on, until it joins again, the CPU uses no pages that can be unmapped.
    ///
    /// # Panics
    /// When `me` is not below `CPUS`.
    pub fn leave(&self, me: CpuId, forget: impl Fn(Span<Addr>)) {
        let mailbox = &self.cpus[me.index()];
        self.take_turn(me, &forget);
        mailbox.takes_part.store(false, Ordering::SeqCst);
        self.turn.store(false, Ordering::Release);
    }

    /// Makes all CPUs that take part forget the range, and returns when all have.
    ///
    /// `me` is the running CPU, whether it takes part or not. `forget` makes the running CPU forget
    /// a range. `send` makes another CPU call [`serve`](Self::serve), soon, and not before it
    /// can see what this one wrote: where a device sends interrupts, that takes a barrier (RISC-V:
    /// `fence w, o`; Arm: `dsb ishst`).
    ///
    /// # Context
    /// Interrupts on or masked; pinned to `me`. Not for interrupt handlers, which may have
    /// interrupted it on their own CPU.
    ///
    /// # Panics
    /// When `me` is not below `CPUS`.
    pub fn flush(
        &self,
        me: CpuId,
        range: Span<Addr>,
        forget: impl Fn(Span<Addr>),
        mut send: impl FnMut(CpuId),
    ) {
        self.take_turn(me, &forget);
        self.start.store(range.start.get(), Ordering::Relaxed);
        self.end.store(range.end.get(), Ordering::Relaxed);
        // The tables changed before this; against the fence in `join`.
        fence(Ordering::SeqCst);
        for (cpu, mailbox) in (0..).map(CpuId::new).zip(&self.cpus) {
            if cpu != me && mailbox.takes_part.load(Ordering::SeqCst) {
                // `Release`: who sees it sees the range, and the tables.
                mailbox.wanted.fetch_add(1, Ordering::Release);
                send(cpu);
            }
        }
        forget(range);
        for mailbox in &self.cpus {
            while mailbox.owes() {
                relax();
            }
        }

        self.turn.store(false, Ordering::Release);
    }

    /// Waits for the turn, and serves meanwhile: whoever has it may be waiting for this CPU.
    fn take_turn(&self, me: CpuId, forget: impl Fn(Span<Addr>)) {
        // Not `swap`, which writes when it fails too: loom then cannot tell which write came last.
        let take = || self.turn.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        while take().is_err() {
            self.serve(me, &forget);
            relax();
        }
    }

    /// Does what `me`, the running CPU, was asked to, if anything. `forget` is as for
    /// [`flush`](Self::flush).
    ///
    /// # Context
    /// The interrupt handler; also any place where the CPU waits with interrupts masked. A handler
    /// may interrupt it and do the same: one of the two answers.
    ///
    /// # Panics
    /// When `me` is not below `CPUS`.
    pub fn serve(&self, me: CpuId, forget: impl Fn(Span<Addr>)) {
        let mailbox = &self.cpus[me.index()];
        let before = mailbox.answered.load(Ordering::Relaxed);
        let wanted = mailbox.wanted.load(Ordering::Acquire);
        if wanted == before {
            return;
        }
        let (start, end) = (self.start.load(Ordering::Acquire), self.end.load(Ordering::Acquire));
        // A handler that came in since has answered, and the range may be half a later one.
        if mailbox.answered.load(Ordering::Relaxed) != before {
            return;
        }
        if let (Some(start), Some(end)) = (Addr::new(start), Addr::new(end)) {
            forget(Span { start, end });
        }
        // Or it came in meanwhile and has answered, perhaps a later request too: then this number is
        // out of date, and must not be written over a newer one.
        let _ =
            mailbox.answered.compare_exchange(before, wanted, Ordering::Release, Ordering::Relaxed);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work on words: locks, sums, tokens in exchange.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::thread;

use pcpu_linux::local::{By, Copies};

use crate::crowd::{Work, Worker};
use crate::ground::Ground;
use crate::plan::Place;

/// Where in a copy the counter is that a lock protects.
const COUNTER: usize = 64;

/// A lock of each copy. Its holder may go on anywhere, so it writes its name into the lock, to find
/// out afterwards which one it got.
pub struct Locks<'t, B> {
    copies: Copies<'t, B>,
    ground: &'t Ground,
    taken: AtomicU64,
    twice: AtomicU64,
}

impl<'t, B: By> Locks<'t, B> {
    pub fn new(ground: &'t Ground) -> Self {
        let copies = Copies::new(ground.address(0), ground.table());
        Self { copies, ground, taken: AtomicU64::new(0), twice: AtomicU64::new(0) }
    }

    /// Takes a lock if it is free, runs `work`, and counts.
    fn locked(&self, name: u64, work: impl FnOnce()) -> bool {
        // SAFETY: aligned words of zeros, changed by this while they are 0 and by the holder
        // while they are not.
        let got = unsafe { self.copies.compare_exchange(0_u64, name, self.ground) };
        if got.is_err() {
            return false;
        }
        fence(Ordering::Acquire);
        let all = Ground::indexes().filter_map(|index| self.copies.address(index));
        let mut mine = all.filter(|lock| self.ground.word(*lock).load(Ordering::Relaxed) == name);
        let (Some(lock), None) = (mine.next(), mine.next()) else {
            self.twice.fetch_add(1, Ordering::Relaxed);
            return true;
        };
        let counter = ptr::with_exposed_provenance_mut::<u64>(lock.get() + COUNTER);
        // SAFETY: the lock protects it.
        let before = unsafe { counter.read_volatile() };
        work();
        // SAFETY: likewise.
        unsafe { counter.write_volatile(before + 1) };
        self.taken.fetch_add(1, Ordering::Relaxed);
        self.ground.word(lock).store(0, Ordering::Release);
        true
    }
}

impl<B: By> Work for Locks<'_, B> {
    fn round(&self, worker: &mut Worker<'_>) {
        worker.at(Place::Before);
        let name = worker.slot as u64 + 1;
        if !self.locked(name, || worker.at(Place::Between)) {
            thread::yield_now();
        }
        worker.at(Place::After);
    }

    fn in_handler(&self, slot: usize) {
        self.locked(slot as u64 + 101, || {});
    }

    fn check(&self, _: &[usize]) -> Result<(), String> {
        let of = |at: usize| {
            let all = Ground::indexes().map(move |index| self.ground.at(index, at));
            all.map(|word| self.ground.word(word).load(Ordering::Relaxed)).sum::<u64>()
        };
        let (locks, sum) = (of(0), of(COUNTER));
        let (taken, twice) =
            (self.taken.load(Ordering::Relaxed), self.twice.load(Ordering::Relaxed));
        if (locks, sum, twice) == (0, taken, 0) {
            return Ok(());
        }
        Err(format!(
            "{taken} times locked, counted {sum}; {locks} left; {twice} not found or double"
        ))
    }
}

/// Words of all widths, that are added to.
pub struct Sums<'t, B> {
    copies: [Copies<'t, B>; 4],
    ground: &'t Ground,
    added: AtomicU64,
}

impl<'t, B: By> Sums<'t, B> {
    pub fn new(ground: &'t Ground) -> Self {
        let copies = [0, 8, 16, 24].map(|at| Copies::new(ground.address(at), ground.table()));
        Self { copies, ground, added: AtomicU64::new(0) }
    }

    /// Adds 1 to one of each width, in both ways.
    fn add(&self) {
        let [c8, c16, c32, c64] = self.copies;
        // SAFETY: an aligned word of zeros, changed by additions alone.
        unsafe { c64.add(1_u64, self.ground) };
        // SAFETY: likewise.
        unsafe { c32.add_return(1_u32, self.ground) };
        // SAFETY: likewise.
        unsafe { c16.add(1_u16, self.ground) };
        // SAFETY: likewise.
        unsafe { c8.add_return(1_u8, self.ground) };
        self.added.fetch_add(1, Ordering::Relaxed);
    }
}

impl<B: By> Work for Sums<'_, B> {
    fn round(&self, worker: &mut Worker<'_>) {
        worker.at(Place::Before);
        self.add();
        worker.at(Place::Between);
        self.add();
        worker.at(Place::After);
    }

    fn in_handler(&self, _: usize) {
        self.add();
    }

    fn check(&self, _: &[usize]) -> Result<(), String> {
        let added = self.added.load(Ordering::Relaxed);
        for (nth, bits) in [8, 16, 32, 64].into_iter().enumerate() {
            let all = Ground::indexes().map(|index| self.ground.at(index, 8 * nth));
            let words = all.map(|word| self.ground.word(word).load(Ordering::Relaxed));
            let mask = u64::MAX >> (64 - bits);
            let sum = words.fold(0_u64, u64::wrapping_add) & mask;
            if sum != added & mask {
                return Err(format!("{added} additions on {bits} bits made {sum}"));
            }
        }
        Ok(())
    }
}

/// Tokens, each of which is put in and comes out once.
pub struct Exchange<'t, B> {
    copies: Copies<'t, B>,
    ground: &'t Ground,
    next: AtomicUsize,
    seen: Box<[AtomicBool]>,
    twice: AtomicU64,
}

impl<'t, B: By> Exchange<'t, B> {
    /// `most` tokens, after which nothing happens any more.
    pub fn new(ground: &'t Ground, most: usize) -> Self {
        let copies = Copies::new(ground.address(0), ground.table());
        let seen = (0..most).map(|_| AtomicBool::new(false)).collect();
        Self { copies, ground, next: AtomicUsize::new(1), seen, twice: AtomicU64::new(0) }
    }

    fn exchange(&self) {
        let token = self.next.fetch_add(1, Ordering::Relaxed);
        if token < self.seen.len() {
            // SAFETY: an aligned word of zeros, changed by exchanges alone.
            let old = unsafe { self.copies.exchange(token as u64, self.ground) };
            self.see(old as usize);
        }
    }

    fn see(&self, token: usize) {
        if token != 0 && self.seen[token].swap(true, Ordering::Relaxed) {
            self.twice.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<B: By> Work for Exchange<'_, B> {
    fn round(&self, worker: &mut Worker<'_>) {
        worker.at(Place::Before);
        self.exchange();
        worker.at(Place::Between);
        self.exchange();
        worker.at(Place::After);
    }

    fn in_handler(&self, _: usize) {
        self.exchange();
    }

    fn check(&self, _: &[usize]) -> Result<(), String> {
        for index in Ground::indexes() {
            let word = self.ground.word(self.ground.at(index, 0));
            self.see(word.load(Ordering::Relaxed) as usize);
        }
        let made = self.next.load(Ordering::Relaxed).min(self.seen.len());
        let lost = (1..made).filter(|&token| !self.seen[token].load(Ordering::Relaxed)).count();
        let twice = self.twice.load(Ordering::Relaxed);
        if (lost, twice) == (0, 0) {
            return Ok(());
        }
        Err(format!("of {} tokens {lost} were lost, and {twice} came twice", made - 1))
    }
}

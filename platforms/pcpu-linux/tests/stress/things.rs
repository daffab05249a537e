// SPDX-License-Identifier: MIT OR Apache-2.0
//! Things of which each is somebody's alone, in a list, on a stack or in a hand: counted at the end,
//! and watched meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::crowd::SLOTS;

/// Who has which, and what a signal handler could not put back.
pub struct Things {
    held: Box<[AtomicBool]>,
    twice: AtomicU64,
    stash: [AtomicUsize; SLOTS],
}

impl Things {
    /// Makes `number` things, which everybody calls 1, 2, 3 and so on, all of them held.
    pub fn new(number: usize) -> Self {
        let held = (0..number).map(|_| AtomicBool::new(true)).collect();
        let stash = [const { AtomicUsize::new(0) }; SLOTS];
        Self { held, twice: AtomicU64::new(0), stash }
    }

    /// Notes that somebody took a thing.
    pub fn claim(&self, thing: usize) {
        let before = match self.held.get(thing.wrapping_sub(1)) {
            Some(held) => held.swap(true, Ordering::Relaxed),
            None => true,
        };
        self.twice.fetch_add(before.into(), Ordering::Relaxed);
    }

    /// Notes that he is about to put it back.
    pub fn release(&self, thing: usize) {
        self.held[thing - 1].store(false, Ordering::Relaxed);
    }

    /// Whether a signal handler has left a thing with this thread.
    pub fn has_stashed(&self, slot: usize) -> bool {
        self.stash[slot].load(Ordering::Relaxed) != 0
    }

    /// Leaves a thing, held, for the thread that was interrupted.
    pub fn stash(&self, slot: usize, thing: usize) {
        self.stash[slot].store(thing, Ordering::Relaxed);
    }

    /// Takes what a handler has left.
    pub fn stashed(&self, slot: usize) -> Option<usize> {
        let thing = self.stash[slot].swap(0, Ordering::Relaxed);
        (thing != 0).then_some(thing)
    }

    /// Says what is wrong, if `put_back` and `left` are all things that are anywhere else.
    pub fn check(&self, put_back: &[usize], left: &[usize]) -> Result<(), String> {
        let twice = self.twice.load(Ordering::Relaxed);
        if twice != 0 {
            return Err(format!("{twice} times a thing was had by two"));
        }
        let stashed = (0..SLOTS).filter_map(|slot| self.stashed(slot));
        let hands: Vec<_> = left.iter().copied().chain(stashed).collect();
        let mut seen: Vec<_> = hands.iter().chain(put_back).copied().collect();
        seen.sort_unstable();
        if !seen.iter().copied().eq(1..=self.held.len()) {
            return Err(format!("things 1 to {} became {seen:?}", self.held.len()));
        }
        let is_held = |thing: &usize| self.held[thing - 1].load(Ordering::Relaxed);
        if put_back.iter().any(is_held) || !hands.iter().all(is_held) {
            return Err("a thing is not where it was put".to_owned());
        }
        Ok(())
    }
}

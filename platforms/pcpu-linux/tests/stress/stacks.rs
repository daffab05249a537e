// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tokens on stacks that are sometimes full: popped and pushed, one or several at a time; with a
//! closer, drained.
#![allow(unsafe_code)]

use std::thread;

use pcpu_linux::local::{Busy, By, Stack};

use crate::crowd::{WORKERS, Work, Worker};
use crate::ground::Ground;
use crate::plan::Place;
use crate::things::Things;

/// Tokens that each worker starts with, and how many one stack holds: less than all.
const EACH: usize = 12;
const LIMIT: usize = 30;

/// The most that is appended at once.
const MOST: u64 = 6;

/// How tokens go on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Onto {
    Push,
    Append,
}

pub struct Stacks<'t, B> {
    stack: Stack<'t, B>,
    ground: &'t Ground,
    things: Things,
    way: Onto,
    drained: bool,
}

impl<'t, B: By> Stacks<'t, B> {
    pub fn new(ground: &'t Ground, way: Onto, drained: bool) -> Self {
        // SAFETY: an area of zeros with room for it, used for this alone.
        let stack = unsafe { Stack::new(ground.address(0), ground.table(), LIMIT) };
        Self { stack, ground, things: Things::new(WORKERS * EACH), way, drained }
    }

    fn pop(&self) -> Result<Option<usize>, Busy> {
        let thing = self.stack.pop(self.ground)?;
        if let Some(thing) = thing {
            self.things.claim(thing);
        }
        Ok(thing)
    }

    /// Puts things back, all or none. Says whether it did.
    fn put(&self, things: &[usize], way: Onto) -> bool {
        things.iter().for_each(|&thing| self.things.release(thing));
        let done = match (way, things) {
            (Onto::Push, &[thing]) => self.stack.push(thing, self.ground),
            _ => self.stack.append(things, self.ground),
        };
        let done = done.unwrap_or(false);
        if !done {
            things.iter().for_each(|&thing| self.things.claim(thing));
        }
        done
    }

    /// Puts back as many of the last pending ones as there is room for.
    fn put_back(&self, pending: &mut Vec<usize>, at_once: usize) {
        while !pending.is_empty() {
            let from = pending.len().saturating_sub(at_once);
            if !self.put(&pending[from..], self.way) {
                return thread::yield_now();
            }
            pending.truncate(from);
        }
    }
}

impl<B: By> Work for Stacks<'_, B> {
    fn start(&self, worker: &mut Worker<'_>) {
        worker.pending.extend((1..=EACH).map(|nth| worker.slot * EACH + nth));
        self.put_back(&mut worker.pending, 1);
    }

    fn round(&self, worker: &mut Worker<'_>) {
        worker.at(Place::Before);
        worker.pending.extend(self.things.stashed(worker.slot));
        let at_once = match self.way {
            Onto::Push => 1,
            Onto::Append => 1 + worker.random(MOST) as usize,
        };
        while worker.pending.len() < at_once {
            match self.pop() {
                Ok(Some(thing)) => worker.pending.push(thing),
                Ok(None) | Err(Busy) => break,
            }
        }
        worker.at(Place::Between);
        self.put_back(&mut worker.pending, at_once);
        worker.at(Place::After);
    }

    fn in_handler(&self, slot: usize) {
        if self.things.has_stashed(slot) {
            return;
        }
        if let Ok(Some(thing)) = self.pop()
            && !self.put(&[thing], self.way)
        {
            self.things.stash(slot, thing);
        }
    }

    fn is_drained(&self) -> bool {
        self.drained
    }

    fn drain(&self, worker: &mut Worker<'_>) {
        for index in Ground::indexes_in_use() {
            let things = &self.things;
            let pending = &mut worker.pending;
            let each = |thing| {
                things.claim(thing);
                pending.push(thing);
            };
            let _: Result<(), Busy> = self.stack.drain(index, each).expect("a fence can be had");
            worker.at(Place::Between);
            worker.pending.extend(self.things.stashed(worker.slot));
            self.put_back(&mut worker.pending, 1);
        }
    }

    fn check(&self, left: &[usize]) -> Result<(), String> {
        let mut on_stacks = Vec::new();
        for index in Ground::indexes() {
            let each = |thing| on_stacks.push(thing);
            self.stack.drain(index, each).map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        }
        self.things.check(&on_stacks, left)
    }
}

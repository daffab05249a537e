// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nodes on lists, popped and pushed; with a closer, drained.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::thread;

use pcpu_linux::local::{Busy, By, Index, List};

use crate::crowd::{WORKERS, Work, Worker};
use crate::ground::Ground;
use crate::plan::Place;
use crate::things::Things;

/// Nodes that each worker starts with.
const EACH: usize = 12;

/// A node; where its link is matters to nobody but the list.
#[repr(C)]
struct Node {
    _before: usize,
    link: UnsafeCell<usize>,
}

pub struct Lists<'t, B> {
    list: List<'t, B>,
    ground: &'t Ground,
    nodes: Box<[Node]>,
    base: usize,
    things: Things,
    drained: bool,
}

// SAFETY: links are touched by who has the node alone, and by the list.
unsafe impl<B: By> Sync for Lists<'_, B> {}

impl<'t, B: By> Lists<'t, B> {
    pub fn new(ground: &'t Ground, drained: bool) -> Self {
        let number = WORKERS * EACH;
        let node = || Node { _before: 0, link: UnsafeCell::new(0) };
        let nodes: Box<[_]> = (0..number).map(|_| node()).collect();
        let base = nodes.as_ptr().expose_provenance();
        let link = std::mem::offset_of!(Node, link);
        // SAFETY: an area of zeros with room for it, used for this alone. Nodes live as long as the
        // lists are used.
        let list = unsafe { List::new(ground.address(0), ground.table(), link) };
        Self { list, ground, nodes, base, things: Things::new(number), drained }
    }

    fn address(&self, thing: usize) -> usize {
        self.base + (thing - 1) * size_of::<Node>()
    }

    fn thing(&self, address: usize) -> usize {
        address.wrapping_sub(self.base) / size_of::<Node>() + 1
    }

    fn pop(&self) -> Result<Option<usize>, Busy> {
        // SAFETY: nodes are as `push` says.
        let node = unsafe { self.list.pop(self.ground) }?;
        let thing = node.map(|node| self.thing(node));
        if let Some(thing) = thing {
            self.things.claim(thing);
        }
        Ok(thing)
    }

    fn push(&self, thing: usize) -> Result<(), Busy> {
        self.things.release(thing);
        // SAFETY: a node of this list's, which the caller has for himself.
        let done = unsafe { self.list.push(self.address(thing), self.ground) };
        if done.is_err() {
            self.things.claim(thing);
        }
        done
    }

    fn put_back(&self, thing: usize) {
        while self.push(thing).is_err() {
            thread::yield_now();
        }
    }

    fn drain_one(&self, index: Index) -> Vec<usize> {
        let mut taken = Vec::with_capacity(self.nodes.len());
        // SAFETY: nodes are as `push` says.
        let drained = unsafe { self.list.drain(index) }.expect("a fence can be had");
        let mut next = drained.ok().flatten().unwrap_or(0);
        while next != 0 && taken.len() <= self.nodes.len() {
            let thing = self.thing(next);
            taken.push(thing);
            let Some(node) = self.nodes.get(thing - 1) else { break };
            // SAFETY: a node that was on the list is the closer's now.
            next = unsafe { *node.link.get() };
        }
        taken
    }
}

impl<B: By> Work for Lists<'_, B> {
    fn start(&self, worker: &mut Worker<'_>) {
        (1..=EACH).for_each(|nth| self.put_back(worker.slot * EACH + nth));
    }

    fn round(&self, worker: &mut Worker<'_>) {
        worker.at(Place::Before);
        let thing = match self.things.stashed(worker.slot) {
            Some(thing) => thing,
            None => match self.pop() {
                Ok(Some(thing)) => thing,
                Ok(None) | Err(Busy) => return thread::yield_now(),
            },
        };
        worker.at(Place::Between);
        self.put_back(thing);
        worker.at(Place::After);
    }

    fn in_handler(&self, slot: usize) {
        if self.things.has_stashed(slot) {
            return;
        }
        if let Ok(Some(thing)) = self.pop()
            && self.push(thing).is_err()
        {
            self.things.stash(slot, thing);
        }
    }

    fn is_drained(&self) -> bool {
        self.drained
    }

    fn drain(&self, worker: &mut Worker<'_>) {
        for index in Ground::indexes_in_use() {
            let taken = self.drain_one(index);
            taken.iter().for_each(|&thing| self.things.claim(thing));
            worker.at(Place::Between);
            taken.iter().for_each(|&thing| self.put_back(thing));
            if let Some(thing) = self.things.stashed(worker.slot) {
                self.put_back(thing);
            }
        }
    }

    fn check(&self, left: &[usize]) -> Result<(), String> {
        let on_lists: Vec<_> = Ground::indexes().flat_map(|index| self.drain_one(index)).collect();
        self.things.check(&on_lists, left)
    }
}

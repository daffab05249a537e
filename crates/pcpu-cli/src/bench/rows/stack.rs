// SPDX-License-Identifier: MIT OR Apache-2.0
//! A stack of words on each CPU, which is what a cache in front of an allocator does on its common
//! path: so the peer is the C library's common path.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::AtomicUsize;

use parking_lot::Mutex;
use pcpu_linux::local::{Copies, Cpu, Index, NotProvided, Provide, Stack, Table};
use pcpu_platform::Addr;

use super::super::Turn;
use super::super::duo::pin_by_turn;
use super::super::glibc::Block;
use super::super::race::Race;
use super::super::sample::Sample;
use crate::system::allowed_cpus;

/// Words of a stack, and how many are on it.
const LIMIT: usize = 64;
const FILLED: usize = 16;

/// Words from one CPU's stack to the next.
const STRIDE: usize = 128;

/// All copies are there from the start.
struct Nobody;

impl Provide for Nobody {
    fn provide(&self, _: Index) -> Result<(), NotProvided> {
        Err(NotProvided::Refused)
    }
}

/// Push and pop.
pub fn measure(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    let cpus = allowed_cpus().unwrap_or_default();
    pin_by_turn(turn.number);
    Copies::<Cpu>::prepare();
    let (memory, table) = ((0..cpus.len() * STRIDE).map(|_| AtomicUsize::new(0)), Table::new());
    let memory: Box<[_]> = memory.collect();
    for (place, cpu) in cpus.iter().enumerate() {
        table.set(Index::new(*cpu as u32), place * STRIDE * size_of::<usize>());
    }
    let area = Addr::new(memory.as_ptr().expose_provenance()).expect("a box is somewhere");
    assert!(Stack::<Cpu>::layout(LIMIT).is_some_and(|it| it.size() <= STRIDE * size_of::<usize>()));
    // SAFETY: each copy that the table names has `STRIDE` words of `memory`, zeroed, more than the
    // layout (above), exposed, and lives longer than the stack; the table is this stack's alone.
    let stack: Stack<'_, Cpu> = unsafe { Stack::new(area, &table, LIMIT) };
    for word in 0..FILLED {
        stack.push(word, &Nobody)?;
    }
    let locked = Mutex::new(Vec::from_iter(0..FILLED));
    let race = Race::new()
        .batches("pcpu", |nr| push_and_pop(&stack, nr))
        .each("malloc + free, 16 bytes", || drop(Block::new(16)))
        .each("parking_lot::Mutex<Vec>", || {
            locked.lock().push(7);
            black_box(locked.lock().pop());
        })
        .batches("thread_local! Vec", local);
    let sample = race.run(turn.budget);
    drop(memory);
    Ok(sample)
}

#[inline(never)]
fn push_and_pop(stack: &Stack<'_, Cpu>, nr: u64) {
    for _ in 0..nr {
        let pushed = stack.push(7, &Nobody);
        let popped = stack.pop(&Nobody);
        debug_assert!(pushed == Ok(true) && popped.is_ok());
    }
}

#[inline(never)]
fn local(nr: u64) {
    thread_local! {
        static STACK: RefCell<Vec<usize>> = RefCell::new(Vec::from_iter(0..FILLED));
    }
    for _ in 0..nr {
        STACK.with_borrow_mut(|stack| stack.push(7));
        black_box(STACK.with_borrow_mut(Vec::pop));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory that the child works on and this process looks at: a word, a list or a stack for each
//! index, and what the two tell each other.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use pcpu_linux::local::{By, Copies, Index, List, NotProvided, Provide, Stack, Table, nr_indexes};
use pcpu_platform::Addr;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

/// Words of a copy: a lock, then the structure.
const WORDS: usize = 32;
const UNIT: usize = 8 * WORDS;

/// Nodes of each copy, and bytes of a node. Two more are on no list at first.
const NODES: usize = 2;
const NODE: usize = 32;
const LINK: usize = 8;

/// Words that a stack holds.
pub const LIMIT: usize = 6;

/// What a copy is at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Word(u64),
    /// As many of its own nodes.
    List(usize),
    /// As many words.
    Stack(usize),
}

/// What the two processes tell each other.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Control {
    /// Which case is to be run.
    pub case: AtomicUsize,
    /// What came of it.
    pub result: [AtomicU64; 2],
    /// How often the signal handler ran, and what came of that.
    pub handled: AtomicU64,
    pub handler_result: [AtomicU64; 2],
    /// The descriptor that the thread's area names afterwards.
    pub descriptor: AtomicU64,
}

pub struct Ground {
    base: usize,
    table: Table,
}

impl Ground {
    pub fn new() -> Self {
        let table = Table::new();
        (0..nr_indexes()).for_each(|number| table.set(Index::new(number as u32), number * UNIT));
        let size = Self::units_offset() + nr_indexes() * (UNIT + NODES * NODE) + 2 * NODE;
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: new memory at no place in particular.
        let memory = unsafe { mmap_anonymous(ptr::null_mut(), size, access, flags) };
        Self { base: memory.unwrap().expose_provenance(), table }
    }

    const fn units_offset() -> usize {
        256
    }

    pub fn control(&self) -> &Control {
        const { assert!(size_of::<Control>() <= Self::units_offset()) };
        // SAFETY: zeros at first, atomic, and there for ever.
        unsafe { &*ptr::with_exposed_provenance(self.base) }
    }

    fn area(&self, offset: usize) -> Addr {
        Addr::new(self.base + Self::units_offset() + offset).expect("an address")
    }

    pub fn word<B: By>(&self) -> Copies<'_, B> {
        Copies::new(self.area(8), &self.table)
    }

    pub fn list<B: By>(&self) -> List<'_, B> {
        // SAFETY: units have room for it; nodes are there for ever; a case uses them for one thing.
        unsafe { List::new(self.area(0), &self.table, LINK) }
    }

    pub fn stack<B: By>(&self) -> Stack<'_, B> {
        const { assert!(LIMIT + 2 <= WORDS) };
        // SAFETY: units have room for it; a case uses them for one thing.
        unsafe { Stack::new(self.area(0), &self.table, LIMIT) }
    }

    /// The address of a node.
    pub fn node(&self, node: u64) -> usize {
        self.area(nr_indexes() * UNIT + node as usize * NODE).get()
    }

    /// Which node is at an address.
    pub fn node_at(&self, address: usize) -> u64 {
        ((address - self.node(0)) / NODE) as u64
    }

    /// A node that is on no list at first, of two.
    pub fn spare(which: u64) -> u64 {
        (nr_indexes() * NODES) as u64 + which
    }

    fn at(&self, address: usize) -> *mut u64 {
        ptr::with_exposed_provenance_mut(address)
    }

    fn read(&self, address: usize) -> u64 {
        // SAFETY: a word of this memory; the child is stopped.
        unsafe { self.at(address).read_volatile() }
    }

    fn write(&self, address: usize, value: u64) {
        // SAFETY: a word of this memory; the child is stopped.
        unsafe { self.at(address).write_volatile(value) };
    }

    /// What a copy is at first: a word, or nodes from the first on, or words from the bottom up.
    pub fn first_state(&self, index: usize, start: Start) -> Vec<u64> {
        match start {
            Start::Word(word) => vec![word],
            Start::List(nr) => (0..nr as u64).map(|nth| (index * NODES) as u64 + nth).collect(),
            Start::Stack(nr) => (1..=nr as u64).map(|nth| 100 * index as u64 + nth).collect(),
        }
    }

    /// Makes a copy as it is to be at first.
    pub fn reset(&self, index: usize, start: Start) {
        let unit = self.area(index * UNIT).get();
        (0..WORDS).for_each(|word| self.write(unit + 8 * word, 0));
        let state = self.first_state(index, start);
        match start {
            Start::Word(word) => self.write(unit + 8, word),
            Start::List(_) => {
                let mut link = unit + 8;
                for &node in &state {
                    self.write(link, self.node(node) as u64);
                    link = self.node(node) + LINK;
                }
                self.write(link, 0);
            }
            Start::Stack(nr) => {
                self.write(unit + 8, nr as u64);
                state.iter().zip(2..).for_each(|(&it, nth)| self.write(unit + 8 * nth, it));
            }
        }
    }

    /// What a copy is now.
    pub fn state(&self, index: usize, start: Start) -> Vec<u64> {
        let unit = self.area(index * UNIT).get();
        let first = self.read(unit + 8);
        match start {
            Start::Word(_) => vec![first],
            Start::List(_) => {
                let mut nodes = Vec::new();
                let mut next = first as usize;
                while next != 0 && nodes.len() < 8 {
                    nodes.push(self.node_at(next));
                    next = self.read(next + LINK) as usize;
                }
                nodes
            }
            Start::Stack(_) => (0..first.min(WORDS as u64 - 2))
                .map(|nth| self.read(unit + 16 + 8 * nth as usize))
                .collect(),
        }
    }
}

impl Provide for Ground {
    fn provide(&self, index: Index) -> Result<(), NotProvided> {
        panic!("a copy of {index:?} is missing");
    }
}

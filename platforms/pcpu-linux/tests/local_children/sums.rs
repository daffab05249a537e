// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many threads add, and nothing is lost.
#![allow(unsafe_code)]

use std::thread;

use pcpu_linux::local::{By, ConcurrencyId, Copies, Cpu, Index, Node};

use crate::local_common::{Area, Everywhere};

pub const THREADS: u64 = 6;
pub const EACH: u64 = 30_000;

/// A word in every copy, to which threads add 1.
pub struct Sum {
    area: Area,
}

/// What a thread needs of it.
#[derive(Debug)]
pub struct Adder<'a, B>(Copies<'a, B>);

impl<B> Clone for Adder<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Adder<'_, B> {}

impl<B: By> Adder<'_, B> {
    /// Adds 1, in one of two ways.
    pub fn add(self, round: u64) {
        if round.is_multiple_of(2) {
            // SAFETY: every copy is an aligned u64, changed by these operations alone.
            unsafe { self.0.add(1_u64, &Everywhere) };
        } else {
            // SAFETY: the same.
            unsafe { self.0.add_return(1_u64, &Everywhere) };
        }
    }
}

impl Sum {
    pub fn new() -> Self {
        Self { area: Area::new(8) }
    }

    pub fn adder<B: By>(&self) -> Adder<'_, B> {
        Adder(Copies::new(self.area.address(0), self.area.table()))
    }

    /// What was added in all.
    pub fn all(&self) -> u64 {
        self.area.sum(0)
    }

    /// What threads without a number of their own have added.
    pub fn strays(&self) -> u64 {
        let unit = self.area.unit(Index::STRAY);
        self.area.words(0).nth(unit / self.area.unit(Index::new(1))).expect("the strays' copy")
    }
}

/// Has threads add by every number. None of them is a stray.
pub fn are_exact() {
    fn by<B: By>() {
        let sum = Sum::new();
        let adder = sum.adder::<B>();
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(move || (0..EACH).for_each(|round| adder.add(round)));
            }
        });
        assert_eq!((sum.all(), sum.strays()), (THREADS * EACH, 0));
    }
    by::<Cpu>();
    by::<ConcurrencyId>();
    by::<Node>();
}

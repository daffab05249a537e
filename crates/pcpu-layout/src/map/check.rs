// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recomputes everything that a map remembers and compares. For tests and debugging builds.

use core::fmt;

use super::Map;
use super::bits;
use super::runs::Runs;
use crate::PageCount;

/// An invariant of the map that does not hold: a bug in this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The invariant's name in the module documentation.
    pub invariant: &'static str,
    /// What differs.
    pub what: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

impl core::error::Error for Broken {}

fn hold(truth: bool, invariant: &'static str, what: &'static str) -> Result<(), Broken> {
    if truth { Ok(()) } else { Err(Broken { invariant, what }) }
}

impl Map<'_> {
    /// Recomputes every invariant from the bits.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn check(&self) -> Result<(), Broken> {
        self.check_bits()?;
        self.check_records()?;
        self.check_counts()
    }

    fn check_bits(&self) -> Result<(), Broken> {
        let mut before = false;
        for bit in 0..self.blocks.nr_bits {
            let (taken, start) = (bits::test(self.alloc, bit), bits::test(self.starts, bit));
            hold(taken || !start, "M1", "a start on a free granule")?;
            hold(!taken || before || start, "M1", "a taken run without a start")?;
            before = taken;
        }
        Ok(())
    }

    fn check_records(&self) -> Result<(), Broken> {
        for block in 0..self.blocks.count() {
            let (start, end) = self.blocks.span(0, block);
            let truth = Runs::of(self.alloc, start, end);
            hold(self.runs.leaf(block) == truth, "R1", "a block's record")?;
            if let Some(on_demand) = &self.on_demand {
                let backed = bits::test(on_demand.populated, block);
                let truth = if backed { truth } else { Runs::FULL };
                hold(on_demand.runs.leaf(block) == truth, "M2", "a backed block's record")?;
            }
        }
        hold(self.runs.is_joined(), "R2", "an inner record")?;
        let backed_joined = self.on_demand.as_ref().is_none_or(|tree| tree.runs.is_joined());
        hold(backed_joined, "R2", "an inner record over backed blocks")
    }

    fn check_counts(&self) -> Result<(), Broken> {
        let all = 0..self.blocks.nr_bits;
        let free = all.filter(|&bit| !bits::test(self.alloc, bit)).count();
        hold(free == self.free as usize, "M3", "the count of free granules")?;
        let pages = || (0..self.blocks.count() as usize).map(PageCount::new);
        let backed = pages().filter(|&page| self.is_populated(page));
        hold(backed.count() == self.populated as usize, "M3", "the count of backed pages")?;
        let empty = pages().filter(|&page| self.is_populated(page) && self.is_free(page));
        hold(empty.count() == self.empty as usize, "M3", "the count of empty pages")
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The map of a chunk: which granules are taken, where areas begin, which pages are backed.
//!
//! All units of a chunk are allocated from in lock-step, so one map serves them all. It answers
//! "where do `n` granules fit?" exactly: if there is room, it is found, at the lowest offset.
//!
//! ```text
//!  alloc    1 1 1 1 0 0 1 1 1 0 0 0      a bit per granule: taken
//!  starts   1 0 1 0 0 0 1 0 0 0 0 0      a bit per granule: an area begins here
//!           └A┘ └B┘     └─C─┘
//!  blocks   one record of free runs per page, and a tree over them
//!  backed   (vm only) a bit per page, and a second tree that takes unbacked pages for full
//! ```
//!
//! An area ends where the next one starts or a free granule follows, so two bits per granule
//! say everything; a free needs no size. A caller that may not wait is served from the second
//! tree: only where memory is behind the addresses already. Everyone else tries there first,
//! because a page that need not be backed is the cheapest page.
//!
//! # Invariants
//! - **M1** `starts` ⊆ `alloc`, and every run of taken bits begins with a start.
//! - **M2** the trees hold R1 and R2; in the second an unbacked page counts as full.
//! - **M3** `free`, `areas`, `populated` and `empty` are the counts that a recount gives; `empty`
//!   counts pages that are backed and have no taken bit.
//!
//! [`Map::check`] recomputes all of it from the bits.
//!
//! # Cost
//! [`find`](Map::find) is one descent of the tree (see [`Runs`] for alignment).
//! [`take`](Map::take) and [`give`](Map::give) rewrite the records of the blocks at both ends of the
//! area and their ancestors; `take` rescans a block (16 words at 4 KiB pages and 4 B granules)
//! only when the hole it used was the block's longest. Blocks between the ends cost one store.
//!
//! # Source
//! Serves the same requests as Linux's allocation map (docs/behaviours.md, B13-B36), without its
//! misses: Q1, Q3, Q6, Q21 and the refusals of B22, B26, B29, B31, B34, B83 cannot happen.

mod bits;
mod check;
mod pages;
mod report;
mod runs;
#[cfg(test)]
mod tests;
mod walk;

use crate::{Bits, PageCount, Span};

pub use bits::Word;
pub use check::Broken;
pub use report::{AreaGiven, AreaTaken, GiveError, PagesChanged};
pub use runs::Runs;
pub use walk::{Areas, Fragment, Fragments};

use runs::{Blocks, Fit, RunTree};

/// Size of a map and how it is cut into pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Granules in a unit of the chunk.
    pub nr_bits: Bits,
    /// Granules in a page, a power of two.
    pub page_bits: Bits,
}

/// Whether pages can be without memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Every page is backed for as long as the map lives: km chunks, the first chunk.
    Always,
    /// Pages are backed and returned one by one; at first none is.
    OnDemand,
}

/// Memory that a map of some shape works in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapNeeds {
    /// Words for bitmaps.
    pub words: usize,
    /// Records of free runs.
    pub records: usize,
}

impl MapNeeds {
    /// Returns what a map of this shape needs.
    ///
    /// # Panics
    /// When the shape is empty or `page_bits` is no power of two.
    pub fn of(shape: Shape, backing: Backing) -> Self {
        let blocks = shape.blocks();
        let map_words = bits::words_for(blocks.nr_bits);
        match backing {
            Backing::Always => Self { words: 2 * map_words, records: blocks.nr_records() },
            Backing::OnDemand => Self {
                words: 2 * map_words + bits::words_for(blocks.count()),
                records: 2 * blocks.nr_records(),
            },
        }
    }
}

impl Shape {
    fn blocks(self) -> Blocks {
        let page_bits = self.page_bits.get();
        assert!(self.nr_bits.get() > 0, "a map has at least one bit");
        assert!(page_bits.is_power_of_two(), "granules in a page are a power of two");
        Blocks { nr_bits: self.nr_bits.get(), shift: page_bits.trailing_zeros() }
    }
}

/// Which memory a request may be served from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// Only pages that are backed now.
    Backed,
    /// Any page; the caller backs what is missing.
    Anywhere,
}

/// The pages of a map whose chunk is backed on demand.
#[derive(Debug)]
struct OnDemand<'m> {
    populated: &'m mut [Word],
    runs: RunTree<'m>,
}

/// The map of one chunk, over lent memory.
#[derive(Debug)]
pub struct Map<'m> {
    blocks: Blocks,
    alloc: &'m mut [Word],
    starts: &'m mut [Word],
    runs: RunTree<'m>,
    on_demand: Option<OnDemand<'m>>,
    free: u32,
    areas: u32,
    populated: u32,
    empty: u32,
}

impl<'m> Map<'m> {
    /// Makes an all-free map over lent memory of the size that [`MapNeeds::of`] says.
    ///
    /// # Panics
    /// When the lent memory is of another size.
    pub fn new(
        shape: Shape,
        backing: Backing,
        words: &'m mut [Word],
        records: &'m mut [Runs],
    ) -> Self {
        let needs = MapNeeds::of(shape, backing);
        assert_eq!((words.len(), records.len()), (needs.words, needs.records), "memory for a map");
        let blocks = shape.blocks();
        let map_words = bits::words_for(blocks.nr_bits);
        let (alloc, words) = words.split_at_mut(map_words);
        let (starts, populated) = words.split_at_mut(map_words);
        let (records, backed_records) = records.split_at_mut(blocks.nr_records());
        let on_demand = match backing {
            Backing::Always => None,
            Backing::OnDemand => {
                Some(OnDemand { populated, runs: RunTree::new(blocks, backed_records) })
            }
        };
        let runs = RunTree::new(blocks, records);
        let (free, areas, populated, empty) = (0, 0, 0, 0);
        let mut map =
            Self { blocks, alloc, starts, runs, on_demand, free, areas, populated, empty };
        map.reset();
        map
    }

    /// Makes the map all free again, as it was made: for a new chunk in the memory of an old one.
    pub fn reset(&mut self) {
        let count = self.blocks.count();
        self.alloc.fill(0);
        self.starts.fill(0);
        for block in 0..count {
            self.runs.set_leaf(block, Runs::free(self.block_len(block)));
        }
        self.runs.update(0, count - 1);
        let mut backed = count;
        if let Some(on_demand) = &mut self.on_demand {
            on_demand.populated.fill(0);
            on_demand.runs.clear();
            backed = 0;
        }
        (self.free, self.areas) = (self.blocks.nr_bits, 0);
        (self.populated, self.empty) = (backed, backed);
    }

    /// Returns the lowest offset at which a free run holds `size` granules at a multiple of
    /// `align` granules, or `None` when no run does. Exact: a run that fits is found.
    ///
    /// # Panics
    /// In debug builds, when `size` is zero or `align` no power of two.
    #[inline]
    pub fn find(&self, size: Bits, align: Bits, within: Within) -> Option<Bits> {
        debug_assert!(size > Bits::ZERO && align.get().is_power_of_two());
        let fit = Fit { words: self.alloc, len: size.get(), align: align.get() };
        let runs = match (within, &self.on_demand) {
            (Within::Backed, Some(on_demand)) => &on_demand.runs,
            _ => &self.runs,
        };
        runs.find(&fit).map(Bits::new)
    }

    /// Takes a free run as an area.
    ///
    /// # Panics
    /// When part of it is taken already: that is a bug of the caller (M1).
    pub fn take(&mut self, area: Span<Bits>) -> AreaTaken {
        self.mark(area);
        self.areas += 1;
        self.free -= area.len().get();
        let nr_empty = self.empty;
        self.rewrite(area, Self::leaf_after_take);
        AreaTaken {
            longest: self.longest(),
            pages_filled: PageCount::new((nr_empty - self.empty) as usize),
        }
    }

    /// Hides a run at either end for good: it is neither free nor an area.
    ///
    /// # Panics
    /// When part of it is taken already.
    pub fn hide(&mut self, run: Span<Bits>) {
        self.mark(run);
        self.free -= run.len().get();
        self.rewrite(run, Self::leaf_after_take);
    }

    /// Frees the area that starts at `start` and returns its extent.
    ///
    /// # Errors
    /// [`GiveError`] when no area starts there; the map is unchanged.
    pub fn give(&mut self, start: Bits) -> Result<AreaGiven, GiveError> {
        let area = self.area_at(start)?;
        let (from, end) = (area.start.get(), area.end.get());
        bits::clear(self.alloc, from, end);
        bits::clear(self.starts, from, from + 1);
        self.areas -= 1;
        self.free += end - from;
        let nr_empty = self.empty;
        self.rewrite(area, Self::leaf_after_give);
        Ok(AreaGiven {
            area,
            longest: self.longest(),
            pages_emptied: PageCount::new((self.empty - nr_empty) as usize),
        })
    }

    /// Returns the extent of the area that starts at `start`.
    ///
    /// # Errors
    /// [`GiveError`] when the granule is out of range, free, or inside an area.
    pub fn area_at(&self, start: Bits) -> Result<Span<Bits>, GiveError> {
        let from = start.get();
        if from >= self.blocks.nr_bits {
            return Err(GiveError::OutOfRange);
        }
        if !bits::test(self.alloc, from) {
            return Err(GiveError::Free);
        }
        if !bits::test(self.starts, from) {
            return Err(GiveError::Inside);
        }
        let end = bits::next_clear_or_start(self.alloc, self.starts, from + 1, self.blocks.nr_bits);
        Ok(Span::new(start, Bits::new(end)))
    }

    /// Granules in the map.
    #[inline]
    pub fn nr_bits(&self) -> Bits {
        Bits::new(self.blocks.nr_bits)
    }

    /// Granules that are free.
    #[inline]
    pub fn free(&self) -> Bits {
        Bits::new(self.free)
    }

    /// Areas that are taken.
    #[inline]
    pub fn nr_areas(&self) -> usize {
        self.areas as usize
    }

    /// Length of the longest free run, across page edges. Exact, O(1).
    #[inline]
    pub fn longest(&self) -> Bits {
        Bits::new(self.runs.root().longest)
    }

    /// Length of the longest free run in backed pages. Exact, O(1).
    #[inline]
    pub fn longest_backed(&self) -> Bits {
        let runs = self.on_demand.as_ref().map_or(&self.runs, |on_demand| &on_demand.runs);
        Bits::new(runs.root().longest)
    }

    /// Lowest free granule, or the map's length when there is none.
    pub fn first_free(&self) -> Bits {
        self.find(Bits::new(1), Bits::new(1), Within::Anywhere).unwrap_or(self.nr_bits())
    }

    /// Bits of block `block`; the last may be short.
    #[inline]
    fn block_len(&self, block: u32) -> u32 {
        let (start, end) = self.blocks.span(0, block);
        end - start
    }

    /// Sets the bits of a run that must be free.
    fn mark(&mut self, run: Span<Bits>) {
        let (from, end) = (run.start.get(), run.end.get());
        assert!(from < end && end <= self.blocks.nr_bits, "a run inside the map");
        let taken = bits::next_set(self.alloc, from, end);
        assert!(taken == end, "M1: a taken run is free before");
        bits::set(self.alloc, from, end);
        bits::set(self.starts, from, from + 1);
    }

    /// Gives every block that `area` touches the record that `leaf` makes, in both trees.
    #[inline]
    fn rewrite(&mut self, area: Span<Bits>, leaf: fn(&Self, u32, u32, u32) -> Runs) {
        let (from, end) = (area.start.get(), area.end.get());
        let (first, last) = (from >> self.blocks.shift, (end - 1) >> self.blocks.shift);
        for block in first..=last {
            let (start, stop) = self.blocks.span(0, block);
            let runs = leaf(self, block, from.max(start), end.min(stop));
            let (before, len) = (self.runs.leaf(block).longest, stop - start);
            self.runs.set_leaf(block, runs);
            if let Some(on_demand) = &mut self.on_demand {
                if !bits::test(on_demand.populated, block) {
                    continue;
                }
                on_demand.runs.set_leaf(block, runs);
            }
            self.empty += u32::from(runs.longest == len);
            self.empty -= u32::from(before == len);
        }
        self.runs.update(first, last);
        if let Some(on_demand) = &mut self.on_demand {
            on_demand.runs.update(first, last);
        }
    }

    /// The record of a block in which `[from, end)` has just been taken.
    fn leaf_after_take(&self, block: u32, from: u32, end: u32) -> Runs {
        let (start, stop) = self.blocks.span(0, block);
        if from == start && end == stop {
            return Runs::FULL;
        }
        // The hole that the area lies in, up to the block's edges.
        let mut runs = self.runs.leaf(block);
        let hole_start = bits::clear_run_before(self.alloc, start, from);
        let hole_end = bits::next_set(self.alloc, end, stop);
        if hole_start == start {
            runs.prefix = from - start;
        }
        if hole_end == stop {
            runs.suffix = stop - end;
        }
        // Only a hole that was the longest can make the longest shorter.
        if hole_end - hole_start == runs.longest {
            let rest = (from - hole_start).max(hole_end - end);
            let known = rest.max(runs.prefix).max(runs.suffix);
            let was_empty = runs.longest == stop - start;
            runs.longest =
                if was_empty { known } else { bits::longest_clear(self.alloc, start, stop, known) };
        }
        runs
    }

    /// The record of a block in which `[from, end)` has just been freed.
    fn leaf_after_give(&self, block: u32, from: u32, end: u32) -> Runs {
        let (start, stop) = self.blocks.span(0, block);
        let mut runs = self.runs.leaf(block);
        let hole_start = bits::clear_run_before(self.alloc, start, from);
        let hole_end = bits::next_set(self.alloc, end, stop);
        let len = hole_end - hole_start;
        if hole_start == start {
            runs.prefix = len;
        }
        if hole_end == stop {
            runs.suffix = len;
        }
        runs.longest = runs.longest.max(len);
        runs
    }
}

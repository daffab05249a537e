// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exact records of free runs: one per block, and a binary tree over the blocks.
//!
//! Reading the whole bitmap on every request would make allocation linear in the chunk. Linux
//! keeps hints, which may be too low and so miss room that exists. Here every record is exact:
//!
//! ```text
//!  bit 0        6    9               17          27        32
//!      │  free  │used│     free      │   used    │   free  │
//!      └────────┴────┴───────────────┴───────────┴─────────┘
//!       prefix = 6      longest = 8               suffix = 5
//! ```
//!
//! Two neighbours make their parent without a look at the bits: its longest run is the longer
//! of theirs, or the one across the seam (`left.suffix + right.prefix`). The root knows the
//! longest run of the chunk, across page edges; a search goes down the one path that holds the
//! lowest fit.
//!
//! ```text
//!  level 2            ┌──── 0 ────┐              nodes, level by level:
//!  level 1        ┌── 0 ──┐   ┌── 1              [ 0 1 2 3 4 | 0 1 2 | 0 1 | 0 ]
//!  level 0        0   1   2   3   4              a last node without sibling is copied up
//! ```
//!
//! # Invariants
//! - **R1** a leaf's `prefix`, `suffix` and `longest` are those of the block's bits.
//! - **R2** an inner record is what joining its children gives.
//!
//! # Cost
//! An update touches the changed leaves and their ancestors: one join a level, stopping early
//! where nothing changed. A search without alignment is one descent and one scan of a block; with
//! alignment it may visit every node whose longest run is long enough, at worst one pass.

use super::bits::{self, Word};

/// What one stretch of a map knows of its free runs, in bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// Length of the free run that begins at the left edge.
    pub(super) prefix: u32,
    /// Length of the free run that ends at the right edge.
    pub(super) suffix: u32,
    /// Length of the longest free run.
    pub(super) longest: u32,
}

impl Runs {
    /// The record of a stretch without a free bit.
    pub(super) const FULL: Self = Self { prefix: 0, suffix: 0, longest: 0 };

    /// The record of `len` free bits.
    pub(super) const fn free(len: u32) -> Self {
        Self { prefix: len, suffix: len, longest: len }
    }

    /// The record of `[from, end)` of a bitmap, read from the bits.
    pub(super) fn of(words: &[Word], from: u32, end: u32) -> Self {
        let prefix = bits::next_set(words, from, end) - from;
        let suffix = end - bits::clear_run_before(words, from, end);
        Self { prefix, suffix, longest: bits::longest_clear(words, from, end, prefix.max(suffix)) }
    }

    /// The record of two neighbours of `left_len` and `right_len` bits.
    fn join(left: Self, left_len: u32, right: Self, right_len: u32) -> Self {
        let whole_left = left.prefix == left_len;
        let whole_right = right.prefix == right_len;
        Self {
            prefix: if whole_left { left_len + right.prefix } else { left.prefix },
            suffix: if whole_right { right_len + left.suffix } else { right.suffix },
            longest: left.longest.max(right.longest).max(left.suffix + right.prefix),
        }
    }
}

/// How a map is cut into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blocks {
    /// Bits in the map.
    pub nr_bits: u32,
    /// Bits in a block, as a power of two.
    pub shift: u32,
}

impl Blocks {
    /// Number of blocks, the last of which may be short.
    #[inline]
    pub fn count(self) -> u32 {
        ((u64::from(self.nr_bits) + (1 << self.shift) - 1) >> self.shift) as u32
    }

    /// Number of records in level `level` of a tree over the blocks.
    #[inline]
    fn width(self, level: u32) -> u32 {
        let below = self.count() - 1;
        (below >> level) + 1
    }

    /// Start and end in bits of record `index` of level `level`.
    #[inline]
    pub fn span(self, level: u32, index: u32) -> (u32, u32) {
        let start = index << (self.shift + level);
        let len = 1_u64 << (self.shift + level);
        (start, (u64::from(start) + len).min(u64::from(self.nr_bits)) as u32)
    }

    /// The level that has one record.
    #[inline]
    fn top(self) -> u32 {
        let mut level = 0;
        while self.width(level) > 1 {
            level += 1;
        }
        level
    }

    /// Records of a whole tree.
    pub fn nr_records(self) -> usize {
        (0..=self.top()).map(|level| self.width(level) as usize).sum()
    }
}

/// What a search looks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit<'w> {
    pub words: &'w [Word],
    pub len: u32,
    pub align: u32,
}

impl Fit<'_> {
    /// Lowest aligned position of the request in the free run `[from, end)`.
    #[inline]
    fn in_run(&self, from: u32, end: u32) -> Option<u32> {
        let at = from.next_multiple_of(self.align);
        (at.checked_add(self.len)? <= end).then_some(at)
    }
}

/// A tree of [`Runs`] over the blocks of one map.
#[derive(Debug)]
pub(super) struct RunTree<'m> {
    blocks: Blocks,
    nodes: &'m mut [Runs],
}

impl<'m> RunTree<'m> {
    /// Builds the tree over lent `nodes` ([`Blocks::nr_records`] of them), every block full.
    pub fn new(blocks: Blocks, nodes: &'m mut [Runs]) -> Self {
        assert_eq!(nodes.len(), blocks.nr_records(), "records lent for a tree");
        let mut tree = Self { blocks, nodes };
        tree.clear();
        tree
    }

    /// Makes every block full.
    pub fn clear(&mut self) {
        self.nodes.fill(Runs::FULL);
    }

    #[inline]
    pub fn leaf(&self, block: u32) -> Runs {
        self.nodes[block as usize]
    }

    /// The record of the whole map.
    #[inline]
    pub fn root(&self) -> Runs {
        self.nodes[self.nodes.len() - 1]
    }

    /// Replaces a leaf; the caller owes [`update`](Self::update) for its block.
    #[inline]
    pub fn set_leaf(&mut self, block: u32, runs: Runs) {
        self.nodes[block as usize] = runs;
    }

    /// Joins anew the ancestors of the blocks `first..=last`.
    pub fn update(&mut self, first: u32, last: u32) {
        let (mut first, mut last, mut level, mut base) = (first, last, 0, 0_usize);
        while self.blocks.width(level) > 1 {
            let above = base + self.blocks.width(level) as usize;
            (first, last) = (first / 2, last / 2);
            let mut changed = false;
            for index in first..=last {
                let joined = self.joined(level, base, index);
                let node = &mut self.nodes[above + index as usize];
                changed |= *node != joined;
                *node = joined;
            }
            if !changed {
                return;
            }
            level += 1;
            base = above;
        }
    }

    /// What record `parent` above level `level` (whose records begin at `base`) should be.
    fn joined(&self, level: u32, base: usize, parent: u32) -> Runs {
        let left_index = 2 * parent;
        let left = self.nodes[base + left_index as usize];
        let right_index = left_index + 1;
        if right_index == self.blocks.width(level) {
            return left;
        }
        let (start, seam) = self.blocks.span(level, left_index);
        let (_, end) = self.blocks.span(level, right_index);
        Runs::join(left, seam - start, self.nodes[base + right_index as usize], end - seam)
    }

    /// Lowest position at which the request fits.
    pub fn find(&self, fit: &Fit<'_>) -> Option<u32> {
        self.find_below(fit, self.blocks.top(), self.nodes.len() - 1, 0)
    }

    /// Lowest fit that lies wholly in record `index` of `level`, whose records begin at `base`.
    ///
    /// In order: inside the left child, across the seam, inside the right child. A fit across
    /// the seam starts later than any inside the left child, so the first found is the lowest.
    fn find_below(&self, fit: &Fit<'_>, level: u32, base: usize, index: u32) -> Option<u32> {
        if self.nodes[base + index as usize].longest < fit.len {
            return None;
        }
        if level == 0 {
            let (start, end) = self.blocks.span(0, index);
            return bits::find_clear(fit.words, start, end, fit.len, fit.align);
        }
        let width = self.blocks.width(level - 1);
        let below = base - width as usize;
        let (left, right) = (2 * index, 2 * index + 1);
        if let Some(at) = self.find_below(fit, level - 1, below, left) {
            return Some(at);
        }
        if right == width {
            return None;
        }
        let (seam, _) = self.blocks.span(level - 1, right);
        let before = self.nodes[below + left as usize].suffix;
        let after = self.nodes[below + right as usize].prefix;
        let across = fit.in_run(seam - before, seam + after);
        if before > 0 && after > 0 && across.is_some() {
            return across;
        }
        self.find_below(fit, level - 1, below, right)
    }

    /// Says whether every inner record is the join of its children (R2).
    pub fn is_joined(&self) -> bool {
        let (mut level, mut base) = (0, 0_usize);
        while self.blocks.width(level) > 1 {
            let above = base + self.blocks.width(level) as usize;
            for parent in 0..self.blocks.width(level + 1) {
                if self.nodes[above + parent as usize] != self.joined(level, base, parent) {
                    return false;
                }
            }
            level += 1;
            base = above;
        }
        true
    }
}

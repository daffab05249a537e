// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many units share one alloc piece.
//!
//! Memory for groups comes in pieces of the alloc size (say 2 MiB, one large page), and a piece
//! is cut into equal units. Cut finely, a piece serves many CPUs and few pieces are needed; but
//! a group takes whole pieces, so units are left over. The rule: the finest cut that leaves at
//! most a third as many unused units as there are CPUs.
//!
//! Only powers of two need be tried. The atom size is a power of two; if the least unit is at
//! most an atom, the piece *is* one atom and its divisors are powers of two; if it is more, the
//! piece is less than twice the least unit and cannot be cut at all. So sixty-odd steps are the
//! most, whatever the sizes.
//!
//! # Source
//! docs/behaviours.md, "Building the layout". The kernel goes on to coarser cuts while they
//! need no more pieces. They always do: a group needs no more pieces after halving only if it
//! had one and at least half of that was unused, and a cut that does this to every group has
//! been refused. So the first cut that passes is the kernel's choice.

use super::sizes::Sizes;

/// Chooses the number of units per alloc piece for groups of these many CPUs.
pub(super) fn choose(sizes: &Sizes, group_cpus: impl Iterator<Item = u32> + Clone) -> u64 {
    let nr_possible: u64 = group_cpus.clone().map(u64::from).sum();
    let most_units = nr_possible + nr_possible / 3;
    let finest = (sizes.alloc_size / sizes.least_unit).ilog2();
    let mut cuts = (0..=finest).rev().map(|shift| 1_u64 << shift);
    let fits = |&units: &u64| {
        let pieces: u64 = group_cpus.clone().map(|nr| u64::from(nr).div_ceil(units)).sum();
        pieces.saturating_mul(units) <= most_units
    };
    // One unit a piece leaves none over.
    cuts.find(fits).unwrap_or(1)
}

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

/// Chooses the number of units per alloc piece for groups of these many CPUs, `nr_possible` in
/// all; returns its binary logarithm.
pub(super) fn choose(
    sizes: &Sizes,
    nr_possible: u32,
    group_cpus: impl Iterator<Item = u32> + Clone,
) -> u32 {
    let most_units = u64::from(nr_possible) + u64::from(nr_possible / 3);
    let finest = (sizes.alloc_size / sizes.least_unit).ilog2();
    let fits = |&shift: &u32| {
        let nr_units: u64 = group_cpus.clone().map(|nr| in_whole_pieces(nr, shift)).sum();
        nr_units <= most_units
    };
    // One unit a piece leaves none over.
    (0..=finest).rev().find(fits).unwrap_or(0)
}

/// Units in as many whole pieces of `1 << shift` units as these CPUs need.
///
/// With shifts, because a microcontroller has no instruction to divide 64 bits, and the routine
/// for it is as large as everything else here together.
pub(super) fn in_whole_pieces(nr_cpus: u32, shift: u32) -> u64 {
    let last = u64::from(nr_cpus) + ((1_u64 << shift) - 1);
    (last >> shift) << shift
}

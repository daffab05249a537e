// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finding address space for a further chunk: one base at which every group's area is free.
//!
//! The groups of the first chunk lie where their memory was found, and every further chunk must
//! repeat those distances. So address space is not wanted in one piece but in several, rigidly
//! joined:
//!
//! ```text
//!  space  ┌──────────────────────────────────────────────────────────────┐
//!  busy     ▓▓▓▓         ▓▓            ▓▓▓▓▓▓                        ▓▓▓
//!  areas                     ├──0──┤          ├─1─┤             ├─2─┤
//!                            ▲ base, the highest that works
//! ```
//!
//! The search walks down. The base starts as high as the space allows; the areas are looked at
//! in turn, and one that touches a busy span lowers the base by just enough to clear that span.
//! Every base skipped would have met the same span, and every step leaves a span behind for
//! good, so the first base at which all areas pass is the highest there is.
//!
//! # Cost
//! The base is lowered at most once for each area and busy span; between two of these steps
//! each area is looked at once at most, by binary search among the spans.
//!
//! # Source
//! docs/behaviours.md, "Congruent area reservation". Linux 5.3 once compared with the wrong end
//! of a free range here and missed room that existed; the tests ask brute force.

use core::error::Error;
use core::fmt;

use crate::Span;

/// A range of addresses that is wanted, relative to the base that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CongruentArea {
    /// Distance in bytes from the base.
    pub offset: usize,
    /// Length in bytes.
    pub size: usize,
}

impl CongruentArea {
    /// One past the area's last byte, relative to the base; saturates at the highest address.
    const fn end(&self) -> usize {
        self.offset.saturating_add(self.size)
    }
}

/// Areas that are wanted together. All numbers are bytes.
#[derive(Clone, Copy, Debug)]
pub struct CongruentRequest<'a> {
    /// The areas, disjoint, in any order; offsets and sizes are multiples of `align`.
    pub areas: &'a [CongruentArea],
    /// Alignment of the base: a power of two and a multiple of the page size.
    pub align: usize,
    /// The page size.
    pub page_size: usize,
}

/// Why no base was found. Sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "fields are the words of their variant's sentence")]
pub enum CongruentError {
    /// No area was asked for.
    NoAreas,
    /// The alignment is not a power of two.
    AlignNotPowerOfTwo { align: usize },
    /// The alignment is not a multiple of the page size.
    AlignNotPages { align: usize, page_size: usize },
    /// An area has no length.
    EmptyArea { area: usize },
    /// An area does not begin at a multiple of the alignment.
    OffsetMisaligned { offset: usize, align: usize },
    /// An area's length is not a multiple of the alignment.
    SizeMisaligned { size: usize, align: usize },
    /// Two areas overlap.
    AreasOverlap { first: usize, second: usize },
    /// A busy span is empty, or begins before the end of the one before it.
    BusyOutOfOrder { index: usize },
    /// The end of the last area is farther from the base than the aligned space is long.
    WiderThanSpace { extent: usize, space: usize },
    /// Every base meets something busy.
    NoRoom { extent: usize },
}

/// Finds the highest base, a multiple of the alignment, at which all areas lie in `space` and
/// touch nothing in `busy`.
///
/// `busy` lists non-empty, disjoint spans in ascending order; they may reach beyond the space.
/// Only whole multiples of the alignment inside `space` are used. Reserving what was found, and
/// trying again after unused areas were given back, is the caller's.
///
/// # Errors
/// The request contradicts itself, or nothing fits; see [`CongruentError`].
pub fn highest_base(
    space: Span<usize>,
    busy: &[Span<usize>],
    request: &CongruentRequest<'_>,
) -> Result<usize, CongruentError> {
    check_request(request)?;
    check_busy(busy)?;

    // The usable part of the space. An inverted or tiny one has length 0.
    let align = request.align;
    let top = space.end - space.end % align;
    let bottom = space.start.checked_next_multiple_of(align).unwrap_or(top);
    let extent = request.areas.iter().map(CongruentArea::end).max();
    let extent = extent.ok_or(CongruentError::NoAreas)?;
    let length = top.saturating_sub(bottom);
    if extent > length {
        return Err(CongruentError::WiderThanSpace { extent, space: length });
    }

    let no_room = CongruentError::NoRoom { extent };
    let lowest = request.areas.iter().map(|area| area.offset).min();
    let least_base = bottom.saturating_sub(lowest.unwrap_or(0));
    let mut base = top - extent;
    // How many areas in a row are clear at this base.
    let mut clear = 0;
    for area in request.areas.iter().cycle() {
        if clear == request.areas.len() {
            break;
        }
        match first_conflict(busy, base + area.offset, area.size) {
            None => clear += 1,
            Some(conflict) => {
                // The area ends at or before the conflict: the highest such base.
                let lowered = conflict.start.checked_sub(area.end()).ok_or(no_room)?;
                base = lowered - lowered % align;
                // Nothing is known at the new base; this area, too, comes round again.
                clear = 0;
            }
        }
        if base < least_base {
            return Err(no_room);
        }
    }
    Ok(base)
}

/// Finds the lowest busy span that `[start, start + size)` touches. Two spans that one area
/// touches are too near each other for it to lie between them, so only the lowest matters.
fn first_conflict(busy: &[Span<usize>], start: usize, size: usize) -> Option<Span<usize>> {
    let first = busy.partition_point(|span| span.end <= start);
    let span = *busy.get(first)?;
    (span.start < start + size).then_some(span)
}

fn check_request(request: &CongruentRequest<'_>) -> Result<(), CongruentError> {
    let (align, page_size) = (request.align, request.page_size);
    if !align.is_power_of_two() {
        return Err(CongruentError::AlignNotPowerOfTwo { align });
    }
    if page_size == 0 || !align.is_multiple_of(page_size) {
        return Err(CongruentError::AlignNotPages { align, page_size });
    }
    if request.areas.is_empty() {
        return Err(CongruentError::NoAreas);
    }
    for (idx, area) in request.areas.iter().enumerate() {
        let CongruentArea { offset, size } = *area;
        if size == 0 {
            return Err(CongruentError::EmptyArea { area: idx });
        }
        if !offset.is_multiple_of(align) {
            return Err(CongruentError::OffsetMisaligned { offset, align });
        }
        if !size.is_multiple_of(align) {
            return Err(CongruentError::SizeMisaligned { size, align });
        }
        let overlaps = |other: &CongruentArea| offset < other.end() && other.offset < area.end();
        if let Some(distance) = request.areas[idx + 1..].iter().position(overlaps) {
            return Err(CongruentError::AreasOverlap { first: idx, second: idx + 1 + distance });
        }
    }
    Ok(())
}

fn check_busy(busy: &[Span<usize>]) -> Result<(), CongruentError> {
    let mut end = 0;
    for (index, span) in busy.iter().enumerate() {
        if span.is_empty() || span.start < end {
            return Err(CongruentError::BusyOutOfOrder { index });
        }
        end = span.end;
    }
    Ok(())
}

impl Error for CongruentError {}

impl fmt::Display for CongruentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use CongruentError as E;
        match *self {
            E::NoAreas => f.write_str("no area was asked for"),
            E::AlignNotPowerOfTwo { align } => {
                write!(f, "alignment {align} is not a power of two")
            }
            E::AlignNotPages { align, page_size } => {
                write!(f, "alignment {align} is not a multiple of the page size {page_size}")
            }
            E::EmptyArea { area } => write!(f, "area {area} has no length"),
            E::OffsetMisaligned { offset, align } => write!(
                f,
                "area at offset {offset:#x} is not at a multiple of the alignment {align}"
            ),
            E::SizeMisaligned { size, align } => {
                write!(f, "area of {size} bytes is not a multiple of the alignment {align} long")
            }
            E::AreasOverlap { first, second } => {
                write!(f, "areas {first} and {second} overlap")
            }
            E::BusyOutOfOrder { index } => write!(
                f,
                "busy span {index} is empty or begins before the end of the one before it"
            ),
            E::WiderThanSpace { extent, space } => {
                write!(f, "areas extend over {extent} bytes, the address space has {space}")
            }
            E::NoRoom { extent } => {
                write!(f, "no place is free for areas that extend over {extent} bytes")
            }
        }
    }
}

#[cfg(test)]
mod tests;

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The window: addresses set aside for pcpu, which of them are reserved, and the tables behind.
//!
//! Areas that are asked for together lie at fixed distances, and the search for a base is
//! [`pcpu_layout::congruent`]'s, from the top down. What is reserved is kept as sorted spans, one for
//! each area, so that it can be released as it was reserved:
//!
//! ```text
//!  window  ┌────────────────────────────────────────────────────────┐
//!  busy                    ▓▓▓▓ ▓▓▓▓            ▓▓▓▓▓▓▓▓     ▓▓▓▓▓▓▓▓
//! ```

use core::ops::Range;

use arrayvec::ArrayVec;
use lock_api::Mutex;
use pcpu_layout::Span;
use pcpu_layout::congruent::{self, CongruentArea, CongruentRequest};
use pcpu_platform::{Addr, NoSpace};

use crate::lock::Spin;

/// Areas that can be reserved at once. A chunk has one for each group of CPUs, and a board has one
/// group.
pub(crate) const MOST_AREAS: usize = 64;

/// Page tables, and what is reserved of the addresses that they map for pcpu. Made by
/// [`Bare::with_tables`](crate::Bare::with_tables).
pub struct Window<T> {
    /// Interrupts stay on while it is held, like the *pages* lock around it: page tables take
    /// their time, and other CPUs may want an answer to a shoot-down.
    pub(crate) tables: Mutex<Spin, T>,
    pub(crate) reserved: Mutex<Spin, Reserved>,
}

impl<T> Window<T> {
    pub(crate) fn new(tables: T, range: Range<usize>, page_size: usize) -> Self {
        let space = Span::new(range.start, range.end);
        let reserved = Reserved { space, page_size, busy: ArrayVec::new() };
        Self { tables: Mutex::new(tables), reserved: Mutex::new(reserved) }
    }
}

/// What is reserved.
pub(crate) struct Reserved {
    space: Span<usize>,
    page_size: usize,
    /// Sorted and disjoint.
    busy: ArrayVec<Span<usize>, MOST_AREAS>,
}

impl Reserved {
    /// Reserves the areas at the highest base where all are free, and returns the base.
    pub(crate) fn reserve(&mut self, areas: &[Span<usize>], align: usize) -> Result<Addr, NoSpace> {
        if areas.len() > self.busy.remaining_capacity() {
            return Err(NoSpace);
        }
        let wanted: ArrayVec<_, MOST_AREAS> = areas
            .iter()
            .map(|area| CongruentArea { offset: area.start, size: area.len() })
            .collect();
        let request = CongruentRequest { areas: &wanted, align, page_size: self.page_size };
        let base = congruent::highest_base(self.space, &self.busy, &request);
        let base = base.ok().and_then(Addr::new).ok_or(NoSpace)?;
        for area in areas {
            let span = spanned(base, area);
            let place = self.busy.partition_point(|busy| busy.start < span.start);
            self.busy.insert(place, span);
        }
        Ok(base)
    }

    /// Releases the areas.
    ///
    /// # Panics
    /// When one is not reserved like this.
    pub(crate) fn release(&mut self, base: Addr, areas: &[Span<usize>]) {
        for area in areas {
            let span = spanned(base, area);
            let place = self.busy.iter().position(|&busy| busy == span);
            assert!(place.is_some(), "addresses were released that are not reserved");
            place.map(|place| self.busy.remove(place));
        }
    }
}

fn spanned(base: Addr, area: &Span<usize>) -> Span<usize> {
    Span::new(base.offset(area.start).get(), base.offset(area.end).get())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 256;
    const START: usize = 1 << 20;

    fn reserved(pages: usize) -> Reserved {
        let space = Span::new(START, START + pages * PAGE);
        Reserved { space, page_size: PAGE, busy: ArrayVec::new() }
    }

    fn pages(start: usize, end: usize) -> Span<usize> {
        Span::new(start * PAGE, end * PAGE)
    }

    fn at(page: usize) -> Result<Addr, NoSpace> {
        Addr::new(START + page * PAGE).ok_or(NoSpace)
    }

    #[test]
    fn reservations_go_to_the_top_and_skip_what_is_taken() {
        let mut reserved = reserved(64);
        let areas = [pages(0, 4), pages(16, 20)];
        assert_eq!(reserved.reserve(&areas, PAGE), at(44));
        assert_eq!(reserved.reserve(&areas, PAGE), at(40), "both areas fit below the first two");
        assert_eq!(reserved.reserve(&[pages(0, 8)], 8 * PAGE), at(48), "between the areas");
        assert_eq!(reserved.reserve(&[pages(0, 60)], PAGE), Err(NoSpace));
    }

    #[test]
    fn what_was_released_can_be_had_again() {
        let mut reserved = reserved(24);
        let areas = [pages(0, 4), pages(16, 20)];
        let base = reserved.reserve(&areas, PAGE).unwrap();
        let other = reserved.reserve(&areas, PAGE).unwrap();
        assert_eq!(reserved.reserve(&areas, PAGE), Err(NoSpace));
        reserved.release(base, &areas);
        assert_eq!(reserved.reserve(&areas, PAGE), Ok(base));
        reserved.release(other, &areas);
        assert_eq!(reserved.reserve(&[pages(0, 4)], PAGE), at(16));
    }

    #[test]
    fn the_last_area_that_can_be_kept_is_kept_and_the_next_refused() {
        let mut reserved = reserved(2 * MOST_AREAS);
        for i in 1..=MOST_AREAS {
            assert_eq!(reserved.reserve(&[pages(0, 1)], PAGE), at(2 * MOST_AREAS - i));
        }
        assert_eq!(reserved.reserve(&[pages(0, 1)], PAGE), Err(NoSpace));
        reserved.release(at(MOST_AREAS).unwrap(), &[pages(0, 1)]);
        assert_eq!(reserved.reserve(&[pages(0, 1), pages(2, 3)], PAGE), Err(NoSpace));
        assert_eq!(reserved.reserve(&[pages(0, 1)], PAGE), at(MOST_AREAS));
    }

    #[test]
    #[should_panic(expected = "not reserved")]
    fn areas_are_released_as_they_were_reserved() {
        let mut reserved = reserved(16);
        let base = reserved.reserve(&[pages(0, 4)], PAGE).unwrap();
        reserved.release(base, &[pages(0, 2)]);
    }
}

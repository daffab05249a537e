// SPDX-License-Identifier: MIT OR Apache-2.0
//! The address space: which pages are reserved, and what each shows.
//!
//! Reservations are kept by their first page, each with the base of the call that made it, so
//! that releasing them in another shape is noticed. The page table is counted from the top of
//! the space, where reservations are placed first: what is used is what exists.

use std::collections::BTreeMap;

use pcpu_layout::Span;
use pcpu_layout::congruent::{self, CongruentArea, CongruentError, CongruentRequest};

use crate::sparse::Sparse;
use crate::violation::Violation;

/// What a page shows.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mapping {
    /// One more than the frame; 0 where nothing is mapped.
    frame_plus_one: u32,
    /// Mapped, and `flush_cache_after_map` not called since.
    pub(crate) hidden: bool,
    /// Written, and `flush_cache_before_unmap` not called since.
    pub(crate) dirty: bool,
}

impl Mapping {
    #[inline]
    pub(crate) fn frame(self) -> Option<usize> {
        (self.frame_plus_one as usize).checked_sub(1)
    }
}

/// Reservations and the page table. Pages are numbered from the start of the space.
pub(crate) struct AddressSpace {
    /// Address of page 0.
    start: usize,
    pages: usize,
    page_size: usize,
    /// Start address to (end address, base of the call).
    reserved: BTreeMap<usize, (usize, usize)>,
    table: Sparse<Mapping>,
}

impl AddressSpace {
    pub(crate) fn new(start: usize, pages: usize, page_size: usize) -> Self {
        let bytes = pages.checked_mul(page_size);
        let end = bytes.and_then(|bytes| start.checked_add(bytes));
        assert!(end.is_some(), "{pages} pages of address space wanted, which is too much");
        Self { start, pages, page_size, reserved: BTreeMap::new(), table: Sparse::new() }
    }

    /// Returns the number of the page that holds an address, or `None` outside the space.
    #[inline]
    pub(crate) fn page_of(&self, address: usize) -> Option<usize> {
        let page = address.checked_sub(self.start)? >> self.page_size.trailing_zeros();
        (page < self.pages).then_some(page)
    }

    /// Returns the pages that a range of addresses touches, cut to the space.
    pub(crate) fn pages_of(&self, range: Span<usize>) -> Span<usize> {
        let page = |address: usize| (address.saturating_sub(self.start)).div_ceil(self.page_size);
        let first = range.start.saturating_sub(self.start) / self.page_size;
        Span::new(first.min(self.pages), page(range.end).min(self.pages))
    }

    /// Reserves the areas at the highest base where all are free, and returns the base; `None`
    /// when there is none.
    pub(crate) fn reserve(
        &mut self,
        areas: &[Span<usize>],
        align: usize,
    ) -> Result<Option<usize>, Violation> {
        let space = Span::new(self.start, self.start + self.pages * self.page_size);
        let busy: Vec<_> =
            self.reserved.iter().map(|(&start, &(end, _))| Span::new(start, end)).collect();
        let wanted: Vec<_> = areas
            .iter()
            .map(|area| CongruentArea { offset: area.start, size: area.end - area.start })
            .collect();
        let request = CongruentRequest { areas: &wanted, align, page_size: self.page_size };
        let base = match congruent::highest_base(space, &busy, &request) {
            Ok(base) => base,
            Err(CongruentError::NoRoom { .. } | CongruentError::WiderThanSpace { .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(Violation::BadReservation(error)),
        };
        for area in areas {
            self.reserved.insert(base + area.start, (base + area.end, base));
        }
        Ok(Some(base))
    }

    /// Gives up areas that were reserved in one call at `base`.
    pub(crate) fn release(&mut self, base: usize, areas: &[Span<usize>]) -> Result<(), Violation> {
        for area in areas {
            let (start, end) = (base.wrapping_add(area.start), base.wrapping_add(area.end));
            if self.reserved.get(&start) != Some(&(end, base)) {
                return Err(Violation::ReleasedOtherwise);
            }
            let pages = self.pages_of(Span::new(start, end));
            let mut mapped =
                (pages.start..pages.end).filter(|&p| self.mapping(p).frame().is_some());
            if let Some(page) = mapped.next() {
                return Err(Violation::ReleasedWhileMapped { page });
            }
            self.reserved.remove(&start);
        }
        let left = self.reserved.values().any(|&(_, of)| of == base);
        if left { Err(Violation::ReleasedOtherwise) } else { Ok(()) }
    }

    /// Checks that `pages` pages from an address are reserved, and returns their numbers.
    pub(crate) fn reserved_pages(&self, at: usize, pages: usize) -> Result<Span<usize>, Violation> {
        let page = |address: usize| self.page_of(address).unwrap_or(self.pages);
        if !at.is_multiple_of(self.page_size) {
            return Err(Violation::BadRequest("an address to map at must start a page"));
        }
        let end = at + pages * self.page_size;
        let mut clear = at;
        while clear < end {
            match self.reserved.range(..=clear).next_back() {
                Some((_, &(end, _))) if end > clear => clear = end,
                _ => return Err(Violation::NotReserved { page: page(clear) }),
            }
        }
        Ok(Span::new(page(at), page(at) + pages))
    }

    /// Returns what a page shows.
    #[inline]
    pub(crate) fn mapping(&self, page: usize) -> Mapping {
        self.table.get(self.index(page)).copied().unwrap_or_default()
    }

    /// As [`mapping`](Self::mapping), to change it, where anything is mapped.
    #[inline]
    pub(crate) fn mapping_mut(&mut self, page: usize) -> Option<&mut Mapping> {
        let index = self.index(page);
        self.table.get_mut(index).filter(|mapping| mapping.frame_plus_one != 0)
    }

    pub(crate) fn map(&mut self, page: usize, frame: usize) -> Result<(), Violation> {
        let index = self.index(page);
        let mapping = self.table.entry(index);
        if mapping.frame().is_some() {
            return Err(Violation::MappedTwice { page });
        }
        *mapping = Mapping { frame_plus_one: frame as u32 + 1, hidden: true, dirty: false };
        Ok(())
    }

    /// Unmaps a page and returns what it showed.
    pub(crate) fn unmap(&mut self, page: usize) -> Option<Mapping> {
        self.mapping_mut(page).map(std::mem::take)
    }

    /// Returns how many reservations there are, each area counted.
    pub(crate) fn nr_reserved(&self) -> usize {
        self.reserved.len()
    }

    #[inline]
    fn index(&self, page: usize) -> usize {
        self.pages - 1 - page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 256;
    const START: usize = 1 << 20;

    fn space(pages: usize) -> AddressSpace {
        AddressSpace::new(START, pages, PAGE)
    }

    fn pages(start: usize, end: usize) -> Span<usize> {
        Span::new(start * PAGE, end * PAGE)
    }

    #[test]
    fn reservations_go_to_the_top_and_skip_what_is_taken() {
        let mut space = space(64);
        let areas = [pages(0, 4), pages(16, 20)];
        let at = |page: usize| Ok(Some(START + page * PAGE));
        assert_eq!(space.reserve(&areas, PAGE), at(44));
        assert_eq!(space.reserve(&areas, PAGE), at(40), "both areas fit below the first two");
        assert_eq!(space.reserve(&[pages(0, 8)], 8 * PAGE), at(48), "between the areas");
        assert_eq!(space.reserve(&[pages(0, 60)], PAGE), Ok(None));
    }

    #[test]
    fn only_reserved_pages_may_be_mapped() {
        let mut space = space(16);
        let base = space.reserve(&[pages(4, 8)], PAGE).unwrap().unwrap();
        assert_eq!(base, START + 8 * PAGE);
        assert_eq!(space.reserved_pages(base + 4 * PAGE, 4), Ok(Span::new(12, 16)));
        let outside = Err(Violation::NotReserved { page: 11 });
        assert_eq!(space.reserved_pages(base + 3 * PAGE, 2), outside);
        let beyond = Err(Violation::NotReserved { page: 16 });
        assert_eq!(space.reserved_pages(base + 7 * PAGE, 2), beyond);
    }

    #[test]
    fn areas_are_released_as_they_were_reserved() {
        let areas = [pages(0, 4), pages(8, 12)];
        let mut space = space(64);
        let base = space.reserve(&areas, PAGE).unwrap().unwrap();
        let page = space.page_of(base + 9 * PAGE).unwrap();
        space.map(page, 5).unwrap();
        assert_eq!(space.release(base, &areas), Err(Violation::ReleasedWhileMapped { page }));
    }

    #[test]
    fn releasing_half_of_a_reservation_is_noticed() {
        let areas = [pages(0, 4), pages(8, 12)];
        let mut space = space(64);
        let base = space.reserve(&areas, PAGE).unwrap().unwrap();
        assert_eq!(space.release(base, &areas[..1]), Err(Violation::ReleasedOtherwise));
    }
}

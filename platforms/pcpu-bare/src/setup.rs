// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be wrong with the memory that a board names: found at set-up, not when a page is wanted.

use core::fmt;
use core::ops::Range;

use pcpu_layout::Span;

/// The least memory for records that anything can be taken from, in bytes.
const LEAST_RECORDS: usize = 16 * size_of::<usize>();

/// The largest alignment of a record, in bytes.
pub(crate) const MOST_ALIGN: usize = 4096;

/// Addresses that must follow the memory for records. The heap rounds up past the end of a hole, by less
/// than a hole's header and the alignment, before it compares; at the last address that wraps.
const LEAST_ABOVE: usize = 2 * MOST_ALIGN;

/// One of the ranges that a board names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Region {
    /// Memory for pages.
    Pages,
    /// Memory for the allocator's records.
    Records,
    /// Addresses that pages are mapped at, [`Mmu::WINDOW`](crate::Mmu::WINDOW).
    Window,
}

/// Why a board's memory cannot be used. Sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "fields are the words of their variant's sentence")]
pub enum MemoryError {
    /// [`Board::PAGE_SIZE`](crate::Board::PAGE_SIZE) is not a power of two.
    PageSize { page_size: usize },
    /// [`Board::NR_CPUS`](crate::Board::NR_CPUS) is 0.
    NoCpus,
    /// A range ends where it starts, or before.
    Empty { region: Region },
    /// A range starts at address 0, which pcpu takes for no address.
    AtZero { region: Region },
    /// A range does not start and end at multiples of the page size.
    Misaligned { region: Region, start_excess: usize, end_excess: usize, page_size: usize },
    /// There are more pages than [`Board::Pages`](crate::Board::Pages) has bits.
    TooManyPages { pages: usize, most: usize },
    /// Memory for records is too small for any.
    TooFewRecords { size: usize, least: usize },
    /// Memory for records ends too near the last address.
    RecordsAtTop { above: usize, least: usize },
    /// Two ranges have bytes in common.
    Overlap { first: Region, second: Region },
}

/// What is to be checked.
pub(crate) struct Setup {
    pub(crate) nr_cpus: u32,
    pub(crate) page_size: usize,
    /// The most pages that can be counted.
    pub(crate) most_pages: usize,
    pub(crate) pages: Range<usize>,
    pub(crate) records: Range<usize>,
    pub(crate) window: Option<Range<usize>>,
}

impl Setup {
    /// Checks everything, and returns the numbers of the pages.
    pub(crate) fn check(&self) -> Result<Span<usize>, MemoryError> {
        let Self { page_size, most_pages, .. } = *self;
        if !page_size.is_power_of_two() {
            return Err(MemoryError::PageSize { page_size });
        }
        if self.nr_cpus == 0 {
            return Err(MemoryError::NoCpus);
        }
        self.ranges_are_sound()?;
        let size = self.records.len();
        if size < LEAST_RECORDS {
            return Err(MemoryError::TooFewRecords { size, least: LEAST_RECORDS });
        }
        let above = usize::MAX - self.records.end;
        if above < LEAST_ABOVE {
            return Err(MemoryError::RecordsAtTop { above, least: LEAST_ABOVE });
        }
        let pages = Span::new(self.pages.start / page_size, self.pages.end / page_size);
        if pages.len() > most_pages {
            return Err(MemoryError::TooManyPages { pages: pages.len(), most: most_pages });
        }
        Ok(pages)
    }

    fn ranges_are_sound(&self) -> Result<(), MemoryError> {
        let page_size = self.page_size;
        let window = self.window.as_ref().map(|window| (Region::Window, window));
        let ranges =
            [Some((Region::Pages, &self.pages)), Some((Region::Records, &self.records)), window];
        for (i, &(region, range)) in ranges.iter().flatten().enumerate() {
            if range.is_empty() {
                return Err(MemoryError::Empty { region });
            }
            if range.start == 0 {
                return Err(MemoryError::AtZero { region });
            }
            let (start_excess, end_excess) = (range.start % page_size, range.end % page_size);
            if region != Region::Records && (start_excess, end_excess) != (0, 0) {
                return Err(MemoryError::Misaligned {
                    region,
                    start_excess,
                    end_excess,
                    page_size,
                });
            }
            let meets = |&&(_, other): &&(Region, &Range<usize>)| {
                range.start < other.end && other.start < range.end
            };
            if let Some(&(first, _)) = ranges[..i].iter().flatten().find(meets) {
                return Err(MemoryError::Overlap { first, second: region });
            }
        }
        Ok(())
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pages => "memory for pages",
            Self::Records => "memory for records",
            Self::Window => "the window",
        })
    }
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::PageSize { page_size } => {
                write!(f, "page size {page_size} is not a power of two")
            }
            Self::NoCpus => f.write_str("a board has at least 1 CPU, and this one has 0"),
            Self::Empty { region } => write!(f, "{region} is empty"),
            Self::AtZero { region } => write!(f, "{region} starts at address 0"),
            Self::Misaligned { region, start_excess, end_excess, page_size } => write!(
                f,
                "{region} starts {start_excess} and ends {end_excess} bytes past a multiple of \
                 the page size {page_size}"
            ),
            Self::TooManyPages { pages, most } => {
                write!(f, "memory of {pages} pages, and the board's page map has {most} bits")
            }
            Self::TooFewRecords { size, least } => {
                write!(f, "memory for records of {size} bytes, at least {least} are needed")
            }
            Self::RecordsAtTop { above, least } => write!(
                f,
                "memory for records ends {above} bytes below the last address, at least {least} \
                 are needed"
            ),
            Self::Overlap { first, second } => write!(f, "{first} and {second} overlap"),
        }
    }
}

impl core::error::Error for MemoryError {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn setup() -> Setup {
        Setup {
            nr_cpus: 2,
            page_size: 256,
            most_pages: 16,
            pages: 0x1100..0x2000,
            records: 0x2003..0x3001,
            window: None,
        }
    }

    fn message(setup: Setup) -> std::string::String {
        setup.check().unwrap_err().to_string()
    }

    #[test]
    fn sound_memory_is_accepted_and_its_pages_counted() {
        assert_eq!(setup().check(), Ok(Span::new(0x11, 0x20)));
        let full = Setup { pages: 0x1000..0x2000, ..setup() };
        assert_eq!(full.check(), Ok(Span::new(0x10, 0x20)), "as many pages as the map has bits");
    }

    #[test]
    fn one_page_more_than_the_map_has_bits_is_refused() {
        let setup = Setup { pages: 0xF00..0x2000, ..setup() };
        assert_eq!(message(setup), "memory of 17 pages, and the board's page map has 16 bits");
    }

    #[test]
    fn ranges_that_are_empty_or_reversed_are_refused() {
        let empty = Setup { pages: 0x1000..0x1000, ..setup() };
        assert_eq!(message(empty), "memory for pages is empty");
        #[allow(clippy::reversed_empty_ranges)]
        let reversed = Setup { records: 0x3000..0x2000, ..setup() };
        assert_eq!(message(reversed), "memory for records is empty");
        let window = Setup { window: Some(0..0), ..setup() };
        assert_eq!(message(window), "the window is empty");
    }

    #[test]
    fn pages_and_the_window_are_whole_pages() {
        let start = Setup { pages: 0x1001..0x2000, ..setup() };
        let words = "starts 1 and ends 0 bytes past a multiple of the page size 256";
        assert_eq!(message(start), std::format!("memory for pages {words}"));
        let end = Setup { pages: 0x1000..0x20FF, records: 0x2100..0x3000, ..setup() };
        assert!(message(end).contains("ends 255 bytes past"));
        let window = Setup { window: Some(0x8010..0x9000), ..setup() };
        assert!(message(window).starts_with("the window starts 16"));
    }

    #[test]
    fn ranges_that_share_a_byte_are_refused() {
        let overlap = |first, second| Err(MemoryError::Overlap { first, second });
        let setup = || Setup { window: Some(0x4000..0x5000), ..setup() };
        assert!(setup().check().is_ok());
        let records = Setup { records: 0x1FFF..0x3000, ..setup() };
        assert_eq!(records.check(), overlap(Region::Pages, Region::Records));
        let window = Setup { window: Some(0x3000..0x4000), ..setup() };
        assert_eq!(window.check(), overlap(Region::Records, Region::Window));
        let around = Setup { window: Some(0x100..0x10000), ..setup() };
        assert_eq!(around.check(), overlap(Region::Pages, Region::Window));
    }

    #[test]
    fn records_leave_room_below_the_last_address() {
        let end = usize::MAX - 8192;
        let setup = |end: usize| Setup { records: end - 4096..end, ..setup() };
        assert!(setup(end).check().is_ok());
        assert_eq!(
            message(setup(end + 1)),
            "memory for records ends 8191 bytes below the last address, at least 8192 are needed"
        );
        assert!(setup(usize::MAX).check().is_err());
    }

    #[test]
    fn numbers_that_no_board_has_are_refused() {
        assert_eq!(
            message(Setup { page_size: 3000, ..setup() }),
            "page size 3000 is not a power of two"
        );
        assert_eq!(Setup { nr_cpus: 0, ..setup() }.check(), Err(MemoryError::NoCpus));
        let at_zero = Setup { pages: 0..0x1000, ..setup() };
        assert_eq!(message(at_zero), "memory for pages starts at address 0");
        let few = Setup { records: 0x2000..0x2008, ..setup() };
        assert_eq!(few.check(), Err(MemoryError::TooFewRecords { size: 8, least: LEAST_RECORDS }));
    }
}

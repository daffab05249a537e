// SPDX-License-Identifier: MIT OR Apache-2.0
//! Quantities, identifiers and half-open spans: the words in which the other modules count.
//!
//! Three things are counted in an allocator of this kind, and mixing them corrupts memory:
//! bytes inside a unit ([`UnitOffset`]), granules of the allocation map ([`Bits`]), and pages
//! ([`PageCount`]). Two things are numbered, and they are not the same: the processor
//! ([`CpuId`], given by the platform) and the unit that holds its copy ([`UnitId`], given by
//! the geometry). Each is a type of its own; conversions are named functions.
//!
//! Ranges are half-open everywhere: a [`Span`] holds its start and not its end.

use core::fmt;
use core::ops::{Add, AddAssign, Sub, SubAssign};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($inner);

        impl $name {
            /// Zero of it.
            pub const ZERO: Self = Self(0);

            /// Wraps a plain number.
            #[inline]
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// Returns the plain number.
            #[inline]
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl Add for $name {
            type Output = Self;
            #[inline]
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl Sub for $name {
            type Output = Self;
            #[inline]
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl AddAssign for $name {
            #[inline]
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }

        impl SubAssign for $name {
            #[inline]
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// Wraps a plain number.
            #[inline]
            pub const fn new(value: u32) -> Self {
                Self(value)
            }

            /// Returns the plain number.
            #[inline]
            pub const fn get(self) -> u32 {
                self.0
            }

            /// Returns the number as an index into a slice.
            #[inline]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

quantity! {
    /// A number of granules, or a position in an allocation map; one granule is 4 bytes unless
    /// configured otherwise.
    Bits(u32)
}
quantity! {
    /// A distance in bytes from the start of a unit, the same in every unit.
    UnitOffset(usize)
}
quantity! {
    /// A number of pages, or a page's index inside a unit.
    PageCount(usize)
}
id! {
    /// A processor, as the platform numbers them. Numbers may have gaps.
    CpuId
}
id! {
    /// One CPU's piece of a chunk, numbered through all groups, unused ones included.
    UnitId
}
id! {
    /// A memory node.
    NodeId
}

/// A half-open range: `start` belongs to it, `end` does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span<T> {
    /// First element.
    pub start: T,
    /// One past the last element.
    pub end: T,
}

impl<T: Copy + Ord + Sub<Output = T>> Span<T> {
    /// Makes the span from `start` up to, not including, `end`.
    #[inline]
    pub const fn new(start: T, end: T) -> Self {
        Self { start, end }
    }

    /// Returns how many elements the span holds. The span must not be inverted.
    #[inline]
    pub fn len(&self) -> T {
        self.end - self.start
    }

    /// Says whether the span holds nothing.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// Says whether `at` lies in the span.
    #[inline]
    pub fn contains(&self, at: T) -> bool {
        self.start <= at && at < self.end
    }

    /// Says whether the two spans share an element.
    #[inline]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

impl<T: fmt::Display> fmt::Display for Span<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_holds_its_start_and_not_its_end() {
        let span = Span::new(Bits::new(3), Bits::new(5));
        assert!(!span.contains(Bits::new(2)));
        assert!(span.contains(Bits::new(3)) && span.contains(Bits::new(4)));
        assert!(!span.contains(Bits::new(5)));
        assert_eq!(span.len(), Bits::new(2));
    }

    #[test]
    fn neighbouring_spans_do_not_overlap() {
        let left = Span::new(0, 4);
        let right = Span::new(4, 8);
        assert!(!left.overlaps(&right) && !right.overlaps(&left));
        assert!(left.overlaps(&Span::new(3, 5)));
    }
}

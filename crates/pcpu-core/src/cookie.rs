// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an allocation returns: a value to be combined with a CPU, never an address to read.
//!
//! A cookie is the address that the area has in the unit at offset 0, so that adding a CPU's
//! unit offset gives that CPU's copy, with no further load. Static and dynamic areas have the
//! same kind of cookie. See docs/decisions/0001-cookie.md.

use core::fmt;
use core::num::NonZeroUsize;

/// Names an area on every CPU at once.
///
/// A cookie is given out once and is not `Copy`: freeing takes it, and a refused free gives it
/// back. Whoever turns one into a number and back takes over the care for that.
#[derive(PartialEq, Eq, Hash)]
pub struct Cookie(NonZeroUsize);

impl Cookie {
    pub(crate) const fn new(value: NonZeroUsize) -> Self {
        Self(value)
    }

    /// Returns the cookie's number, for storage where a `Cookie` does not fit.
    #[inline]
    pub const fn into_raw(self) -> NonZeroUsize {
        self.0
    }

    /// Returns the cookie's number, to look at. Two cookies of one number are one area.
    #[inline]
    pub const fn raw(&self) -> NonZeroUsize {
        self.0
    }

    /// Makes a cookie of a number. Any number is safe: freeing one that names no live area is
    /// refused. Whoever accesses an area in unsafe code must also know that nobody frees it, by
    /// number included.
    #[inline]
    pub const fn from_raw(value: NonZeroUsize) -> Self {
        Self(value)
    }

    #[inline]
    pub(crate) const fn get(&self) -> usize {
        self.0.get()
    }
}

impl fmt::Debug for Cookie {
    /// Prints no number: it would tell the layout of memory.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(..)")
    }
}

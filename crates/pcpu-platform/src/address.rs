// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses as numbers.
//!
//! The allocator only adds and compares addresses; reading and writing behind them is the
//! platform's business ([`Memory`](crate::Memory)). So an [`Addr`] is a number and not a
//! pointer: it may stand for simulated memory, and provenance stays with the platform.

use core::fmt;
use core::num::NonZeroUsize;

/// An address in the machine's memory, never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr(NonZeroUsize);

impl Addr {
    /// Wraps a number, or `None` for 0.
    #[inline]
    pub const fn new(value: usize) -> Option<Self> {
        match NonZeroUsize::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// Returns the number.
    #[inline]
    pub const fn get(self) -> usize {
        self.0.get()
    }

    /// Returns the address `bytes` further up.
    ///
    /// # Panics
    /// When the sum is zero, which no range of memory contains. It wraps otherwise: a group may
    /// lie below the base that its offset is counted from.
    #[inline]
    #[must_use]
    pub const fn offset(self, bytes: usize) -> Self {
        match NonZeroUsize::new(self.get().wrapping_add(bytes)) {
            Some(value) => Self(value),
            None => panic!("an address became zero"),
        }
    }
}

impl fmt::Debug for Addr {
    /// Prints no address: logs that leak the layout of memory have been a vulnerability before.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Addr(..)")
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Areas that nobody can free for a while.
//!
//! Frees take numbers, and safe code may guess them. That is harmless as long as only unsafe code
//! looks into areas. What lends *references* into an area, as static variables do, must know
//! that it stays: it keeps the area, by holding its live bit itself.

use portable_atomic::Ordering;

use super::{Addressing, Allocator};
use crate::machine::Machine;
use crate::{Cookie, FreeError};

/// An area of one allocator that cannot be freed by its number. It cannot be made of a number either.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept(Cookie);

impl Kept {
    pub(super) const fn new(cookie: Cookie) -> Self {
        Self(cookie)
    }

    /// Returns the cookie, to find copies by. Freeing it is refused, as not live.
    pub const fn cookie(&self) -> &Cookie {
        &self.0
    }
}

impl<P: Machine, A: Addressing> Allocator<P, A> {
    /// Keeps an area: any free of it is refused from now on, but for
    /// [`free_kept`](Self::free_kept). A `Kept` that is dropped keeps its area as long as the
    /// allocator lives.
    ///
    /// # Context
    /// Never sleeps; takes the *index* lock only to refuse.
    ///
    /// # Errors
    /// As for [`free`](Self::free), with the cookie, when it names no live area.
    pub fn keep(&self, cookie: Cookie) -> Result<Kept, FreeError> {
        match self.take_live(cookie.get()) {
            Ok(_) => {
                self.flags.kept.fetch_add(1, Ordering::Relaxed);
                Ok(Kept::new(cookie))
            }
            Err(reason) => Err(FreeError::new(cookie, reason)),
        }
    }

    /// Frees a kept area. No other free of it can come in between.
    ///
    /// # Context
    /// As for [`free`](Self::free).
    ///
    /// # Safety
    /// This allocator kept it.
    pub unsafe fn free_kept(&self, kept: Kept) {
        let Kept(cookie) = kept;
        let found = self.directory.find(cookie.get()).expect("C1: a kept area has a chunk");
        self.flags.kept.fetch_sub(1, Ordering::Relaxed);
        self.give(found);
    }
}

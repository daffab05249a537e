// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values that refer to lent memory and are still there when it is given back.
//!
//! The allocator's tables are `&'static` slices of memory that the allocator itself gives back
//! when it is dropped. Whoever drops it by value (`drop(allocator)`) passes those references as
//! an argument, and a reference that is an argument promises that its memory outlives the call.
//! [`Lent`] takes the promise back: what is inside a `MaybeUninit` is not a reference until it is
//! asked for. (`MaybeDangling` of the standard library will say the same in its name.)

use core::fmt;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};

/// A value with references into lent memory. Dropped only by [`Lent::drop_value`].
pub(crate) struct Lent<T>(MaybeUninit<T>);

impl<T> Lent<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(MaybeUninit::new(value))
    }

    /// Drops the value, while what it refers to is still there.
    ///
    /// # Safety
    /// The value is not used any more.
    pub(crate) unsafe fn drop_value(&mut self) {
        // SAFETY: initialised (see `deref`), and by the caller's promise dropped once.
        unsafe { self.0.assume_init_drop() };
    }
}

impl<T> Deref for Lent<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: initialised in `new`, the only constructor, and never taken out.
        unsafe { self.0.assume_init_ref() }
    }
}

impl<T> DerefMut for Lent<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`.
        unsafe { self.0.assume_init_mut() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Lent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

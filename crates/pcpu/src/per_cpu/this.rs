// SPDX-License-Identifier: MIT OR Apache-2.0
//! The running CPU's copy of one scalar, and what can be done to it.
#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;

use pcpu_linux::local::{By, Copies, Cpu, Provide};

use super::scalar::{Bits, Number, Scalar};

/// The copy of a [`Scalar`] that belongs to whichever CPU the code runs on at the moment of an
/// operation.
///
/// Each operation is atomic against all others of this kind on the same copy, those of signal
/// handlers included, and orders no other access to memory (relaxed). Between two operations the
/// code may move to another CPU: after `write(1)`, `read()` may return something else. The sum over
/// all copies is what means something, or a value that was taken out by [`xchg`](Self::xchg).
///
/// Names and meanings are those of Linux's `this_cpu` operations.
///
/// # Context
/// Any, signal handlers included, once the CPU's copy exists. The first operation on a CPU that the
/// process has not used yet makes the copy, and may wait for others who do so; see
/// [`PerCpu`](crate::PerCpu).
pub struct This<'a, S, B = Cpu> {
    copies: Copies<'a, B>,
    provide: &'a (dyn Provide + Sync),
    scalar: PhantomData<fn() -> S>,
}

impl<S, B> Clone for This<'_, S, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, B> Copy for This<'_, S, B> {}

/// A mode of sequences or of atomics, decided before there were copies; the address and the width
/// are right. This is what each operation owes.
///
/// # Invariants
/// - **T1** wherever the table of `copies` leads, as long as `'a`, there is an initialised `S`, which is
///   changed only by operations of this kind and through `&S`, atomically.
impl<'a, S: Scalar, B: By> This<'a, S, B> {
    /// # Safety
    /// T1.
    #[inline]
    pub(super) unsafe fn new(copies: Copies<'a, B>, provide: &'a (dyn Provide + Sync)) -> Self {
        Self { copies, provide, scalar: PhantomData }
    }

    /// Returns the value.
    #[inline]
    pub fn read(self) -> S::Value {
        // SAFETY: T1.
        S::from_word(unsafe { self.copies.load(self.provide) })
    }

    /// Sets the value.
    #[inline]
    pub fn write(self, value: S::Value) {
        // SAFETY: T1.
        unsafe { self.copies.store(S::into_word(value), self.provide) };
    }

    /// Sets the value, and returns the one before.
    #[inline]
    pub fn xchg(self, value: S::Value) -> S::Value {
        // SAFETY: T1.
        S::from_word(unsafe { self.copies.exchange(S::into_word(value), self.provide) })
    }

    /// Sets the value if it is `expected`, and returns the one before: in `Ok` if it was set.
    ///
    /// # Errors
    /// The value, if it is another. It is unchanged then.
    #[inline]
    pub fn cmpxchg(self, expected: S::Value, value: S::Value) -> Result<S::Value, S::Value> {
        let (expected, value) = (S::into_word(expected), S::into_word(value));
        // SAFETY: T1.
        let seen = unsafe { self.copies.compare_exchange(expected, value, self.provide) };
        seen.map(S::from_word).map_err(S::from_word)
    }

    /// Clears the bits that `value` has not.
    #[inline]
    pub fn and(self, value: S::Value)
    where
        S: Bits,
    {
        // SAFETY: T1.
        unsafe { self.copies.and(S::into_word(value), self.provide) };
    }

    /// Sets the bits that `value` has.
    #[inline]
    pub fn or(self, value: S::Value)
    where
        S: Bits,
    {
        // SAFETY: T1.
        unsafe { self.copies.or(S::into_word(value), self.provide) };
    }

    /// Adds, wrapping.
    #[inline]
    pub fn add(self, value: S::Value)
    where
        S: Number,
    {
        // SAFETY: T1.
        unsafe { self.copies.add(S::into_word(value), self.provide) };
    }

    /// Subtracts, wrapping.
    #[inline]
    pub fn sub(self, value: S::Value)
    where
        S: Number,
    {
        self.add(S::wrapping_neg(value));
    }

    /// Adds one, wrapping.
    #[inline]
    pub fn inc(self)
    where
        S: Number,
    {
        self.add(S::ONE);
    }

    /// Subtracts one, wrapping.
    #[inline]
    pub fn dec(self)
    where
        S: Number,
    {
        self.sub(S::ONE);
    }

    /// Adds, wrapping, and returns the sum.
    #[inline]
    pub fn add_return(self, value: S::Value) -> S::Value
    where
        S: Number,
    {
        // SAFETY: T1.
        S::from_word(unsafe { self.copies.add_return(S::into_word(value), self.provide) })
    }

    /// Subtracts, wrapping, and returns the difference.
    #[inline]
    pub fn sub_return(self, value: S::Value) -> S::Value
    where
        S: Number,
    {
        self.add_return(S::wrapping_neg(value))
    }
}

impl<S, B> fmt::Debug for This<'_, S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("This(..)")
    }
}

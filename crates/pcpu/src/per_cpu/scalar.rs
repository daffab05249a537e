// SPDX-License-Identifier: MIT OR Apache-2.0
//! What operations on the running CPU's copy work on: the atomics of the standard library.
//!
//! A copy is read by others, so its type is one that may be: an atomic. On its own CPU it is
//! changed by a restartable sequence, which for everybody else looks like a relaxed load and a relaxed
//! store.
#![allow(unsafe_code)]

use core::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicIsize, AtomicPtr, AtomicU8, AtomicU16,
    AtomicU32, AtomicUsize, Ordering,
};
#[cfg(target_has_atomic = "64")]
use core::sync::atomic::{AtomicI64, AtomicU64};

use pcpu_platform::Word;

mod sealed {
    pub trait Sealed {}
}

/// A type whose copies can be read and changed on the running CPU: an atomic. Sealed.
///
/// # Safety
/// The type is as large and as aligned as [`Word`](Self::Word), every content of that is a value of
/// `Value`, and all changes to it through a shared reference are atomic.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no operations on the running CPU's copy",
    label = "not an atomic",
    note = "copies are read by other CPUs too, so a counter is a `PerCpu<AtomicU64>`, a flag a `PerCpu<AtomicBool>`",
    note = "copies of any other type are reached by `PerCpu::with`, under a lock per CPU"
)]
pub unsafe trait Scalar: sealed::Sealed + Send + Sync {
    /// What it holds.
    type Value: Copy;
    /// The same in an unsigned word.
    #[doc(hidden)]
    type Word: Word;

    /// Reads the value, relaxed, wherever it is.
    fn peek(&self) -> Self::Value;
    #[doc(hidden)]
    fn into_word(value: Self::Value) -> Self::Word;
    #[doc(hidden)]
    fn from_word(word: Self::Word) -> Self::Value;
}

/// A scalar with bits that can be set and cleared: integers and `AtomicBool`. Sealed.
pub trait Bits: Scalar {}

/// A scalar that counts: integers. Sealed.
pub trait Number: Bits {
    /// Returns the sum, wrapping.
    #[doc(hidden)]
    fn wrapping_add(one: Self::Value, other: Self::Value) -> Self::Value;
    #[doc(hidden)]
    fn wrapping_neg(value: Self::Value) -> Self::Value;
    #[doc(hidden)]
    const ZERO: Self::Value;
    #[doc(hidden)]
    const ONE: Self::Value;
}

macro_rules! numbers {
    ($($atomic:ty, $value:ty, $word:ty;)*) => {$(
        impl sealed::Sealed for $atomic {}

        // SAFETY: an atomic has the size of its integer, is aligned to it, and any bits are a value.
        unsafe impl Scalar for $atomic {
            type Value = $value;
            type Word = $word;

            #[inline]
            fn peek(&self) -> $value {
                self.load(Ordering::Relaxed)
            }

            #[inline]
            fn into_word(value: $value) -> $word {
                value as $word
            }

            #[inline]
            fn from_word(word: $word) -> $value {
                word as $value
            }
        }

        impl Bits for $atomic {}

        impl Number for $atomic {
            const ZERO: $value = 0;
            const ONE: $value = 1;

            #[inline]
            fn wrapping_add(one: $value, other: $value) -> $value {
                one.wrapping_add(other)
            }

            #[inline]
            fn wrapping_neg(value: $value) -> $value {
                value.wrapping_neg()
            }
        }
    )*};
}

numbers! {
    AtomicU8, u8, u8;
    AtomicI8, i8, u8;
    AtomicU16, u16, u16;
    AtomicI16, i16, u16;
    AtomicU32, u32, u32;
    AtomicI32, i32, u32;
    AtomicUsize, usize, usize;
    AtomicIsize, isize, usize;
}
#[cfg(target_has_atomic = "64")]
numbers! {
    AtomicU64, u64, u64;
    AtomicI64, i64, u64;
}

impl sealed::Sealed for AtomicBool {}

// SAFETY: a byte, 0 or 1: operations on bits make nothing else of these, and nothing adds to one.
unsafe impl Scalar for AtomicBool {
    type Value = bool;
    type Word = u8;

    #[inline]
    fn peek(&self) -> bool {
        self.load(Ordering::Relaxed)
    }

    #[inline]
    fn into_word(value: bool) -> u8 {
        u8::from(value)
    }

    #[inline]
    fn from_word(word: u8) -> bool {
        word != 0
    }
}

impl Bits for AtomicBool {}

impl<T> sealed::Sealed for AtomicPtr<T> {}

// SAFETY: a pointer is as large as a `usize` and aligned alike. Its provenance is exposed on the way
// in and taken up again on the way out.
unsafe impl<T> Scalar for AtomicPtr<T> {
    type Value = *mut T;
    type Word = usize;

    #[inline]
    fn peek(&self) -> *mut T {
        self.load(Ordering::Relaxed)
    }

    #[inline]
    fn into_word(value: *mut T) -> usize {
        value.expose_provenance()
    }

    #[inline]
    fn from_word(word: usize) -> *mut T {
        core::ptr::with_exposed_provenance_mut(word)
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Templates: the one value in the program that every CPU's copy starts as.
//!
//! A template is initialised from a *constant*. Evaluating a constant once per CPU is always
//! allowed, and copying the bytes of its value once per CPU is the same thing, done by a
//! `memcpy`. That is why no `Copy` and no `Clone` is asked for, and why a type that must be
//! dropped is refused: dropping a constant's value twice would not be the same.
//!
//! Nothing can reach the value inside a template: it is bytes to copy, never an instance.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::mem;

/// The largest alignment of a static, in bytes: units of all CPUs are congruent modulo a page, and
/// pages have at least this size where programs are portable between pools.
pub const MAX_ALIGN: usize = 4096;

/// The bytes that copies are made of.
///
/// The cell keeps the linker section that templates lie in writable whatever they hold: a section
/// is either writable or not, and one program may well have both `u32` and `Cell<u32>` in it.
#[doc(hidden)]
#[repr(transparent)]
pub struct Template<T>(UnsafeCell<T>);

// SAFETY: a template has no method that reaches its value. (Copies of its bytes are values of their
// own, used by other threads than the one that compiled the constant: hence `Send` in `Initial`.)
unsafe impl<T> Sync for Template<T> {}

impl<T> Template<T> {
    /// Makes a template, or fails to compile.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        assert!(
            !mem::needs_drop::<T>(),
            "a per-CPU static cannot be of a type that needs to be dropped: its copies never are"
        );
        assert!(
            align_of::<T>() <= MAX_ALIGN,
            "a per-CPU static cannot be aligned to more than 4096 bytes, a page"
        );
        Self(UnsafeCell::new(value))
    }
}

/// A static's type and initial value, in words that are no promise.
#[doc(hidden)]
pub trait Initial {
    /// The type of each CPU's copy.
    type Value: Send + 'static;

    /// What it starts as.
    const VALUE: Self::Value;
}

/// What [`statics!`](crate::statics!) says of one static.
///
/// # Safety
/// [`template`](Self::template) always returns the address of the same static, which was
/// initialised from a constant of type `Value` and lies in the section `pcpu_statics`, or, where
/// an [`Image`](crate::Image) is made by hand, in whole in that image or in none.
#[doc(hidden)]
pub unsafe trait Definition: Initial {
    /// Where the template is.
    fn template() -> *const Template<Self::Value>;
}

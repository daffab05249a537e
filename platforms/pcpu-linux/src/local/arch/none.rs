// SPDX-License-Identifier: MIT OR Apache-2.0
//! No sequences: there never is a copy that they could work on.
#![allow(unsafe_code)]

use pcpu_platform::Word;

use super::{Absent, At, Field, Sequences, Spun};

/// See [`Sequences`].
#[derive(Debug)]
pub(in super::super) struct Native;

// SAFETY: nothing is done.
unsafe impl Sequences for Native {
    const SIGNATURE: u32 = 0;

    fn thread_pointer() -> usize {
        0
    }

    #[inline(always)]
    unsafe fn load<W: Word>(_: Field, _: At) -> Result<u64, Absent> {
        Err(Absent)
    }

    #[inline(always)]
    unsafe fn store<W: Word>(_: Field, _: At, _: u64) -> Result<(), Absent> {
        Err(Absent)
    }

    #[inline(always)]
    unsafe fn add<W: Word>(_: Field, _: At, _: u64) -> Result<(), Absent> {
        Err(Absent)
    }

    #[inline(always)]
    unsafe fn and<W: Word>(_: Field, _: At, _: u64) -> Result<(), Absent> {
        Err(Absent)
    }

    #[inline(always)]
    unsafe fn or<W: Word>(_: Field, _: At, _: u64) -> Result<(), Absent> {
        Err(Absent)
    }

    #[inline(always)]
    unsafe fn add_return<W: Word>(_: Field, _: At, _: u64) -> Result<u64, Absent> {
        Err(Absent)
    }

    #[inline(always)]
    unsafe fn exchange<W: Word>(_: Field, _: At, _: u64) -> Result<u64, Absent> {
        Err(Absent)
    }

    #[inline(always)]
    unsafe fn compare_exchange<W: Word>(_: Field, _: At, _: u64, _: u64) -> Result<u64, Absent> {
        Err(Absent)
    }

    #[inline(always)]
    unsafe fn push(_: Field, _: At, _: usize, _: usize) -> Result<(), Absent> {
        Err(Absent)
    }

    #[inline(always)]
    unsafe fn pop(_: Field, _: At, _: usize) -> Result<usize, Absent> {
        Err(Absent)
    }

    #[inline(always)]
    unsafe fn stack_push(_: Field, _: At, _: usize, _: usize) -> Result<usize, Absent> {
        Err(Absent)
    }

    #[inline(always)]
    unsafe fn stack_pop(_: Field, _: At) -> Result<(usize, usize), Absent> {
        Err(Absent)
    }

    #[inline(always)]
    unsafe fn stack_append(_: Field, _: At, _: usize, _: &[usize]) -> Result<usize, Absent> {
        Err(Absent)
    }

    unsafe fn spin(_: At, _: *const usize, _: usize) -> Spun {
        Spun::Tired
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bounded stack of words on each CPU: what a cache in front of an allocator is made of.
//!
//! Words above the end belong to nobody: a sequence writes there first, and commits by the number of
//! words. Full and empty are told by the number from before, never by the one after: a stack that
//! was filled to its limit and one that was full look alike afterwards.
#![allow(unsafe_code)]

use core::alloc::Layout;
use core::ptr;

use pcpu_platform::Addr;

use super::arch::{Absent, Native, Sequences};
use super::by::By;
use super::copies::Copies;
use super::fence::FenceError;
use super::lone::{Busy, alone, locked, structure};
use super::table::{Index, Table};
use super::way::Provide;

/// The most words that may be put on at once: a sequence that is longer than a time slice would never
/// be over.
const MOST_AT_ONCE: usize = 512;

/// A stack on each CPU, of at most so many words.
#[derive(Debug)]
pub struct Stack<'t, B> {
    copies: Copies<'t, B>,
    limit: usize,
}

impl<'t, B: By> Stack<'t, B> {
    /// What the area of stacks of `limit` words must be. Zeros are an empty stack. `None` of a
    /// limit for which there are no addresses.
    pub fn layout(limit: usize) -> Option<Layout> {
        Layout::array::<usize>(limit.checked_add(2)?).ok()
    }

    /// Makes stacks in the copies of an area.
    ///
    /// # Safety
    /// The area has [`layout(limit)`](Self::layout), is zeroed in every copy, is used for nothing
    /// else, and its provenance is exposed. `table` is used for this area alone.
    pub unsafe fn new(area: Addr, table: &'t Table, limit: usize) -> Self {
        Self { copies: Copies::new(structure(area), table), limit }
    }

    /// Puts a word on the running CPU's stack. Says whether there was room.
    ///
    /// # Errors
    /// [`Busy`]; nothing was done.
    pub fn push(&self, value: usize, provide: &dyn Provide) -> Result<bool, Busy> {
        let limit = self.limit;
        // SAFETY: the copy is a stack with room for `limit` words (`new`).
        let sequence = |field, at| unsafe { Native::stack_push(field, at, limit, value) };
        let before = self.done(provide, sequence, |nr| {
            // SAFETY: with the lock nobody else is at this copy (L1).
            unsafe { append(nr, limit, &[value]) }
        })?;
        Ok(before < limit)
    }

    /// Puts words on the running CPU's stack, all or none: 512 at most. Says whether there was room.
    ///
    /// # Errors
    /// [`Busy`]; nothing was done.
    pub fn append(&self, words: &[usize], provide: &dyn Provide) -> Result<bool, Busy> {
        let limit = self.limit;
        if words.len() > MOST_AT_ONCE {
            return Ok(false);
        }
        // SAFETY: the copy is a stack with room for `limit` words (`new`).
        let sequence = |field, at| unsafe { Native::stack_append(field, at, limit, words) };
        let before = self.done(provide, sequence, |nr| {
            // SAFETY: with the lock nobody else is at this copy (L1).
            unsafe { append(nr, limit, words) }
        })?;
        Ok(limit - before >= words.len())
    }

    /// Takes the last word off the running CPU's stack.
    ///
    /// # Errors
    /// [`Busy`]; nothing was done.
    pub fn pop(&self, provide: &dyn Provide) -> Result<Option<usize>, Busy> {
        // SAFETY: the copy is a stack (`new`).
        let sequence = |field, at| unsafe { Native::stack_pop(field, at) };
        let (value, before) = self.done(provide, sequence, |nr| {
            // SAFETY: with the lock nobody else is at this copy (L1).
            unsafe { take(nr) }
        })?;
        Ok((before != 0).then_some(value))
    }

    /// Takes all words off one CPU's stack, whichever CPU that is, and gives each to `each`, the last
    /// one first.
    ///
    /// # Errors
    /// [`Busy`] inside: nothing was taken, it may be tried again. [`FenceError`]: it cannot be
    /// done on this system.
    pub fn drain(
        &self,
        index: Index,
        mut each: impl FnMut(usize),
    ) -> Result<Result<(), Busy>, FenceError> {
        let Some(nr) = self.copies.address(index) else { return Ok(Ok(())) };
        let mut words = Vec::with_capacity(self.limit);
        let work = || loop {
            // SAFETY: nobody else is at this copy (L1).
            let (value, before) = unsafe { take(nr.get()) };
            if before == 0 {
                break;
            }
            words.push(value);
        };
        // SAFETY: a stack's copy has a lock before its number of words.
        let done = unsafe { alone::<B, _>(self.copies.table(), index, nr.get(), work) };
        words.into_iter().for_each(&mut each);
        done
    }

    fn done<R>(
        &self,
        provide: &dyn Provide,
        sequence: impl Fn(super::arch::Field, super::arch::At) -> Result<R, Absent>,
        atomic: impl Fn(usize) -> R,
    ) -> Result<R, Busy> {
        match self.copies.attempt(&sequence) {
            Ok(done) => Ok(done),
            Err(Absent) => {
                let sequence = |field, at| sequence(field, at).map(Ok);
                // SAFETY: a stack's copy has a lock before its number of words.
                let atomic = |nr| unsafe { locked(nr, || atomic(nr)) };
                self.copies.otherwise(provide, sequence, atomic).unwrap_or(Err(Busy))
            }
        }
    }
}

/// Puts words on the stack at `nr`, if they fit. Returns the number before.
///
/// # Safety
/// A stack of `limit` words is there, and the caller has it for himself.
unsafe fn append(nr: usize, limit: usize, words: &[usize]) -> usize {
    let stack = ptr::with_exposed_provenance_mut::<usize>(nr);
    // SAFETY: the caller's contract.
    let before = unsafe { stack.read() };
    if limit - before >= words.len() {
        // SAFETY: in the stack's room.
        let end = unsafe { stack.add(1 + before) };
        // SAFETY: room for them, which is not where the words are that are to be put there.
        unsafe { end.copy_from_nonoverlapping(words.as_ptr(), words.len()) };
        // SAFETY: the caller's contract.
        unsafe { stack.write(before + words.len()) };
    }
    before
}

/// Takes the last word off the stack at `nr`: the word, and the number before.
///
/// # Safety
/// As for [`append`].
unsafe fn take(nr: usize) -> (usize, usize) {
    let stack = ptr::with_exposed_provenance_mut::<usize>(nr);
    // SAFETY: the caller's contract.
    let before = unsafe { stack.read() };
    if before == 0 {
        return (0, 0);
    }
    // SAFETY: the last word lies `before` words on.
    let last = unsafe { stack.add(before) };
    // SAFETY: it is there.
    let value = unsafe { last.read() };
    // SAFETY: the caller's contract.
    unsafe { stack.write(before - 1) };
    (value, before)
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! An intrusive list on each CPU: last in, first out.
//!
//! A sequence cannot be fooled by a node that was taken off and put back meanwhile (*ABA*): to do
//! that, somebody must have run on the CPU, and then the sequence has been aborted.
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

/// A list on each CPU, of nodes that belong to the caller.
#[derive(Debug)]
pub struct List<'t, B> {
    copies: Copies<'t, B>,
    link: usize,
}

impl<'t, B: By> List<'t, B> {
    /// What the area of a list must be: a lock, and the address of the first node. Zeros are an
    /// empty list.
    pub const LAYOUT: Layout = Layout::new::<[usize; 2]>();

    /// Makes lists in the copies of an area, each node of which has the address of the next one
    /// `link` bytes from its beginning.
    ///
    /// # Safety
    /// - The area has [`LAYOUT`](Self::LAYOUT), is zeroed in every copy, is used for nothing else, and
    ///   its provenance is exposed. `table` is used for this area alone.
    /// - A node that was ever on a list stays readable, at `link`, as long as the lists are used.
    pub unsafe fn new(area: Addr, table: &'t Table, link: usize) -> Self {
        Self { copies: Copies::new(structure(area), table), link }
    }

    /// Puts a node on the running CPU's list.
    ///
    /// # Errors
    /// [`Busy`]; the node is the caller's still.
    ///
    /// # Safety
    /// `node` is an address that is aligned for a pointer at the link, writable there, with exposed
    /// provenance, the caller's alone, and on no list. It is not 0.
    pub unsafe fn push(&self, node: usize, provide: &dyn Provide) -> Result<(), Busy> {
        let link = self.link;
        // SAFETY: the copy is a list's head (`new`); the node is the caller's until the commit.
        let sequence = |field, at| unsafe { Native::push(field, at, node, link) };
        let atomic = |head: usize| {
            let work = || {
                // SAFETY: with the lock nobody else is at this copy (L1).
                let first = unsafe { read(head) };
                // SAFETY: the node is the caller's.
                unsafe { write(node + link, first) };
                // SAFETY: as above.
                unsafe { write(head, node) };
            };
            // SAFETY: a list's copy has a lock before its head.
            unsafe { locked(head, work) }
        };
        match self.copies.attempt(sequence) {
            Ok(()) => Ok(()),
            Err(Absent) => {
                let sequence = |field, at| sequence(field, at).map(Ok);
                self.copies.otherwise(provide, sequence, atomic).unwrap_or(Err(Busy))
            }
        }
    }

    /// Takes the last node off the running CPU's list.
    ///
    /// # Errors
    /// [`Busy`]; nothing was taken.
    ///
    /// # Safety
    /// Nodes are as [`push`](Self::push) wants them.
    pub unsafe fn pop(&self, provide: &dyn Provide) -> Result<Option<usize>, Busy> {
        let link = self.link;
        // SAFETY: the copy is a list's head; nodes stay readable (`new`).
        let sequence = |field, at| unsafe { Native::pop(field, at, link) };
        let atomic = |head: usize| {
            let work = || {
                // SAFETY: with the lock nobody else is at this copy (L1).
                let first = unsafe { read(head) };
                if first != 0 {
                    // SAFETY: a node that is on the list.
                    let next = unsafe { read(first + link) };
                    // SAFETY: as above.
                    unsafe { write(head, next) };
                }
                first
            };
            // SAFETY: a list's copy has a lock before its head.
            unsafe { locked(head, work) }
        };
        let taken = match self.copies.attempt(sequence) {
            Ok(first) => Ok(first),
            Err(Absent) => {
                let sequence = |field, at| sequence(field, at).map(Ok);
                self.copies.otherwise(provide, sequence, atomic).unwrap_or(Err(Busy))
            }
        };
        taken.map(|first| (first != 0).then_some(first))
    }

    /// Takes all nodes off one CPU's list, whichever CPU that is. They stay linked; the first is
    /// returned, the last one's link is 0.
    ///
    /// # Errors
    /// [`Busy`] inside: nothing was taken, it may be tried again. [`FenceError`]: it cannot be
    /// done on this system.
    ///
    /// # Safety
    /// Nodes are as [`push`](Self::push) wants them.
    pub unsafe fn drain(&self, index: Index) -> Result<Result<Option<usize>, Busy>, FenceError> {
        let Some(head) = self.copies.address(index) else { return Ok(Ok(None)) };
        let work = || {
            // SAFETY: nobody else is at this copy (L1).
            let first = unsafe { read(head.get()) };
            // SAFETY: the same.
            unsafe { write(head.get(), 0) };
            (first != 0).then_some(first)
        };
        // SAFETY: a list's copy has a lock before its head.
        unsafe { alone::<B, _>(self.copies.table(), index, head.get(), work) }
    }
}

/// Reads a word.
///
/// # Safety
/// An aligned word at an address with exposed provenance, that nobody writes meanwhile.
unsafe fn read(address: usize) -> usize {
    // SAFETY: the caller's contract.
    unsafe { ptr::with_exposed_provenance::<usize>(address).read() }
}

/// Writes a word.
///
/// # Safety
/// As for [`read`], and nobody reads it meanwhile.
unsafe fn write(address: usize, value: usize) {
    // SAFETY: the caller's contract.
    unsafe { ptr::with_exposed_provenance_mut::<usize>(address).write(value) };
}

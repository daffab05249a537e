// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bounded stack of words on every CPU: for caches of indexes, offsets, handles.
#![allow(unsafe_code)]

use core::fmt;
use std::sync::Arc;

use pcpu_core::{Kept, Request};
use pcpu_layout::CpuId;
use pcpu_linux::local::{Busy, By, Cpu, FenceError, Index, NotProvided, Provide, Stack, Table};

use super::error::NewError;
use super::home::{Area, Home};
use super::pool::Pool;

/// A stack of at most so many words on every CPU that uses it, pushed and popped without a lock.
///
/// What a cache in front of something slower is made of: a word is a number of something that the program
/// keeps elsewhere. A thread that finds its CPU's stack empty, full or in use does without the cache,
/// which is what the results say.
///
/// # Context
/// Pushing and popping may be done in signal handlers, as [`PerCpu`](crate::PerCpu)'s `this_cpu`
/// operations may.
///
/// # Examples
/// ```
/// use pcpu::{Busy, PerCpuStack};
///
/// let free = PerCpuStack::new(64)?;
/// assert_eq!(free.push(17), Ok(true));
/// // On the same CPU, if the thread has not moved since.
/// let slot = free.pop().unwrap_or(None).unwrap_or_else(|| 17 /* a new one */);
/// assert_eq!(slot, 17);
/// # Ok::<(), pcpu::NewError>(())
/// ```
pub struct PerCpuStack<B: By = Cpu> {
    /// Borrows from `owner`, which stays as long.
    stack: Stack<'static, B>,
    owner: Arc<Copies>,
    limit: usize,
    /// Taken when dropped.
    area: Option<Kept>,
}

/// Which copies there are: those of the pool, each noted in a table of the stack's own, because one
/// that is drained is closed there.
struct Copies {
    home: Arc<Home>,
    table: Table,
}

impl Provide for Copies {
    fn provide(&self, index: Index) -> Result<(), NotProvided> {
        self.home.provide(index)?;
        let unit = self.home.table.get(index).ok_or(NotProvided::Refused)?;
        // Zeros are an empty stack. One that is there stays as it is.
        self.table.set(index, unit);
        Ok(())
    }
}

impl PerCpuStack {
    /// Makes stacks of at most `limit` words, in the process's own pool.
    ///
    /// # Errors
    /// [`NewError`].
    pub fn new(limit: usize) -> Result<Self, NewError> {
        Self::new_in(Pool::global().map_err(NewError::Pool)?, limit)
    }
}

impl<B: By> PerCpuStack<B> {
    /// As [`new`](PerCpuStack::new), in a pool of one's own.
    ///
    /// # Errors
    /// [`NewError`].
    pub fn new_in(pool: &Pool<B>, limit: usize) -> Result<Self, NewError> {
        let too_many = NewError::TooMany { len: limit };
        let layout = Stack::<B>::layout(limit).ok_or(too_many)?;
        let kept = pool.home.alloc(Request::new(layout.size(), layout.align()))?;
        let owner = Arc::new(Copies { home: Arc::clone(&pool.home), table: Table::new() });
        let table: *const Table = &raw const owner.table;
        // SAFETY: the table stays where it is as long as `owner`, which is as long as the stack is used.
        let table: &'static Table = unsafe { &*table };
        // SAFETY: an area of that layout, zeroed on every CPU, and used for nothing else; so is the table.
        let stack = unsafe { Stack::new(Home::address(&kept), table, limit) };
        Ok(Self { stack, owner, limit, area: Some(kept) })
    }

    /// Returns the most words that a stack holds.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Puts a word on the running CPU's stack. Says whether there was room.
    ///
    /// # Errors
    /// [`Busy`]; nothing was done.
    #[inline]
    pub fn push(&self, word: usize) -> Result<bool, Busy> {
        self.stack.push(word, &*self.owner)
    }

    /// Puts words on the running CPU's stack, all or none; 512 at most. Says whether there was room.
    ///
    /// # Errors
    /// [`Busy`]; nothing was done.
    #[inline]
    pub fn append(&self, words: &[usize]) -> Result<bool, Busy> {
        self.stack.append(words, &*self.owner)
    }

    /// Takes the last word off the running CPU's stack, if there is one.
    ///
    /// # Errors
    /// [`Busy`]; nothing was done.
    #[inline]
    pub fn pop(&self) -> Result<Option<usize>, Busy> {
        self.stack.pop(&*self.owner)
    }

    /// Lists the CPUs that have a stack.
    pub fn cpus(&self) -> impl Iterator<Item = CpuId> + '_ {
        self.owner.table.present().filter_map(|(index, _)| self.owner.home.cpu_of(index))
    }

    /// Takes all words off one CPU's stack, whichever that is, and gives them to `each`, the last one first.
    ///
    /// # Context
    /// May sleep; not for signal handlers. Fences the CPU.
    ///
    /// # Errors
    /// [`FenceError`], where the system has no fence. Inside, [`Busy`]: somebody else is at that.
    pub fn drain(
        &self,
        cpu: CpuId,
        each: impl FnMut(usize),
    ) -> Result<Result<(), Busy>, FenceError> {
        match self.owner.home.index_of(cpu) {
            Some(index) => self.stack.drain(index, each),
            None => Ok(Ok(())),
        }
    }
}

impl<B: By> Drop for PerCpuStack<B> {
    fn drop(&mut self) {
        drop(Area::to_free(&self.owner.home, self.area.take()));
    }
}

impl<B: By> fmt::Debug for PerCpuStack<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerCpuStack").field("limit", &self.limit).finish_non_exhaustive()
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What copies are indexed by, as types, so that an operation has no choice left to make.

use pcpu_layout::IndexBy;

mod sealed {
    pub trait Sealed {}
}

/// What a pool's copies are indexed by: [`Cpu`], [`ConcurrencyId`] or [`Node`]. Sealed.
pub trait By: sealed::Sealed + Send + Sync + 'static {
    /// The same, as a value.
    const INDEX: IndexBy;
}

/// One copy for each processor, by the kernel's number of it. The default: data stays on its node,
/// and other processes mean the same CPU by the same number.
#[derive(Clone, Copy, Debug)]
pub enum Cpu {}

/// One copy for each thread that runs at the same time, by the number that the kernel gives it
/// (`mm_cid`): in a container with four CPUs of five hundred, four copies. Where the system has no
/// such numbers (before Linux 6.3, or in fallback mode), the same as [`Cpu`].
#[derive(Clone, Copy, Debug)]
pub enum ConcurrencyId {}

/// One copy for each memory node. Several CPUs share a copy, so operations on it are atomic.
#[derive(Clone, Copy, Debug)]
pub enum Node {}

impl sealed::Sealed for Cpu {}
impl sealed::Sealed for ConcurrencyId {}
impl sealed::Sealed for Node {}

impl By for Cpu {
    const INDEX: IndexBy = IndexBy::Cpu;
}

impl By for ConcurrencyId {
    const INDEX: IndexBy = IndexBy::ConcurrencyId;
}

impl By for Node {
    const INDEX: IndexBy = IndexBy::Node;
}

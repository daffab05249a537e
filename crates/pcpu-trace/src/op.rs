// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations: what a trace asks of an allocator, one per line of the trace language.
//!
//! Printing an [`Op`] gives its line; reading that line gives the `Op` back. An operation
//! is a *request*: zero, enormous and odd sizes are allowed here, because refusing them is
//! the allocator's answer and not the trace's mistake.

use std::fmt;

/// Names an allocation from its `a` to its `f`; free to be used again afterwards.
///
/// Traces made from kernel text use the smallest numbers that will do, so that a replayer
/// can keep its areas in an array.
pub type Id = u64;

/// One thing a trace asks of an allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Allocate: `a ID SIZE ALIGN [atomic] [reserved]`.
    Alloc(Alloc),
    /// Free what this ID names: `f ID`.
    Free(Id),
    /// Run the balance work until none is queued: `b`.
    Balance,
}

/// A request for one area on every possible CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alloc {
    /// What the result is called until it is freed.
    pub id: Id,
    /// Bytes per CPU, any number.
    pub size: u64,
    /// Alignment in bytes, any number.
    pub align: u64,
    /// Whether the caller could wait.
    pub context: Context,
    /// Where the area was to come from.
    pub region: Region,
}

/// Whether the caller of an allocation could wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Context {
    /// New chunks and new pages are allowed.
    #[default]
    MaySleep,
    /// Only pages that are populated already will do; the word `atomic`.
    Atomic,
}

/// The region of the first chunk, or of any chunk, that an area comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Region {
    /// Any chunk's dynamic region.
    #[default]
    Dynamic,
    /// The reserved region (static per-CPU data of modules); the word `reserved`.
    Reserved,
}

/// What a trace holds next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Something to do.
    Op(Op),
    /// Text that user space wrote into a kernel trace (`tracing_mark_write`), such as
    /// `snapshot churn begin`. The trace language has none.
    Mark(String),
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Alloc(alloc) => alloc.fmt(f),
            Op::Free(id) => write!(f, "f {id}"),
            Op::Balance => write!(f, "b"),
        }
    }
}

impl fmt::Display for Alloc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} {} {}", self.id, self.size, self.align)?;
        if self.context == Context::Atomic {
            write!(f, " atomic")?;
        }
        if self.region == Region::Reserved {
            write!(f, " reserved")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_prints_as_its_line() {
        let plain = Alloc {
            id: 7,
            size: 20,
            align: 4,
            context: Context::MaySleep,
            region: Region::Dynamic,
        };
        let both =
            Alloc { context: Context::Atomic, region: Region::Reserved, size: u64::MAX, ..plain };
        assert_eq!(Op::Alloc(plain).to_string(), "a 7 20 4");
        assert_eq!(Op::Alloc(both).to_string(), "a 7 18446744073709551615 4 atomic reserved");
        assert_eq!(Op::Free(7).to_string(), "f 7");
        assert_eq!(Op::Balance.to_string(), "b");
    }
}

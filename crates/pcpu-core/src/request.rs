// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is asked for: size, alignment, and what the caller may and may not do meanwhile.

use core::alloc::Layout;

/// Whether the caller may sleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Context {
    /// It may: chunks can be made and pages backed.
    #[default]
    MaySleep,
    /// It may not: only memory that is backed already can serve.
    Atomic,
}

/// Which region of the first chunk, or of all chunks, is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Region {
    /// The dynamic region and all later chunks.
    #[default]
    Dynamic,
    /// The reserved region of the first chunk, without fall-back. Where a pool has none, the
    /// request is served as a dynamic one.
    Reserved,
}

/// Whether the observer hears of a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// Warnings, within the budget.
    #[default]
    Warn,
    /// Nothing but the event.
    Quiet,
}

/// One request.
///
/// # Units
/// `size` and `align` are bytes per CPU. Sizes are rounded up to the granule; alignments up to
/// the granule act as the granule. Any numbers may be put here: what no allocator could serve is
/// refused with a reason.
///
/// # Examples
/// ```
/// use core::alloc::Layout;
/// use pcpu_core::{Context, Request};
///
/// let request = Request::new(16, 8).context(Context::Atomic);
/// assert_eq!(Request::from(Layout::new::<u64>()), Request::new(8, 8));
/// # let _ = request;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    pub(crate) size: usize,
    pub(crate) align: usize,
    pub(crate) context: Context,
    pub(crate) region: Region,
    pub(crate) on_failure: OnFailure,
}

impl Request {
    /// Asks for `size` bytes at a multiple of `align`, from a caller that may sleep.
    pub const fn new(size: usize, align: usize) -> Self {
        Self {
            size,
            align,
            context: Context::MaySleep,
            region: Region::Dynamic,
            on_failure: OnFailure::Warn,
        }
    }

    /// Says whether the caller may sleep.
    #[must_use]
    pub const fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// Says which region is meant.
    #[must_use]
    pub const fn region(mut self, region: Region) -> Self {
        self.region = region;
        self
    }

    /// Says whether the observer hears of a failure.
    #[must_use]
    pub const fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }
}

impl From<Layout> for Request {
    fn from(layout: Layout) -> Self {
        Self::new(layout.size(), layout.align())
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs of pages: memory that is contiguous and can be used at once.
//!
//! The first chunk of every cell and all chunks of the km back end are made of runs. A run has
//! exactly as many pages as were asked for: nothing is rounded to a power of two, so nothing
//! is wasted (docs/decisions/0008-km-takes-exact-runs.md).

use core::fmt;

use pcpu_layout::{NodeId, PageCount};

use crate::Addr;

/// How hard the platform should try to find pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effort {
    /// For a caller that waits: reclaim, retry, sleep as usual.
    Normal,
    /// For the balance worker's spare pages: give up early, others need the memory more.
    Low,
}

/// The platform has no pages left for this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPages;

impl fmt::Display for NoPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the platform is out of pages")
    }
}

impl core::error::Error for NoPages {}

/// Contiguous, directly addressable runs of pages.
///
/// # Safety
/// - A run returned by [`take_run`](Self::take_run) is valid for reads and writes through the
///   same platform's [`Memory`](crate::Memory), in full, and belongs to the caller alone, until
///   [`give_run`](Self::give_run).
/// - Its start is a multiple of the page size and of the alignment asked for.
/// - [`page_size`](Self::page_size) never changes.
/// - No run ends at the last address.
/// - No method unwinds: a panic in the middle of a change would leave it half done, so it must end
///   the program.
#[allow(unsafe_code)]
pub unsafe trait Frames {
    /// Returns the page size in bytes, a power of two.
    fn page_size(&self) -> usize;

    /// Takes a run of `pages` pages whose start is a multiple of `align` bytes (a power of two,
    /// at least the page size), near `node` if one is named and has room. Its content is
    /// unspecified.
    ///
    /// # Context
    /// May sleep; called with the *pages* lock held or at set-up.
    ///
    /// # Errors
    /// [`NoPages`] when no such run can be had; nothing has been taken then.
    fn take_run(
        &self,
        pages: PageCount,
        align: usize,
        node: Option<NodeId>,
        effort: Effort,
    ) -> Result<Addr, NoPages>;

    /// Gives back a run, or a run-shaped part of one.
    ///
    /// # Safety
    /// The pages were taken from this platform, were not given back since, and nothing uses
    /// them any more.
    unsafe fn give_run(&self, start: Addr, pages: PageCount);
}

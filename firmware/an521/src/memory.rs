// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the link script left memory for the allocator.

use scenario::Memory;

// Only the addresses of these mean anything; there is nothing to read at the ends.
unsafe extern "C" {
    static __rest_start: u8;
    static __rest_end: u8;
}

/// Returns `pages` bytes of the memory that no section uses, and `records` bytes behind them.
///
/// # Panics
/// If there is less.
pub fn for_allocator(pages: usize, records: usize) -> Memory {
    let start = (&raw const __rest_start).expose_provenance();
    let end = (&raw const __rest_end).addr();
    let (behind_pages, behind_records) = (start + pages, start + pages + records);
    assert!(behind_records <= end, "{pages} + {records} bytes wanted, {} are left", end - start);
    Memory { pages: start..behind_pages, records: behind_pages..behind_records }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the link script left memory for the allocator.

use core::ops::Range;

use scenario::Memory;

// Only the addresses of these mean anything; there is nothing to read at the ends.
unsafe extern "C" {
    static __pages_start: u8;
    static __pages_end: u8;
    static __records_start: u8;
    static __records_end: u8;
}

/// Returns the sections `.pages` and `.records`, in which nothing lies.
pub fn for_allocator() -> Memory {
    Memory {
        pages: span(&raw const __pages_start, &raw const __pages_end),
        records: span(&raw const __records_start, &raw const __records_end),
    }
}

fn span(start: *const u8, end: *const u8) -> Range<usize> {
    start.expose_provenance()..end.addr()
}

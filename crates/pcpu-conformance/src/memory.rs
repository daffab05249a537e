// SPDX-License-Identifier: MIT OR Apache-2.0
//! The promises of [`Memory`]: exactly the bytes named, and no other.

use pcpu_platform::{Frames, Memory};

use crate::{bytes, frames};

/// Checks the promises of [`Memory`], on three pages of a run.
///
/// # Panics
/// When one is not kept; the message says which.
pub fn memory<P: Frames + Memory>(platform: &P) {
    let page = platform.page_size();
    let len = 3 * page;
    let run = frames::take(platform, 3, page);

    // At the start, inside, across one border, across two, up to the end, all, nothing.
    let places = [
        (0, 1),
        (1, 15),
        (page - 1, 2),
        (page - 8, 16),
        (3, page),
        (page - 5, page + 10),
        (2 * page, page),
        (len - 1, 1),
        (0, len),
        (page, 0),
    ];
    for (at, nr) in places {
        bytes::fill(platform, run, len, 7);
        assert!(
            bytes::holds(platform, run, 0, len, 7),
            "Memory, write and read: what was written is read back"
        );
        // SAFETY: the bytes lie in the run, which is the suite's alone.
        unsafe { platform.zero(run.offset(at), nr) };
        assert!(
            bytes::is_zero(platform, run, at, at + nr),
            "Memory, zero: all bytes named are 0 afterwards ({nr} bytes from {at})"
        );
        let rest =
            bytes::holds(platform, run, 0, at, 7) && bytes::holds(platform, run, at + nr, len, 7);
        assert!(rest, "Memory, zero: no other byte changes ({nr} bytes from {at})");
    }

    for (at, nr) in places {
        // SAFETY: as above.
        unsafe { platform.zero(run, len) };
        bytes::fill(platform, run.offset(at), nr, 9);
        assert!(
            bytes::holds(platform, run.offset(at), 0, nr, 9),
            "Memory, write and read: what was written is read back ({nr} bytes at {at})"
        );
        let rest =
            bytes::is_zero(platform, run, 0, at) && bytes::is_zero(platform, run, at + nr, len);
        assert!(rest, "Memory, write: no other byte changes ({nr} bytes at {at})");
    }
    frames::give(platform, run, 3);
}

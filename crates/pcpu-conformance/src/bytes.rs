// SPDX-License-Identifier: MIT OR Apache-2.0
//! Patterns: filling memory so that a byte in the wrong place shows.
//!
//! A pattern depends on a seed and on the place, does not repeat at page distances, and is
//! written and compared through a small buffer, so that pages of 64 KiB need no memory here.

use pcpu_platform::{Addr, Memory};

/// Bytes written or read in one call.
const STEP: usize = 64;

/// Returns byte `i` of the pattern; never 0, so that zeroed memory never passes for it.
const fn pattern(seed: u8, i: usize) -> u8 {
    let mixed = i.wrapping_mul(31).wrapping_add(i >> 8).wrapping_add(seed as usize * 57);
    mixed as u8 | 1
}

/// Fills `len` bytes from `at` with the pattern of `seed`.
pub(crate) fn fill<P: Memory>(platform: &P, at: Addr, len: usize, seed: u8) {
    let mut buffer = [0; STEP];
    for start in (0..len).step_by(STEP) {
        let part = &mut buffer[..STEP.min(len - start)];
        for (i, byte) in part.iter_mut().enumerate() {
            *byte = pattern(seed, start + i);
        }
        // SAFETY: the callers pass memory that they took from the platform and have to
        // themselves; `part` ends at `len` or before.
        unsafe { platform.write(at.offset(start), part) };
    }
}

/// Says whether the bytes `[from, to)` of the memory that was filled from `at` are the pattern
/// still.
pub(crate) fn holds<P: Memory>(platform: &P, at: Addr, from: usize, to: usize, seed: u8) -> bool {
    all(platform, at, from, to, |i, byte| byte == pattern(seed, i))
}

/// Says whether the bytes `[from, to)` from `at` are 0.
pub(crate) fn is_zero<P: Memory>(platform: &P, at: Addr, from: usize, to: usize) -> bool {
    all(platform, at, from, to, |_, byte| byte == 0)
}

fn all<P: Memory>(
    platform: &P,
    at: Addr,
    from: usize,
    to: usize,
    is_right: impl Fn(usize, u8) -> bool,
) -> bool {
    let mut buffer = [0; STEP];
    (from..to).step_by(STEP).all(|start| {
        let part = &mut buffer[..STEP.min(to - start)];
        // SAFETY: as in `fill`, which has also initialised these bytes, or `zero` has.
        unsafe { platform.read(at.offset(start), part) };
        part.iter().enumerate().all(|(i, &byte)| is_right(start + i, byte))
    })
}

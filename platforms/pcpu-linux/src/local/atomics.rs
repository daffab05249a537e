// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same operations by atomic instructions: for a copy that is nobody's alone.
//!
//! Used where the number of the CPU may be stale by the time it is used, so that several threads
//! may be at one copy: in fallback mode, for strays, for nodes. Relaxed, as sequences are.
#![allow(unsafe_code)]
#![allow(clippy::useless_conversion, reason = "of one of four widths it is")]

use core::ptr;
use core::sync::atomic::Ordering::Relaxed;

use pcpu_platform::Word;
use portable_atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

/// Runs the same expression on an atomic of the width of `W`.
macro_rules! by_width {
    ($address:expr, |$atomic:ident, $bits:ident| $body:expr) => {{
        let address = $address;
        match size_of::<W>() {
            1 => by_width!(@ AtomicU8, u8, address, $atomic, $bits, $body),
            2 => by_width!(@ AtomicU16, u16, address, $atomic, $bits, $body),
            4 => by_width!(@ AtomicU32, u32, address, $atomic, $bits, $body),
            _ => by_width!(@ AtomicU64, u64, address, $atomic, $bits, $body),
        }
    }};
    (@ $type:ty, $bits_type:ty, $address:ident, $atomic:ident, $bits:ident, $body:expr) => {{
        // SAFETY: the caller's contract: an aligned word of this width, accessed atomically.
        let $atomic = unsafe { <$type>::from_ptr(ptr::with_exposed_provenance_mut($address)) };
        let $bits = |word: W| word.to_bits() as $bits_type;
        $body
    }};
}

/// Reads.
///
/// # Safety
/// Of all functions here: `address` is that of an aligned, initialised word as wide as `W`, whose
/// provenance is exposed; all access to it at the same time is atomic.
#[inline]
pub(super) unsafe fn load<W: Word>(address: usize) -> W {
    by_width!(address, |atomic, _bits| W::from_bits(u64::from(atomic.load(Relaxed))))
}

/// Writes.
///
/// # Safety
/// See [`load`].
#[inline]
pub(super) unsafe fn store<W: Word>(address: usize, value: W) {
    by_width!(address, |atomic, bits| atomic.store(bits(value), Relaxed));
}

/// Adds, and returns the sum.
///
/// # Safety
/// See [`load`].
#[inline]
pub(super) unsafe fn add<W: Word>(address: usize, value: W) -> W {
    let old = by_width!(address, |atomic, bits| {
        W::from_bits(u64::from(atomic.fetch_add(bits(value), Relaxed)))
    });
    old.wrapping_plus(value)
}

/// Clears the bits that `value` has not.
///
/// # Safety
/// See [`load`].
#[inline]
pub(super) unsafe fn and<W: Word>(address: usize, value: W) {
    by_width!(address, |atomic, bits| {
        atomic.fetch_and(bits(value), Relaxed);
    });
}

/// Sets the bits that `value` has.
///
/// # Safety
/// See [`load`].
#[inline]
pub(super) unsafe fn or<W: Word>(address: usize, value: W) {
    by_width!(address, |atomic, bits| {
        atomic.fetch_or(bits(value), Relaxed);
    });
}

/// Writes, and returns what was there.
///
/// # Safety
/// See [`load`].
#[inline]
pub(super) unsafe fn exchange<W: Word>(address: usize, value: W) -> W {
    by_width!(address, |atomic, bits| {
        W::from_bits(u64::from(atomic.swap(bits(value), Relaxed)))
    })
}

/// Writes if `expected` is there. Returns what was there: in `Ok` if it was written.
///
/// # Safety
/// See [`load`].
#[inline]
pub(super) unsafe fn compare_exchange<W: Word>(
    address: usize,
    expected: W,
    value: W,
) -> Result<W, W> {
    by_width!(address, |atomic, bits| {
        let seen = atomic.compare_exchange(bits(expected), bits(value), Relaxed, Relaxed);
        let word = |seen| W::from_bits(u64::from(seen));
        seen.map(word).map_err(word)
    })
}

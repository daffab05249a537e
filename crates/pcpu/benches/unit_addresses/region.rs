// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory for units at any distance, in pages of the usual size: pcpu asks for no huge ones.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::AtomicU64;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// Zeros, of which only those that are used cost memory.
pub struct Region {
    start: *mut u8,
    bytes: usize,
}

impl Region {
    /// Reserves so many bytes.
    pub fn new(bytes: usize) -> Self {
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: the system chooses addresses that nothing uses.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), bytes, protection, flags) };
        let start = start.expect("addresses");
        // SAFETY: of this mapping; changes no byte. Where there are no huge pages it is refused.
        let _ = unsafe { madvise(start, bytes, Advice::LinuxNoHugepage) };
        Self { start: start.cast(), bytes }
    }

    /// Words at equal distances, one in each unit. One look says that all are in bounds.
    #[inline]
    pub fn words(
        &self,
        first: usize,
        stride: usize,
        nr: usize,
    ) -> impl Iterator<Item = &AtomicU64> {
        assert!(stride.is_multiple_of(8), "{stride} bytes are no words");
        let _ = (self.word(first), self.word(first + stride * (nr - 1)));
        (0..nr).map(move |unit| {
            let word = self.start.wrapping_add(first + unit * stride).cast();
            // SAFETY: between two words that are in bounds, and aligned (above). The rest as in `word`.
            unsafe { &*word }
        })
    }

    /// The word so many bytes from the beginning.
    #[inline]
    pub fn word(&self, offset: usize) -> &AtomicU64 {
        let is_place = offset.is_multiple_of(8) && offset <= self.bytes - 8;
        assert!(is_place, "{offset} is no word's place");
        let word = self.start.wrapping_add(offset).cast();
        // SAFETY: in bounds and aligned, for a mapping begins with a page; zeros are a value, and it is
        // changed as an atomic only, or by sequences of this thread, while no reference is in use.
        unsafe { &*word }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: this mapping, all of it; references ended with the borrow.
        let _ = unsafe { munmap(self.start.cast(), self.bytes) };
    }
}

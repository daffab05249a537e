// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C library: its allocator as a peer, and what only it can be asked.
//!
//! Called directly, because the standard library's way to it would be measured with it.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::hint::black_box;
use std::ptr::NonNull;

/// A block of the C library's heap.
pub struct Block(NonNull<c_void>);

// SAFETY: a block may be freed by any thread.
unsafe impl Send for Block {}

impl Block {
    /// `malloc`.
    ///
    /// # Panics
    /// Without memory.
    #[inline]
    pub fn new(size: usize) -> Self {
        // SAFETY: any size may be asked for.
        Self::checked(unsafe { libc::malloc(size) })
    }

    /// `calloc`.
    ///
    /// # Panics
    /// Without memory.
    #[inline]
    pub fn zeroed(nr: usize, size: usize) -> Self {
        // SAFETY: any size may be asked for.
        Self::checked(unsafe { libc::calloc(nr, size) })
    }

    /// `malloc`, and zeros written, so that the memory is there.
    ///
    /// # Panics
    /// Without memory.
    pub fn written(size: usize) -> Self {
        let block = Self::new(size);
        // SAFETY: in bounds; nobody else has the block.
        unsafe { block.0.as_ptr().cast::<u8>().write_bytes(0, size) };
        block
    }

    /// The same, at the start of a cache line, and as long as whole ones.
    ///
    /// # Panics
    /// Without memory.
    pub fn written_lines(nr: usize) -> Self {
        let size = nr * 64;
        // SAFETY: a power of two, and a multiple of it.
        let block = Self::checked(unsafe { libc::aligned_alloc(64, size) });
        // SAFETY: in bounds; nobody else has the block.
        unsafe { block.0.as_ptr().cast::<u8>().write_bytes(0, size) };
        block
    }

    #[inline]
    fn checked(pointer: *mut c_void) -> Self {
        // Else the compiler takes both calls away.
        Self(NonNull::new(black_box(pointer)).expect("memory"))
    }
}

impl Drop for Block {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: of this allocator, and freed once.
        unsafe { libc::free(self.0.as_ptr()) };
    }
}

/// The CPU that the thread was on a moment ago.
#[inline]
pub fn current_cpu() -> usize {
    // SAFETY: takes nothing and has no state.
    (unsafe { libc::sched_getcpu() }) as usize
}

/// How often the calling thread was taken off its CPU though it wanted to go on.
pub fn involuntary_switches() -> libc::c_long {
    // SAFETY: a structure of integers, for which zeros are values.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: writes to the structure.
    let done = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    assert_eq!(done, 0, "the thread's own usage can always be had");
    usage.ru_nivcsw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_taken_and_given_back_by_any_thread() {
        let blocks =
            [Block::new(16), Block::zeroed(2, 16), Block::written(40), Block::written_lines(2)];
        std::thread::spawn(move || drop(blocks)).join().unwrap();
    }

    #[test]
    fn switches_are_counted_upwards() {
        let before = involuntary_switches();
        assert!(before >= 0 && involuntary_switches() >= before);
        let _ = current_cpu();
    }
}

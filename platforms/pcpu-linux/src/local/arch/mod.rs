// SPDX-License-Identifier: MIT OR Apache-2.0
//! Restartable sequences, one file for each processor that has them here.
//!
//! ```text
//!  2:  store the address of descriptor 3 in the thread's area        arm
//!  4:  load the index, and from the table where that unit is    ─┐
//!      sum negative? leave: no copy there                        │   the range: whoever is
//!      loads, and stores to what nobody else can see             │   preempted, moved or
//!      ONE store to the copy                                     │   signalled here goes to 6
//!  5:                                                           ─┘   and from there to 2
//! ```
//!
//! Every sequence begins with the same lines, in the macro `range!` of its file, and ends in the
//! one store that commits it. Numeric labels, because a named one would be defined twice where a
//! function is inlined twice.
//!
//! # Why the table is read in the range
//! Whoever takes an entry out of the table and then fences knows that nobody works on that copy any
//! more, nor can begin to: that is how copies are drained, and how a copy that does not exist yet is
//! noticed without a test of its own. The entry of a copy that is not there is 0, and adding the
//! address of the area, whose top bit is set, is negative; that of a copy that is there clears the
//! bit. The numbers -1 and -2, by which the kernel and libc say that a thread is not registered, are
//! entries like these, and always 0.
//!
//! # What `Sequences` does not say
//! Sequences are atomic against threads on the same CPU and against signal handlers of the same
//! thread. Against other CPUs they are plain loads and stores, relaxed.
#![allow(unsafe_code)]
#![cfg_attr(not(sequences), allow(dead_code))]

#[cfg(all(sequences, target_arch = "aarch64"))]
mod aarch64;
#[cfg(not(sequences))]
mod none;
#[cfg(all(sequences, target_arch = "riscv64"))]
mod riscv64;
#[cfg(all(sequences, target_arch = "x86_64"))]
mod x86_64;

#[cfg(all(sequences, target_arch = "aarch64"))]
pub(super) use aarch64::Native;
#[cfg(not(sequences))]
pub(super) use none::Native;
#[cfg(all(sequences, target_arch = "riscv64"))]
pub(super) use riscv64::Native;
#[cfg(all(sequences, target_arch = "x86_64"))]
pub(super) use x86_64::Native;

use core::sync::atomic::AtomicUsize;

use pcpu_platform::Word;

/// What a sequence is about: where the thread's area is, and where the copies are.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// Distance of the thread's area from its thread pointer.
    pub(super) area: isize,
    /// Entry 0 of the table of units.
    pub(super) table: *const AtomicUsize,
    /// Address of the area in the unit at offset 0, with the top bit set.
    pub(super) biased: usize,
}

/// The index in the thread's area that a sequence goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// `cpu_id`.
    Cpu,
    /// `mm_cid`, where `cpu_id` says that the thread is registered.
    ConcurrencyId,
}

/// No copy for the running thread's index, or no index: nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Absent;

/// What ended a spin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spun {
    /// The kernel sent it to its abort handler.
    Aborted,
    /// The word was as expected in the range, then changed, and the range was not aborted.
    Changed,
    /// As many rounds as allowed, or the word had changed already.
    Tired,
}

/// The sequences that a processor must have. Widths are in bytes: 1, 2, 4 or 8; values are in the
/// low bits.
///
/// # Safety
/// Of every method: the process is in a mode that uses sequences; `at.area` leads, in the calling
/// thread, to an area that is registered with the kernel or says of itself that it is not; the
/// table has entries for every index the kernel may give, from -2 on; and wherever an entry leads
/// with `at.biased`, there is a word of that width (or what the method says), aligned, which nobody
/// changes but sequences of the same index and those that exclude them.
///
/// Of the implementer: each range has one store to what others can see, its last instruction.
pub(super) unsafe trait Sequences {
    /// The word before every abort handler, as libc registers it.
    const SIGNATURE: u32;

    /// Returns the thread pointer.
    fn thread_pointer() -> usize;

    /// Reads.
    unsafe fn load<W: Word>(field: Field, at: At) -> Result<u64, Absent>;
    /// Writes.
    unsafe fn store<W: Word>(field: Field, at: At, value: u64) -> Result<(), Absent>;
    /// Adds, wrapping.
    unsafe fn add<W: Word>(field: Field, at: At, value: u64) -> Result<(), Absent>;
    /// Clears the bits that `value` has not.
    unsafe fn and<W: Word>(field: Field, at: At, value: u64) -> Result<(), Absent>;
    /// Sets the bits that `value` has.
    unsafe fn or<W: Word>(field: Field, at: At, value: u64) -> Result<(), Absent>;
    /// Adds, and returns the sum; bits above the width are not meant.
    unsafe fn add_return<W: Word>(field: Field, at: At, value: u64) -> Result<u64, Absent>;
    /// Writes, and returns what was there.
    unsafe fn exchange<W: Word>(field: Field, at: At, value: u64) -> Result<u64, Absent>;
    /// Writes if `expected` is there, zeros above its width; returns what was there.
    unsafe fn compare_exchange<W: Word>(
        field: Field,
        at: At,
        expected: u64,
        value: u64,
    ) -> Result<u64, Absent>;

    /// Puts a node before the first of a list. The copy is a pointer; `link` is where in `node`
    /// the pointer to the next one is, which nobody else reads meanwhile.
    unsafe fn push(field: Field, at: At, node: usize, link: usize) -> Result<(), Absent>;
    /// Takes the first node off a list, or 0. Every node that was ever on it stays readable at
    /// `link`.
    unsafe fn pop(field: Field, at: At, link: usize) -> Result<usize, Absent>;

    /// Puts a word on a stack of `limit` words: the copy is the number of words, then the words.
    /// Returns how many there were before: nothing was done if that is `limit`.
    unsafe fn stack_push(field: Field, at: At, limit: usize, value: usize)
    -> Result<usize, Absent>;
    /// Takes the last word off, and returns it with the number of words before; none was there if
    /// that is 0.
    unsafe fn stack_pop(field: Field, at: At) -> Result<(usize, usize), Absent>;
    /// Puts `words` on, all or none. Returns how many there were before: nothing was done if
    /// `words` do not fit above that.
    unsafe fn stack_append(
        field: Field,
        at: At,
        limit: usize,
        words: &[usize],
    ) -> Result<usize, Absent>;

    /// Reads a word in a range until it is not what it was at the beginning of the range, or `rounds`
    /// are over, and does not come back to the range when the kernel aborts it. `at.table` and
    /// `at.biased` are not looked at.
    unsafe fn spin(at: At, word: *const usize, rounds: usize) -> Spun;
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations on the running CPU's own copy.
//!
//! A per-CPU counter needs no atomic instruction, only the certainty that between reading and
//! writing nobody else on this CPU gets in and the code does not move to another CPU. How that
//! is had differs: interrupts off, preemption off, one instruction, a restartable sequence. A
//! platform provides [`pinned`](ThisCpu::pinned), and the operations, which behave as if pinned.

use pcpu_layout::CpuId;

use crate::{Addr, Cpus, Memory};

mod sealed {
    pub trait Sealed {}
}

/// A scalar that `this_cpu` operations work on: unsigned, 8 to 64 bits, or pointer-sized. Sealed.
pub trait Word: sealed::Sealed + Copy + Default + PartialEq {
    /// Returns the sum, wrapping.
    #[must_use]
    fn wrapping_plus(self, other: Self) -> Self;
    /// Lends the value's bytes, in memory order, to `body`, and returns the value they hold then.
    #[must_use]
    fn through_bytes(self, body: impl FnOnce(&mut [u8])) -> Self;
    /// Returns the value in the low bits of a wide word, zeros above.
    #[must_use]
    fn to_bits(self) -> u64;
    /// Returns the value that the low bits of a wide word are.
    #[must_use]
    fn from_bits(bits: u64) -> Self;
}

macro_rules! word {
    ($($t:ty),*) => {$(
        impl sealed::Sealed for $t {}
        impl Word for $t {
            #[inline]
            fn wrapping_plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline]
            fn through_bytes(self, body: impl FnOnce(&mut [u8])) -> Self {
                let mut bytes = self.to_ne_bytes();
                body(&mut bytes);
                Self::from_ne_bytes(bytes)
            }
            #[inline]
            fn to_bits(self) -> u64 {
                self as u64
            }
            #[inline]
            fn from_bits(bits: u64) -> Self {
                bits as $t
            }
        }
    )*};
}
word!(u8, u16, u32, u64, usize);

/// Access to the running CPU's copy, safe against interrupts and migration on this CPU. None of
/// it is atomic against other CPUs.
///
/// `copy_of` locates the word for a CPU; it is called with the running one.
///
/// # Safety
/// While the body of [`pinned`](Self::pinned) runs, the code stays on the CPU named to it, and no
/// other code that goes through this trait runs on that CPU; what the body itself calls may pin
/// again, and stays there. Called from code that nothing can hold off, an NMI handler say, which
/// may have interrupted a body, the methods panic before they touch anything. The operations
/// behave as if pinned.
#[allow(unsafe_code)]
pub unsafe trait ThisCpu: Cpus + Memory {
    /// Runs `body` where it can neither move to another CPU nor be interrupted by another
    /// `this_cpu` operation. If `body` unwinds, so does this, and the CPU is as it was before.
    ///
    /// # Panics
    /// In a handler that cannot be masked, where the platform has such.
    fn pinned<R>(&self, body: impl FnOnce(CpuId) -> R) -> R;

    /// Reads the running CPU's word.
    ///
    /// # Safety
    /// For every possible CPU `copy_of` returns the address of a valid, aligned word of type `W`
    /// that nobody accesses at the same time, except through this trait on its own CPU.
    unsafe fn load<W: Word>(&self, copy_of: impl Fn(CpuId) -> Addr) -> W;

    /// Adds to the running CPU's word, wrapping, and returns the new value.
    ///
    /// # Safety
    /// As for [`load`](Self::load).
    unsafe fn add_return<W: Word>(&self, copy_of: impl Fn(CpuId) -> Addr, value: W) -> W;

    /// Replaces the running CPU's word and returns the old value.
    ///
    /// # Safety
    /// As for [`load`](Self::load).
    unsafe fn exchange<W: Word>(&self, copy_of: impl Fn(CpuId) -> Addr, value: W) -> W;

    /// Replaces the running CPU's word where it is `expected`. Returns what it was: in `Ok` when
    /// it was replaced.
    ///
    /// # Errors
    /// The word's value, when it is not `expected`; it is unchanged then.
    ///
    /// # Safety
    /// As for [`load`](Self::load).
    unsafe fn compare_exchange<W: Word>(
        &self,
        copy_of: impl Fn(CpuId) -> Addr,
        expected: W,
        value: W,
    ) -> Result<W, W>;
}

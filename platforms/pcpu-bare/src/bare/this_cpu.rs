// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations on the running CPU's copy: interrupts masked, then plain loads and stores.

use core::ptr;

use pcpu_layout::CpuId;
use pcpu_platform::{Addr, ThisCpu, Word};

use super::Bare;
use crate::Board;
use crate::nest::Masked;

// SAFETY: while interrupts are masked nothing else runs on the CPU and its code stays there, but for
// handlers that cannot be masked, in which `Masked::new` panics before anything is touched. They stay
// masked to the end of the body, whatever guards it drops (N2 of `nest`). The operations run
// inside `pinned`.
unsafe impl<B: Board, W, C> ThisCpu for Bare<B, W, C> {
    #[inline]
    fn pinned<R>(&self, body: impl FnOnce(CpuId) -> R) -> R {
        let masked = Masked::<B>::new();
        body(masked.cpu())
    }

    #[inline]
    unsafe fn load<T: Word>(&self, copy_of: impl Fn(CpuId) -> Addr) -> T {
        self.pinned(|cpu| {
            // SAFETY: the address of this CPU's word, valid by the caller's word and ours while pinned.
            unsafe { word::<T>(copy_of(cpu)).read() }
        })
    }

    #[inline]
    unsafe fn add_return<T: Word>(&self, copy_of: impl Fn(CpuId) -> Addr, value: T) -> T {
        self.pinned(|cpu| {
            let word = word::<T>(copy_of(cpu));
            // SAFETY: as in `load`.
            let sum = unsafe { word.read() }.wrapping_plus(value);
            // SAFETY: as in `load`.
            unsafe { word.write(sum) };
            sum
        })
    }

    #[inline]
    unsafe fn exchange<T: Word>(&self, copy_of: impl Fn(CpuId) -> Addr, value: T) -> T {
        self.pinned(|cpu| {
            // SAFETY: as in `load`.
            unsafe { word::<T>(copy_of(cpu)).replace(value) }
        })
    }

    #[inline]
    unsafe fn compare_exchange<T: Word>(
        &self,
        copy_of: impl Fn(CpuId) -> Addr,
        expected: T,
        value: T,
    ) -> Result<T, T> {
        self.pinned(|cpu| {
            let word = word::<T>(copy_of(cpu));
            // SAFETY: as in `load`.
            let old = unsafe { word.read() };
            if old != expected {
                return Err(old);
            }
            // SAFETY: as in `load`.
            unsafe { word.write(value) };
            Ok(old)
        })
    }
}

#[inline]
fn word<T>(at: Addr) -> *mut T {
    ptr::with_exposed_provenance_mut(at.get())
}

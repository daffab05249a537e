// SPDX-License-Identifier: MIT OR Apache-2.0
//! A lock that interrupt handlers may take, because nobody is interrupted while holding it.

use core::fmt;
use core::marker::PhantomData;

use lock_api::{GuardNoSend, RawMutex};

use super::Spin;
use crate::Board;
use crate::nest::{enter, leave};

/// A lock that keeps interrupts masked on the CPU that holds it.
///
/// # Order
/// Guards may be dropped in any order, inside or outside of bodies of
/// [`pinned`](pcpu_platform::ThisCpu::pinned): interrupts come back when the last lock and the
/// last body of the CPU have gone. A guard that is leaked leaves them masked for good.
///
/// Sections that mask interrupts on their own (`critical_section::with` where it does, a board's own
/// code) are not counted, so guards and they must nest:
///
/// - A guard taken in such a section is dropped in it. Kept longer, it is held with interrupts on once
///   the section has ended, and a handler that wants the lock waits for good; dropping it then
///   puts back what it found, and may leave interrupts masked for good.
/// - A guard taken outside is not dropped in one. If it is the last, interrupts are on from there, in
///   the middle of the section.
///
/// # Panics
/// Taking it panics in a handler that cannot be masked.
pub struct Masking<B: Board> {
    inner: Spin,
    board: PhantomData<fn() -> B>,
}

// SAFETY: exclusion is that of the inner lock, which is held from each successful `lock` and
// `try_lock` to the matching `unlock`.
unsafe impl<B: Board> RawMutex for Masking<B> {
    #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants a constant")]
    const INIT: Self = Self { inner: Spin::INIT, board: PhantomData };

    type GuardMarker = GuardNoSend;

    #[inline]
    fn lock(&self) {
        // Before waiting: a handler that came between having the lock and masking would wait for it.
        enter::<B>();
        self.inner.lock();
    }

    #[inline]
    fn try_lock(&self) -> bool {
        let block = enter::<B>();
        let locked = self.inner.try_lock();
        if !locked {
            // SAFETY: entered in this function, and there is no lock that relies on it.
            unsafe { leave::<B>(block) };
        }
        locked
    }

    #[inline]
    unsafe fn unlock(&self) {
        // SAFETY: the caller holds the lock.
        unsafe { self.inner.unlock() };
        // SAFETY: guards stay on their CPU, so this one entered when it took the lock, and its block
        // is the same; the lock that relied on it is given up.
        unsafe { leave::<B>(B::block()) };
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.inner.is_locked()
    }
}

impl<B: Board> fmt::Debug for Masking<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Masking").field(&self.inner.is_locked()).finish()
    }
}

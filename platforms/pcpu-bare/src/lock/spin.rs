// SPDX-License-Identifier: MIT OR Apache-2.0
//! A lock that leaves interrupts alone.

use ::spin::mutex::SpinMutex;
use lock_api::{GuardNoSend, RawMutex};

/// A lock that is waited for by spinning, with interrupts as they are.
///
/// # Context
/// Not for interrupt handlers: one that waits for a lock which the code below it holds waits for
/// good.
#[derive(Debug)]
pub struct Spin(SpinMutex<()>);

// SAFETY: exclusion is that of the inner lock, which every function forwards to exactly once.
unsafe impl RawMutex for Spin {
    #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants a constant")]
    const INIT: Self = Self(SpinMutex::new(()));

    type GuardMarker = GuardNoSend;

    #[inline]
    fn lock(&self) {
        RawMutex::lock(&self.0);
    }

    #[inline]
    fn try_lock(&self) -> bool {
        RawMutex::try_lock(&self.0)
    }

    #[inline]
    unsafe fn unlock(&self) {
        // SAFETY: the caller holds this lock, which means the inner one.
        unsafe { RawMutex::unlock(&self.0) };
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}

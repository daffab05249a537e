// SPDX-License-Identifier: MIT OR Apache-2.0
//! A lock over the `critical-section` crate, whose sections hold off every CPU and handler.

use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;

use critical_section::RestoreState;
use lock_api::{GuardNoSend, RawMutex};
use portable_atomic::{AtomicBool, Ordering};

/// A lock that is held by staying in a critical section.
///
/// A section may be entered again by the CPU that is in it. So the lock remembers on its own
/// whether it is held, and who finds it held inside a section holds it himself.
///
/// # Order
/// Sections nest, so locks of this kind are released in reverse order of taking them.
///
/// # Panics
/// Taking it panics when this CPU has it already.
pub struct Critical {
    /// Written inside a section only.
    held: AtomicBool,
    /// What leaving the section needs; set while the lock is held.
    state: UnsafeCell<MaybeUninit<RestoreState>>,
}

// SAFETY: `state` is touched only inside a critical section, which one CPU is in at a time.
unsafe impl Send for Critical {}
// SAFETY: as above.
unsafe impl Sync for Critical {}

// SAFETY: the lock is had only inside a critical section that lasts until `unlock`, and not twice,
// because `held` is set then.
unsafe impl RawMutex for Critical {
    #[allow(clippy::declare_interior_mutable_const, reason = "the trait wants a constant")]
    const INIT: Self =
        Self { held: AtomicBool::new(false), state: UnsafeCell::new(MaybeUninit::uninit()) };

    type GuardMarker = GuardNoSend;

    fn lock(&self) {
        assert!(self.try_lock(), "a lock was taken by the CPU that holds it");
    }

    fn try_lock(&self) -> bool {
        // SAFETY: released below or by `unlock`, in reverse order by what the type asks for.
        let state = unsafe { critical_section::acquire() };
        if self.held.load(Ordering::Relaxed) {
            // SAFETY: acquired in this function.
            unsafe { critical_section::release(state) };
            return false;
        }
        self.held.store(true, Ordering::Relaxed);
        // SAFETY: in the section, and the lock was free, so nobody else touches the field.
        unsafe { (*self.state.get()).write(state) };
        true
    }

    unsafe fn unlock(&self) {
        // SAFETY: the caller holds the lock, so taking it has set the field, and it is ours.
        let state = unsafe { self.state.get().cast::<RestoreState>().read() };
        self.held.store(false, Ordering::Relaxed);
        // SAFETY: acquired when the lock was taken; sections entered since have been left.
        unsafe { critical_section::release(state) };
    }

    fn is_locked(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Critical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Critical").field(&self.is_locked()).finish()
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `fork` means: a child has all copies as they were, and one thread.
//!
//! Two things must not be caught half done. The pools' own work, because the child's pools would be
//! broken: a fork waits until no thread is at it. And work on copies under their locks, which is the
//! program's and cannot be waited for: in the child, the copies of a CPU whose lock was held by a
//! thread that is gone are *lost*. Nobody is given them there, nobody drops them, and those who come to
//! that CPU's copies by `with` get another CPU's.
//!
//! ```text
//!   prepare   wait for pools' work to end, and keep others from beginning
//!   parent    let them begin
//!   child     mark lost copies; let it begin
//! ```
//!
//! Operations on scalars need none of this: a sequence is done or not.
#![allow(unsafe_code)]

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::vec::Vec;

use super::home::Home;
use super::inside::Inside;

/// Read by who works on a pool, written by who forks. The standard library's, which on Linux has no
/// state beside itself that a child could find in a mess.
static WORK: RwLock<()> = RwLock::new(());

/// The pools. Changed by who works on a pool, so at rest while somebody forks.
static HOMES: Mutex<Vec<Weak<Home>>> = Mutex::new(Vec::new());

/// Keeps forks away.
pub(super) type AtWork = RwLockReadGuard<'static, ()>;

/// Waits for a fork to be over, and keeps the next one waiting.
pub(super) fn work() -> AtWork {
    WORK.read().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a new pool.
pub(super) fn enter(home: &Arc<Home>) {
    #[cfg(all(unix, not(miri)))]
    handlers::install();
    let _inside = Inside::enter();
    let mut homes = HOMES.lock().unwrap_or_else(PoisonError::into_inner);
    homes.retain(|home| home.strong_count() != 0);
    homes.push(Arc::downgrade(home));
}

/// What the C library calls before and after a fork.
#[cfg(all(unix, not(miri)))]
mod handlers {
    use core::cell::UnsafeCell;
    use std::sync::{Once, PoisonError, RwLockWriteGuard, Weak};

    use super::{HOMES, Inside, WORK};

    /// Once for the process.
    pub(super) fn install() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: the handlers are part of this object; the C library forgets them with it.
            // Without them (no memory) a fork works as well as in any program with locks.
            let _ = unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
        });
    }

    /// What a forking thread holds from `prepare` on.
    struct Fork(UnsafeCell<Option<RwLockWriteGuard<'static, ()>>>);

    // SAFETY: touched only by who has `WORK` for writing: by `prepare` after it was taken, by `parent`
    // before it is given up. A fork that did not take it, from inside of a pool's work, is inside
    // still when `parent` or `child` is called, and touches nothing.
    unsafe impl Sync for Fork {}

    static FORK: Fork = Fork(UnsafeCell::new(None));

    extern "C" fn prepare() {
        // A handler that has interrupted a pool's work and forks: waiting would be for ever.
        if Inside::is_entered() {
            return;
        }
        let guard = WORK.write().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: see `Fork`.
        unsafe { *FORK.0.get() = Some(guard) };
    }

    extern "C" fn parent() {
        if Inside::is_entered() {
            return;
        }
        // SAFETY: see `Fork`.
        drop(unsafe { (*FORK.0.get()).take() });
    }

    extern "C" fn child() {
        if let Ok(homes) = HOMES.try_lock() {
            homes.iter().filter_map(Weak::upgrade).for_each(|home| home.mark_lost());
        }
        parent();
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The promises of the two locks: free when made, exclusive while held, free again afterwards.

use lock_api::RawMutex;
use pcpu_platform::Platform;

/// Checks both locks of a platform, each alone and the index lock inside the pages lock.
///
/// # Panics
/// When a promise is not kept; the message says which.
pub fn locks<P: Platform>(platform: &P) {
    let _ = platform;
    let pages = P::PagesLock::INIT;
    let index = P::IndexLock::INIT;
    excludes(&pages, "PagesLock");
    excludes(&index, "IndexLock");

    pages.lock();
    excludes(&index, "IndexLock, inside PagesLock");
    // SAFETY: locked two lines above, by this thread.
    unsafe { pages.unlock() };
    excludes(&pages, "PagesLock");
}

fn excludes<L: RawMutex>(lock: &L, name: &str) {
    assert!(!lock.is_locked(), "{name}: it is free when nobody holds it");
    lock.lock();
    assert!(lock.is_locked(), "{name}, lock: it is held afterwards");
    assert!(!lock.try_lock(), "{name}, try_lock: nobody gets a lock that is held");
    // SAFETY: locked above, by this thread; `try_lock` failed, so it is held once.
    unsafe { lock.unlock() };
    assert!(!lock.is_locked(), "{name}, unlock: it is free afterwards");
    assert!(lock.try_lock(), "{name}, try_lock: a free lock can be had");
    assert!(lock.is_locked(), "{name}, try_lock: it is held afterwards");
    // SAFETY: locked by the `try_lock` above.
    unsafe { lock.unlock() };
}

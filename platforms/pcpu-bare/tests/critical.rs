// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lock over critical sections, with the sections that the `critical-section` crate has for
//! programs with threads. One test, because a section that a failed test leaves open holds off all others.

use lock_api::{Mutex, RawMutex};
use pcpu_bare::lock::Critical;

#[test]
fn it_excludes_other_threads_and_is_not_had_twice_although_sections_nest() {
    other_threads_are_excluded();
    nobody_has_it_twice();
}

fn other_threads_are_excluded() {
    static COUNT: Mutex<Critical, u64> = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let mut count = COUNT.lock();
                    let before = *count;
                    std::hint::spin_loop();
                    *count = before + 1;
                }
            });
        }
    });
    assert_eq!(*COUNT.lock(), 6000);
}

fn nobody_has_it_twice() {
    static LOCK: Critical = Critical::INIT;
    static OTHER: Critical = Critical::INIT;
    LOCK.lock();
    assert!(LOCK.is_locked());
    assert!(!LOCK.try_lock());
    OTHER.lock();
    // SAFETY: locked above.
    unsafe { OTHER.unlock() };
    let again = std::panic::catch_unwind(|| LOCK.lock());
    assert!(again.is_err(), "waiting for oneself would never end");
    // SAFETY: locked above, once.
    unsafe { LOCK.unlock() };
    assert!(!LOCK.is_locked());
    assert!(LOCK.try_lock());
    // SAFETY: locked in the line above.
    unsafe { LOCK.unlock() };
}

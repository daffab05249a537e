// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the calling thread is in the middle of: which copies it has locked, which it constructs.
//!
//! Each is a link on the thread's stack that knows the one before; the thread knows the last one. So
//! nothing is allocated, and nothing has to be destroyed: code that runs while the thread ends, or in a
//! signal handler, finds what is true at that moment.
//!
//! ```text
//!   TOP ──► (locked, pool 1, CPU 0) ──► (constructs, value 7, CPU 0) ──► ...      newest first
//! ```
#![allow(unsafe_code)]

use core::cell::Cell;
use core::ptr;

use pcpu_linux::local::Index;

std::thread_local! {
    static TOP: Cell<*const Link> = const { Cell::new(ptr::null()) };
}

/// One thing that the thread is in the middle of.
struct Link {
    /// Address of whatever it is about.
    key: usize,
    index: Index,
    before: *const Link,
}

/// Runs `body` while the thread is in the middle of what `key` stands for, at the copy of `index`.
pub(super) fn within<R>(key: usize, index: Index, body: impl FnOnce() -> R) -> R {
    /// Goes back when dropped, after a panic too.
    struct Back(*const Link);
    impl Drop for Back {
        fn drop(&mut self) {
            TOP.set(self.0);
        }
    }

    let link = Link { key, index, before: TOP.get() };
    let _back = Back(link.before);
    TOP.set(&raw const link);
    body()
}

/// Returns the copy at which the thread is in the middle of what `key` stands for: the last one, if
/// there are two.
pub(super) fn at(key: usize) -> Option<Index> {
    links().find(|link| link.key == key).map(|link| link.index)
}

/// Says whether the thread is in the middle of it at that copy.
pub(super) fn is_at(key: usize, index: Index) -> bool {
    links().any(|link| link.key == key && link.index == index)
}

fn links() -> impl Iterator<Item = &'static Link> {
    let mut next = TOP.get();
    core::iter::from_fn(move || {
        // SAFETY: null, or a link in a frame of `within` of this thread that has not returned, which
        // is below this one on the stack. The references do not leave this module, whose functions
        // use them up before they return.
        let link = unsafe { next.as_ref() }?;
        next = link.before;
        Some(link)
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_thread_knows_what_it_is_in_the_middle_of_and_nothing_else() {
        let (zero, one) = (Index::new(0), Index::new(1));
        assert_eq!(at(1), None);
        within(1, zero, || {
            within(2, one, || {
                within(1, one, || assert_eq!((at(1), at(2)), (Some(one), Some(one))));
                assert_eq!((at(1), at(3)), (Some(zero), None));
                assert!(is_at(2, one) && !is_at(2, zero));
                std::thread::scope(|scope| {
                    scope.spawn(|| assert_eq!(at(1), None));
                });
            });
            let body = || within(3, one, || panic!("in the middle"));
            assert!(catch_unwind(AssertUnwindSafe(body)).is_err());
            assert_eq!((at(3), at(1)), (None, Some(zero)));
        });
        assert_eq!(at(1), None);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Statics are for crates that forbid unsafe code, too, and need no name to be in scope.
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, missing_debug_implementations)]

/// Two of them, one of them not for all to see.
pub mod counters {
    ::pcpu::statics! {
        /// Documented.
        pub static PUBLIC: ::core::cell::Cell<u8> = ::core::cell::Cell::new(VALUE);
        pub(crate) static INSIDE: [u8; TEMPLATE] = [TEMPLATE as u8; TEMPLATE];
    }

    /// Names of the macro's own do not meet names of its user.
    const VALUE: u8 = 1;
    const TEMPLATE: usize = 2;
}

fn main() {
    let pool = ::pcpu::default::pcpu(&::core::default::Default::default());
    let pool = ::core::result::Result::unwrap(pool);
    let sum = pool.pinned(|here| counters::PUBLIC.get(here).get() + counters::INSIDE.get(here)[1]);
    ::core::assert_eq!(sum, 3);
}

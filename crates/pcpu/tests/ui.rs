// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must not compile, and that the compiler's message helps. Each case says which hole it is.
#![cfg(all(target_os = "linux", not(miri)))]

#[test]
fn what_would_be_unsound_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    cases.pass("tests/ui/pass/*.rs");
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hands the link script to the linker.

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("Cargo sets it");
    println!("cargo:rustc-link-arg-bins=-T{here}/link.x");
    println!("cargo:rerun-if-changed=link.x");
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hands the linker this board's script, so that a plain `cargo build` makes a bootable image.

use std::env;

fn main() {
    let package = env::var("CARGO_MANIFEST_DIR").expect("Cargo sets CARGO_MANIFEST_DIR");
    println!("cargo:rustc-link-search={package}/../../crates/pcpu/link");
    println!("cargo:rustc-link-arg-bins=-T{package}/link.x");
    println!("cargo:rerun-if-changed=link.x");
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gives the linker this board's memory map.

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo names the package's folder");
    println!("cargo:rustc-link-search={folder}/../../crates/pcpu/link");
    println!("cargo:rustc-link-arg=-T{folder}/link.x");
    println!("cargo:rerun-if-changed=link.x");
    println!("cargo:rerun-if-changed=build.rs");
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hands the linker this board's script, so that a plain `cargo build` makes a bootable image, and
//! says how much of the board's memory the image may use.

use std::path::Path;
use std::{env, fs};

/// Code memory, RAM, and the page size that decides where the rest begins.
const ROOMY: &str = "MEMORY {
    CODE : ORIGIN = 0x10000000, LENGTH = 4M
    RAM  : ORIGIN = 0x38000000, LENGTH = 4M
}
PAGE = 4K;
";

/// As much RAM as a small microcontroller has in all.
const TINY: &str = "MEMORY {
    CODE : ORIGIN = 0x10000000, LENGTH = 4M
    RAM  : ORIGIN = 0x38000000, LENGTH = 16K
}
PAGE = 256;
";

fn main() {
    let package = env::var("CARGO_MANIFEST_DIR").expect("Cargo sets CARGO_MANIFEST_DIR");
    let out = env::var("OUT_DIR").expect("Cargo sets OUT_DIR");
    let memory = if env::var_os("CARGO_FEATURE_TINY").is_some() { TINY } else { ROOMY };
    fs::write(Path::new(&out).join("memory.x"), memory).expect("OUT_DIR can be written");
    println!("cargo:rustc-link-search={out}");
    println!("cargo:rustc-link-search={package}/../../crates/pcpu/link");
    println!("cargo:rustc-link-arg-bins=-T{package}/link.x");
    println!("cargo:rerun-if-changed=link.x");
    println!("cargo:rerun-if-changed=build.rs");
}

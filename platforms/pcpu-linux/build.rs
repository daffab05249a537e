// SPDX-License-Identifier: MIT OR Apache-2.0
//! Says with one name, `cfg(sequences)`, where there are restartable sequences.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(sequences)");
    // For tests: delays inside sequences; a CPU number that stays 0; and none of all this.
    println!("cargo::rustc-check-cfg=cfg(pcpu_inject, pcpu_fixed_cpu, pcpu_no_rseq)");

    let target = |part: &str| env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    let processor = matches!(&*target("ARCH"), "x86_64" | "aarch64" | "riscv64");
    let little = target("ENDIAN") == "little" && target("POINTER_WIDTH") == "64";
    let is_set = |name: &str| env::var_os(format!("CARGO_CFG_{name}")).is_some();
    if target("OS") == "linux" && processor && little && !is_set("MIRI") && !is_set("PCPU_NO_RSEQ")
    {
        println!("cargo::rustc-cfg=sequences");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names the processor that `src/arch` is compiled for, `cfg(processor = "...")`, and says whether
//! it has a register for a CPU's base, `cfg(base_register)`.
//!
//! None inside an operating system, where a program may not mask interrupts. Arm's M profile is told
//! from A and R by the name of the target, `thumbv6m`, `thumbv7em`, `thumbv8m.main`: the compiler
//! knows it, but shows it on nightly alone (`target_feature = "mclass"`).

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(base_register)");
    println!(
        "cargo::rustc-check-cfg=cfg(processor, values(\"arm\", \"cortex_m\", \"aarch64\", \
         \"riscv\", \"x86_64\"))"
    );
    let variable = |name| std::env::var(name).unwrap_or_default();
    let (os, arch) = (variable("CARGO_CFG_TARGET_OS"), variable("CARGO_CFG_TARGET_ARCH"));
    let processor = match arch.as_str() {
        _ if os != "none" => return,
        "arm" if is_cortex_m(&variable("TARGET")) => "cortex_m",
        "arm" => "arm",
        "aarch64" => "aarch64",
        "riscv32" | "riscv64" => "riscv",
        "x86_64" => "x86_64",
        _ => return,
    };
    println!("cargo::rustc-cfg=processor=\"{processor}\"");
    if processor != "cortex_m" {
        println!("cargo::rustc-cfg=base_register");
    }
}

fn is_cortex_m(target: &str) -> bool {
    let architecture = target.split(['-', '.']).next().unwrap_or_default();
    architecture.starts_with("thumbv") && architecture.ends_with('m')
}

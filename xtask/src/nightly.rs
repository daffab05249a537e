// SPDX-License-Identifier: MIT OR Apache-2.0
//! The long forms of the stages: for a night, not for a patch.

use anstream::println;
use xshell::cmd;

use crate::cells;
use crate::report::{RED, RESET, YELLOW};
use crate::site::{Result, Site};
use crate::stages::{Stage, miri_with, stress_for};

/// All that `cargo xtask nightly` runs.
pub const ALL: &[Stage] = &[
    Stage { name: "cases", what: "properties with 20,000 cases each, optimised", run: cases },
    Stage { name: "sweep", what: "the boot trace on many shapes of machine", run: sweep },
    Stage { name: "stress", what: "sequences, disturbed for a second a combination", run: stress },
    Stage { name: "msrv", what: "the oldest supported Rust builds every crate", run: msrv },
    Stage { name: "seeds", what: "Miri with 16 schedules and layouts", run: seeds },
    Stage {
        name: "tsan",
        what: "no data race in values with copies, without sequences",
        run: tsan,
    },
    Stage { name: "fuzz", what: "bytes as traces and as operations", run: fuzz },
];

/// The oldest Rust that is promised; `rust-version` of the workspace says the same.
const MSRV: &str = "1.88";

/// Shapes of machine: arguments of `pcpu replay`. Each is to end with every cell verified.
const SHAPES: &[&str] = &[
    "--smp --cpus 2",
    "--smp --cpus 3",
    "--smp --cpus 5",
    "--smp --cpus 16",
    "--smp --cpus 64",
    "--smp --cpus 256",
    "--smp --mmu --cpus 8 --nodes 2",
    "--smp --mmu --cpus 24 --nodes 3",
    "--smp --mmu --cpus 4 --setup page",
    "--smp --cpus 4 --balance manual",
    "--smp --cpus 4 --reserved 0",
    "--smp --cpus 4 --static 300000",
    "--smp --cpus 4 --dyn 1M",
    "--smp --cpus 4 --max-area 256K",
    "--smp --cpus 4 --page-size 64K",
    "--platform sim",
    "--platform sim --smp --cpus 6 --page-size 16K",
    "--platform sim --smp --mmu --cpus 12 --nodes 4",
];

fn cases(site: &Site) -> Result {
    let test = cmd!(site.sh, "cargo test --release --workspace --exclude xtask --no-fail-fast");
    Ok(test.env("PROPTEST_CASES", "20000").run()?)
}

fn sweep(site: &Site) -> Result {
    let program = cells::build(site)?;
    let mut faults = Vec::new();
    for shape in SHAPES {
        match cells::replay(site, &program, shape.split(' ')) {
            Ok(replay) if replay.cells.iter().all(|cell| cell.verified) => {
                anstream::println!("verified: {shape}");
            }
            Ok(_) => faults.push(format!("{shape}: not verified")),
            Err(error) => faults.push(format!("{shape}: {error}")),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
}

fn msrv(site: &Site) -> Result {
    let toolchain = format!("+{MSRV}");
    Ok(cmd!(site.sh, "cargo {toolchain} check --workspace --all-targets").run()?)
}

fn stress(site: &Site) -> Result {
    stress_for(site, "long")
}

fn seeds(site: &Site) -> Result {
    miri_with(site, &["-Zmiri-many-seeds=0..16"])
}

/// ThreadSanitizer cannot see into a sequence, so the fallback runs, with the standard library built for it.
fn tsan(site: &Site) -> Result {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let test = cmd!(
        site.sh,
        "cargo +nightly test -Zbuild-std --target {target} --target-dir target/tsan -p pcpu --test per_cpu"
    );
    Ok(test.env("RUSTFLAGS", "-Zsanitizer=thread --cfg pcpu_no_rseq").run()?)
}

/// Programs of `fuzz/`, and how long each runs.
const FUZZ_TARGETS: &[&str] = &["trace", "ops"];
const FUZZ_SECONDS: &str = "300";

/// Set-up does not install cargo-fuzz: it is minutes of compiling, and only a night wants it.
fn fuzz(site: &Site) -> Result {
    let version = cmd!(site.sh, "cargo fuzz --version").quiet().ignore_stderr();
    if version.read().is_err() {
        println!("{RED}LEFT OUT{RESET} {YELLOW}fuzz{RESET}: cargo-fuzz is not installed");
        println!("  to include it: cargo install cargo-fuzz");
        return Ok(());
    }
    for target in FUZZ_TARGETS {
        let limit = format!("-max_total_time={FUZZ_SECONDS}");
        // Long inputs from the start: it takes many operations to get somewhere.
        let lengths = ["-len_control=0", "-max_len=4096"];
        cmd!(site.sh, "cargo +nightly fuzz run {target} -- {limit} {lengths...}").run()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_rust_is_the_one_that_the_workspace_promises() {
        assert_eq!(env!("CARGO_PKG_RUST_VERSION"), MSRV);
    }
}

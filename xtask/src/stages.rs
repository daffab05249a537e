// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stages of CI, in the order in which they run: quick ones first.
//!
//! Those that are one Cargo command are here; the others have a file of their own.

use anstream::println;
use xshell::cmd;

use crate::report::{RED, RESET, YELLOW};
use crate::site::{Result, Site};
use crate::{cells, doc_paths, firmware, instructions, layers, rseq_vm, symbols, unsafe_files};

/// One check that can be named and run alone.
pub struct Stage {
    /// What `--only` calls it.
    pub name: &'static str,
    /// What it checks, in a few words.
    pub what: &'static str,
    /// Performs it.
    pub run: fn(&Site) -> Result,
}

/// All that CI runs.
pub const ALL: &[Stage] = &[
    Stage { name: FMT, what: "the formatting is rustfmt's", run: fmt },
    Stage { name: "layers", what: "crates know only the crates below them", run: layers::check },
    Stage { name: "unsafe", what: "SAFETY.md lists the unsafe files", run: unsafe_files::check },
    Stage { name: "paths", what: "paths named in documents exist", run: doc_paths::check },
    Stage { name: CLIPPY, what: "no lint fires, MSRV included", run: clippy },
    Stage { name: "test", what: "every test of every crate on this machine", run: test },
    Stage { name: "stress", what: "sequences, aborted wherever they can be", run: stress },
    Stage { name: MUSL, what: "a C library that registers no threads", run: musl },
    Stage { name: "doc", what: "the documentation builds without a warning", run: doc },
    Stage { name: NO_STD, what: "the no_std crates build for bare targets", run: no_std },
    Stage { name: OTHERS, what: "pcpu builds for other systems, without a warning", run: others },
    Stage { name: "symbols", what: "km images have no map and no flush", run: symbols::check },
    Stage { name: INSTRUCTIONS, what: "what operations compile to", run: instructions::check },
    Stage {
        name: CALLGRIND,
        what: "how many an addition takes",
        run: instructions::check_by_callgrind,
    },
    Stage { name: "replay", what: "a real boot trace, verified in four cells", run: cells::smoke },
    Stage { name: "package", what: "every published crate can be packaged", run: package },
    Stage { name: FIRMWARE_LINT, what: "no lint fires in any image", run: firmware::lint },
    Stage { name: FIRMWARE, what: "every image boots and passes, twice", run: firmware::check },
    Stage { name: SIZE, what: "flash and RAM are what docs/size.md says", run: firmware::size },
    Stage { name: SEED, what: "no MMU: no code for one, and no way to ask", run: firmware::seed },
    Stage { name: MUTANTS, what: "broken sources make an image fail", run: firmware::mutants },
    Stage { name: RSEQ_VM, what: "restartable sequences, foreign processors", run: rseq_vm::check },
    Stage { name: "loom", what: "every interleaving of what runs without a lock", run: loom },
    Stage { name: MIRI, what: "no undefined behaviour in the allocator's tests", run: miri },
];

// Stages that set-up speaks of.

/// Needs rustfmt.
pub const FMT: &str = "fmt";
/// Needs clippy.
pub const CLIPPY: &str = "clippy";
/// Needs a nightly toolchain with Miri.
pub const MIRI: &str = "miri";
/// Needs [`MUSL_TARGET`].
pub const MUSL: &str = "musl";
/// Needs [`BARE_TARGETS`].
pub const NO_STD: &str = "no-std";
/// Needs [`OTHER_TARGETS`].
pub const OTHERS: &str = "others";
/// Needs clippy and [`BARE_TARGETS`].
pub const FIRMWARE_LINT: &str = "firmware-lint";
/// Needs [`BARE_TARGETS`] and QEMU.
pub const FIRMWARE: &str = "firmware";
/// Needs [`BARE_TARGETS`].
pub const SIZE: &str = "size";
/// Needs [`BARE_TARGETS`].
pub const SEED: &str = "seed";
/// Needs [`BARE_TARGETS`] and QEMU.
pub const MUTANTS: &str = "mutants";
/// Needs [`instructions::TARGETS`].
pub const INSTRUCTIONS: &str = "instructions";
/// Needs valgrind.
pub const CALLGRIND: &str = "callgrind";
/// Needs the targets, linkers and kernels of its machines, and QEMU.
pub const RSEQ_VM: &str = "rseq-vm";

/// Programs that bring their C library along, and one that leaves sequences to others.
pub const MUSL_TARGET: &str = "x86_64-unknown-linux-musl";

/// Machines without an operating system, from microcontrollers to servers: those of the boards,
/// and some more that the `no_std` crates have to build for.
pub const BARE_TARGETS: &[&str] = &[
    "armv7a-none-eabi",
    "thumbv6m-none-eabi",
    "thumbv8m.main-none-eabi",
    "thumbv8m.main-none-eabihf",
    "riscv32imc-unknown-none-elf",
    "riscv32imac-unknown-none-elf",
    "riscv64gc-unknown-none-elf",
    "aarch64-unknown-none",
    "x86_64-unknown-none",
];

/// Those of them that have no compare-and-swap.
const TARGETS_WITHOUT_CAS: &[&str] = &["thumbv6m-none-eabi", "riscv32imc-unknown-none-elf"];

/// The feature that gives them one, out of a critical section.
const CAS_FEATURE: &str = "pcpu-bare/critical-section";

/// The crates that run without an operating system.
const NO_STD_CRATES: &[&str] =
    &["pcpu-layout", "pcpu-platform", "pcpu-core", "pcpu-conformance", "pcpu-bare", "pcpu"];

/// Systems with the standard library: three for which there is the machine for all systems, and
/// a Linux whose addresses have 32 bits.
pub const OTHER_TARGETS: &[&str] = &[
    "x86_64-apple-darwin",
    "x86_64-pc-windows-gnu",
    "x86_64-unknown-freebsd",
    "i686-unknown-linux-gnu",
];

/// The tests that mean something else when sequences wait to be interrupted.
const STRESS_TARGETS: &[&str] =
    &["--test", "stress", "--test", "every_instruction", "--test", "local_words"];

/// What the tests of sequences are built with: a delay at points inside of them, and counts.
const INJECT_FLAGS: &str = "--cfg pcpu_inject";

/// The tests of operations on the own copy.
const LOCAL_TARGETS: &[&str] =
    &["--lib", "--test", "local_words", "--test", "local_children", "--test", "stress"];

/// What Miri is told besides the defaults: pointers keep their provenance.
///
/// Isolation is off because proptest looks for its file of old failures.
const MIRI_FLAGS: &str = "-Zmiri-strict-provenance -Zmiri-disable-isolation";

/// What Miri runs: the unit tests, and of the integration tests the one file that is made for
/// it, `crates/pcpu-core/tests/miri.rs`. The others are hundreds of checked steps long.
const MIRI_TARGETS: &[&str] = &["-p", "pcpu-layout", "-p", "pcpu-core", "--lib", "--test", "miri"];

/// What Miri runs where addresses become pointers: statics and pinned code, values with a copy on every
/// CPU. That is what exposed provenance is for, and what the flags of the others forbid. The process's
/// own pool lives for ever, which Miri would call a leak.
const MIRI_EXPOSED_TARGETS: &[&str] = &["-p", "pcpu", "--test", "miri", "--test", "per_cpu"];
const MIRI_EXPOSED_FLAGS: &str =
    "-Zmiri-permissive-provenance -Zmiri-disable-isolation -Zmiri-ignore-leaks";

/// Which of the first it leaves out: exhaustive arithmetic of a crate that forbids unsafe code,
/// minutes in an interpreter. Every entry is part of a test's path.
const MIRI_SKIPS: &[&str] = &[
    "geometry::tests",
    "congruent::tests",
    "searches_agree_with_reading_bit_by_bit",
    "every_bitmap_of_",
    "every_reachable_state",
    "agrees_with_a_naive_oracle",
];

/// Cases of a property under Miri, where the property does not name its own number.
const MIRI_PROPTEST_CASES: &str = "2";

/// Returns the stages named in `only`, in CI's order; all if none is named.
pub fn select<'a>(all: &'a [Stage], only: &[String]) -> Result<Vec<&'a Stage>> {
    if let Some(name) = only.iter().find(|name| all.iter().all(|stage| stage.name != **name)) {
        let known: Vec<_> = all.iter().map(|stage| stage.name).collect();
        return Err(format!("no stage is called {name}; there are {}", known.join(", ")).into());
    }
    let wanted = |stage: &&Stage| only.is_empty() || only.iter().any(|name| name == stage.name);
    Ok(all.iter().filter(wanted).collect())
}

/// Both workspaces.
fn fmt(site: &Site) -> Result {
    let ours = cmd!(site.sh, "cargo fmt --all --check").run();
    firmware::fmt(site)?;
    Ok(ours?)
}

fn clippy(site: &Site) -> Result {
    Ok(cmd!(site.sh, "cargo clippy --workspace --all-targets -- -D warnings").run()?)
}

fn test(site: &Site) -> Result {
    Ok(cmd!(site.sh, "cargo test --workspace --no-fail-fast").run()?)
}

fn stress(site: &Site) -> Result {
    stress_for(site, "short")
}

/// Runs the tests of operations on the own copy with sequences that wait to be interrupted, each
/// combination for as long as `form` says. In a folder of its own, since everything is built anew.
pub fn stress_for(site: &Site, form: &str) -> Result {
    let tests = "test --package pcpu-linux --target-dir target/inject";
    let (words, targets) = (tests.split(' '), STRESS_TARGETS);
    let test = cmd!(site.sh, "cargo {words...} {targets...}");
    Ok(test.env("RUSTFLAGS", INJECT_FLAGS).env("PCPU_STRESS", form).run()?)
}

/// Runs the tests of operations on the own copy where pcpu registers each thread itself.
fn musl(site: &Site) -> Result {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        println!("{RED}LEFT OUT{RESET} {YELLOW}musl{RESET}: made for Linux on x86-64");
        return Ok(());
    }
    let test = "test --package pcpu-linux --target";
    let (words, targets) = (test.split(' '), LOCAL_TARGETS);
    Ok(cmd!(site.sh, "cargo {words...} {MUSL_TARGET} {targets...}").run()?)
}

fn doc(site: &Site) -> Result {
    let doc = cmd!(site.sh, "cargo doc --workspace --no-deps");
    Ok(doc.env("RUSTDOCFLAGS", "-D warnings").run()?)
}

fn no_std(site: &Site) -> Result {
    let crates = NO_STD_CRATES.iter().flat_map(|name| ["--package", name]);
    let crates: Vec<_> = crates.chain(["--no-default-features"]).collect();
    for target in BARE_TARGETS {
        let needs_cas = TARGETS_WITHOUT_CAS.contains(target);
        let features = needs_cas.then_some(["--features", CAS_FEATURE]);
        let check = cmd!(site.sh, "cargo check --target {target}");
        check.args(&crates).args(features.iter().flatten()).run()?;
    }
    Ok(())
}

/// Checks and does not link: these systems' linkers and C libraries are not asked for. What is
/// never used on one of them shows as a warning.
fn others(site: &Site) -> Result {
    for target in OTHER_TARGETS {
        let check = cmd!(site.sh, "cargo check --target {target} -p pcpu -p pcpu-linux");
        check.env("RUSTFLAGS", "-D warnings").run()?;
    }
    Ok(())
}

/// Packs and does not build: what a package is built from is what the other stages built,
/// and what this one can find is a file or a version that a package lacks.
fn package(site: &Site) -> Result {
    let package =
        "cargo package --workspace --exclude xtask --exclude codegen --no-verify --allow-dirty";
    let words = package.split(' ').skip(1);
    Ok(cmd!(site.sh, "cargo {words...}").run()?)
}

/// Optimised, because loom runs a test once for every interleaving.
fn loom(site: &Site) -> Result {
    for package in ["pcpu-core", "pcpu-bare"] {
        let test = cmd!(site.sh, "cargo test -p {package} --lib --release loom_model");
        test.env("RUSTFLAGS", "--cfg loom").run()?;
    }
    Ok(())
}

fn miri(site: &Site) -> Result {
    miri_with(site, &[])
}

/// Runs the allocator's tests under Miri, with `more` flags for it.
pub fn miri_with(site: &Site, more: &[&str]) -> Result {
    let flags = [&[MIRI_FLAGS], more].concat().join(" ");
    let skips = MIRI_SKIPS.iter().flat_map(|part| ["--skip", part]);
    let test =
        cmd!(site.sh, "cargo +nightly miri test --no-fail-fast {MIRI_TARGETS...} -- {skips...}");
    test.env("MIRIFLAGS", flags).env("PROPTEST_CASES", MIRI_PROPTEST_CASES).run()?;

    let flags = [&[MIRI_EXPOSED_FLAGS], more].concat().join(" ");
    let test = cmd!(site.sh, "cargo +nightly miri test --no-fail-fast {MIRI_EXPOSED_TARGETS...}");
    Ok(test.env("MIRIFLAGS", flags).run()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: &[&str]) -> Result<Vec<&'static str>> {
        let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
        Ok(select(ALL, &only)?.iter().map(|stage| stage.name).collect())
    }

    #[test]
    fn selecting_nothing_selects_every_stage() {
        assert_eq!(names(&[]).unwrap().len(), ALL.len());
    }

    #[test]
    fn selected_stages_keep_the_order_of_ci() {
        assert_eq!(names(&["miri", "fmt"]).unwrap(), ["fmt", "miri"]);
    }

    #[test]
    fn an_unknown_stage_is_refused_with_the_known_ones() {
        let error = names(&["frmt"]).unwrap_err().to_string();
        assert!(error.starts_with("no stage is called frmt; there are fmt, "), "{error}");
    }

    #[test]
    fn what_set_up_speaks_of_are_stages() {
        let known = [
            FMT,
            CLIPPY,
            MUSL,
            NO_STD,
            OTHERS,
            INSTRUCTIONS,
            CALLGRIND,
            FIRMWARE_LINT,
            FIRMWARE,
            SIZE,
            SEED,
            MUTANTS,
            RSEQ_VM,
            MIRI,
        ];
        assert_eq!(names(&known).unwrap(), known);
    }

    #[test]
    fn set_up_installs_every_target_that_is_checked() {
        assert!(TARGETS_WITHOUT_CAS.iter().all(|target| BARE_TARGETS.contains(target)));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What operations on the running CPU's copy are compiled to: compared with what is written in
//! `codegen/`, and counted.
//!
//! ```text
//!   codegen/src/lib.rs ─► assembly, for three processors ─┬─► codegen/TARGET.s
//!                                                         └─► an addition: 8 at most
//!   codegen/examples/additions.rs ─► callgrind, two lengths ─► an addition: 8 at most
//! ```
//!
//! Times differ from machine to machine and hour to hour; instructions do not. So this is the gate,
//! and times are what `pcpu bench` prints.
//!
//! Assembly is a compiler's own affair. Where another compiler runs than the one that wrote a file,
//! differences are no failure: the count is what has to hold with any.

mod assembly;
mod callgrind;

use std::fs;
use std::path::PathBuf;

use anstream::println;
use xshell::cmd;

use crate::report::{RED, RESET, YELLOW};
use crate::site::{Result, Site};
use assembly::Function;

pub use callgrind::{MADE_FOR_THIS, check as check_by_callgrind, look as look_for_valgrind};

/// Processors that have sequences, with Linux on them.
pub const TARGETS: &[&str] =
    &["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "riscv64gc-unknown-linux-gnu"];

/// The target whose addition is counted, and where that is.
const COUNTED: &str = "x86_64-unknown-linux-gnu";
const ADD_LOOP: &str = "codegen::add_loop";

/// The most instructions that an addition may take, its loop's own not counted.
const LIMIT: usize = 8;

/// What the loop itself takes: it counts down, and jumps.
const OF_LOOP: usize = 2;

/// Optimised as a program is that people run, but for crates of others: see `Cargo.toml`.
const PROFILE: &str = "codegen";

/// What `cargo xtask instructions` may be told.
#[derive(clap::Args)]
pub struct Options {
    /// Write the assembly into codegen/
    #[arg(long)]
    bless: bool,
}

/// The stage.
pub fn check(site: &Site) -> Result {
    perform(site, &Options { bless: false })
}

/// Compiles for every target; compares or writes; counts.
pub fn perform(site: &Site, options: &Options) -> Result {
    let compiler = cmd!(site.sh, "rustc --version").quiet().read()?;
    let mut faults = Vec::new();
    for target in TARGETS {
        let functions = assembly::functions(&compiled(site, target)?);
        if *target == COUNTED {
            faults.extend(count(&functions).err());
        }
        let path = PathBuf::from("codegen").join(format!("{target}.s"));
        let text = document(&compiler, target, &functions);
        if options.bless {
            fs::create_dir_all(site.root().join("codegen"))?;
            fs::write(site.root().join(&path), text)?;
            continue;
        }
        let written = fs::read_to_string(site.root().join(&path)).unwrap_or_default();
        let shown = path.display();
        match compare(&written, &text) {
            Same::Yes => {}
            Same::No(names) => faults.push(format!("{shown}: {} changed", names.join(", "))),
            Same::OtherCompiler(theirs) => println!(
                "{YELLOW}NOT COMPARED{RESET} {shown}: written with {theirs}, this is {compiler}"
            ),
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    let faults = faults.join("; ");
    Err(format!("{faults}; if it is meant so: cargo xtask instructions --bless").into())
}

/// The assembly of the functions for a target.
fn compiled(site: &Site, target: &str) -> Result<String> {
    let folder = site.metadata()?.target_directory.join(target).join(PROFILE);
    let file = folder.join("codegen.s");
    let emit = format!("asm={}", file.display());
    let build = "rustc --quiet --package codegen --lib --profile";
    let words = build.split(' ');
    let build = cmd!(site.sh, "cargo {words...} {PROFILE} --target {target}");
    // One piece, so that no function's place depends on how many there are. Syntax as in the
    // manuals of who made the processor.
    let build = build.args(["--", "-C", "codegen-units=1", "--emit", &emit]);
    let intel = ["-C", "llvm-args=--x86-asm-syntax=intel"];
    build.args(target.starts_with("x86").then_some(intel).iter().flatten()).run()?;
    fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()).into())
}

/// Counts the instructions of one addition, and prints the number.
fn count(functions: &[Function]) -> std::result::Result<(), String> {
    let function = functions.iter().find(|function| function.name == ADD_LOOP);
    let function = function.ok_or_else(|| format!("{COUNTED}: there is no {ADD_LOOP}"))?;
    let looped = function.loop_len().ok_or_else(|| format!("{COUNTED}: {ADD_LOOP} has no loop"))?;
    let addition = looped.saturating_sub(OF_LOOP);
    println!("an addition on x86-64: {addition} instructions, at most {LIMIT}");
    if addition <= LIMIT {
        return Ok(());
    }
    Err(format!("{RED}an addition takes {addition} instructions{RESET}, at most {LIMIT}"))
}

/// The text of a file in `codegen/`.
fn document(compiler: &str, target: &str, functions: &[Function]) -> String {
    let mut text = format!(
        "# {compiler}\n# What codegen/src/lib.rs is compiled to for {target}.\n# Written by: \
         cargo xtask instructions --bless\n"
    );
    for function in functions {
        text += &format!("\n{}:\n", function.name);
        for line in &function.lines {
            text += &format!("{line}\n");
        }
    }
    text
}

/// What a comparison says.
#[derive(Debug, PartialEq, Eq)]
enum Same {
    Yes,
    /// Functions that differ, or are in one of the two only.
    No(Vec<String>),
    /// By that compiler.
    OtherCompiler(String),
}

fn compare(written: &str, now: &str) -> Same {
    let compiler = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    if written == now {
        return Same::Yes;
    }
    if !written.is_empty() && compiler(written) != compiler(now) {
        return Same::OtherCompiler(compiler(written).trim_start_matches("# ").to_owned());
    }
    // A function is what stands between empty lines, its name first.
    let functions = |text: &str| -> Vec<String> {
        text.split("\n\n").skip(1).map(|text| text.trim_end().to_owned()).collect()
    };
    let (written, now) = (functions(written), functions(now));
    let only_here = |here: &[String], there: &[String]| -> Vec<String> {
        let differing = here.iter().filter(|function| !there.contains(function));
        let names = differing.filter_map(|function| function.lines().next());
        names.map(|name| name.trim_end_matches(':').to_owned()).collect()
    };
    let mut names = only_here(&now, &written);
    names.extend(
        only_here(&written, &now)
            .into_iter()
            .filter(|name| !names.contains(name))
            .collect::<Vec<_>>(),
    );
    Same::No(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = "# rustc 1\n# more\n\nadd:\n  inc\n  ret\n\nread:\n  ret\n";

    #[test]
    fn a_function_that_changed_or_went_is_named() {
        assert_eq!(compare(WRITTEN, WRITTEN), Same::Yes);
        let changed = WRITTEN.replace("inc", "add 1");
        assert_eq!(compare(WRITTEN, &changed), Same::No(vec!["add".to_owned()]));
        let gone = WRITTEN.replace("\nread:\n  ret\n", "");
        assert_eq!(compare(WRITTEN, &gone), Same::No(vec!["read".to_owned()]));
        assert_eq!(compare("", &gone), Same::No(vec!["add".to_owned()]));
    }

    #[test]
    fn another_compiler_is_said_and_not_compared() {
        let other = WRITTEN.replace("rustc 1", "rustc 2").replace("inc", "dec");
        assert_eq!(compare(WRITTEN, &other), Same::OtherCompiler("rustc 1".to_owned()));
    }

    #[test]
    fn nine_instructions_are_refused() {
        let function = |nr: usize| {
            let mut lines = vec![".1:".to_owned()];
            lines.extend((0..nr).map(|_| "  nop".to_owned()));
            lines.extend(["  dec rsi".to_owned(), "  jne .1".to_owned()]);
            [Function { name: ADD_LOOP.to_owned(), lines }]
        };
        assert_eq!(count(&function(8)), Ok(()));
        assert!(count(&function(9)).unwrap_err().contains("takes 9 instructions"));
        assert!(count(&[]).unwrap_err().contains("there is no codegen::add_loop"));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Instructions counted while they run, by valgrind.
//!
//! Under valgrind there are no restartable sequences. So the program is built with `--cfg
//! pcpu_fixed_cpu`: its one thread says that it runs on CPU 0, and everything else is as always. Two
//! runs of different lengths, and their difference: what comes before and after the loop is in both.

use anstream::println;
use xshell::cmd;

use super::{LIMIT, OF_LOOP, PROFILE};
use crate::report::{RED, RESET, YELLOW};
use crate::setup::is_ci;
use crate::site::{Result, Site};

/// Additions of the two runs.
const LENGTHS: [u64; 2] = [100_000, 300_000];

/// Built anew, and so in a folder of its own.
const FOLDER: &str = "target/fixed-cpu";

/// Where an addition takes [`LIMIT`] instructions.
pub const MADE_FOR_THIS: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));
const MADE_FOR: &str = "made for Linux on x86-64";

/// The stage: an addition takes no more instructions than it may.
pub fn check(site: &Site) -> Result {
    let lack = if MADE_FOR_THIS { look(site).err() } else { Some(MADE_FOR.to_owned()) };
    if let Some(lack) = lack {
        if MADE_FOR_THIS && is_ci() {
            return Err(lack.into());
        }
        println!("{RED}LEFT OUT{RESET} {YELLOW}callgrind{RESET}: {lack}");
        return Ok(());
    }
    let build = "build --quiet --package codegen --example additions --profile";
    let words = build.split(' ');
    let build = cmd!(site.sh, "cargo {words...} {PROFILE} --target-dir {FOLDER}");
    build.env("RUSTFLAGS", "--cfg pcpu_fixed_cpu").run()?;
    let program = site.root().join(FOLDER).join(PROFILE).join("examples/additions");

    let mut counts = [0; 2];
    for (count, nr) in counts.iter_mut().zip(LENGTHS) {
        let nr = nr.to_string();
        let tool = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
        let output = cmd!(site.sh, "valgrind {tool...} {program} {nr}").output()?;
        *count = collected(&String::from_utf8_lossy(&output.stderr))?;
    }
    judge(counts)
}

/// Says what is missing, if something is.
pub fn look(site: &Site) -> std::result::Result<(), String> {
    let version = cmd!(site.sh, "valgrind --version").quiet().ignore_stdout().ignore_stderr();
    version.run().map_err(|_| "valgrind is missing".to_owned())
}

fn judge(counts: [u64; 2]) -> Result {
    let additions = LENGTHS[1] - LENGTHS[0];
    let each = counts[1].saturating_sub(counts[0]) as f64 / additions as f64 - OF_LOOP as f64;
    println!("an addition by callgrind: {each:.2} instructions, at most {LIMIT}");
    // Printing a longer number takes a few more.
    if each > 0.0 && each < LIMIT as f64 + 0.01 {
        return Ok(());
    }
    Err(format!("{RED}an addition takes {each:.2} instructions{RESET}, at most {LIMIT}").into())
}

/// Reads the number in `==1234== Collected : 567890`.
fn collected(said: &str) -> Result<u64> {
    let number = said.lines().find_map(|line| line.split_once("Collected : "));
    let number = number.and_then(|(_, number)| number.trim().parse().ok());
    number.ok_or_else(|| format!("callgrind printed no count:\n{said}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_what_callgrind_says() {
        let said = "==7== Events    : Ir\n==7== Collected : 3201144\n==7==\n";
        assert_eq!(collected(said).unwrap(), 3_201_144);
        assert!(collected("killed").is_err());
    }

    #[test]
    fn the_difference_of_two_runs_is_judged() {
        let of = |each: u64| judge([5000 + each * LENGTHS[0], 5003 + each * LENGTHS[1]]);
        assert!(of(10).is_ok() && of(11).is_err());
        // A loop that was optimised away counts nothing.
        assert!(of(0).is_err());
    }
}

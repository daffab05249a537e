// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every kind of operation, by every number, in both ways of a process, while somebody disturbs:
//! 1332 combinations, and in each nothing is lost and nothing is had twice (RS-2, RS-3, RS-4, RS-5,
//! RS-12).
//!
//! ```text
//!  plan ──► crowd: 4 workers, a closer, signals ──► check
//!             └─ words | lists | stacks, on a ground of fresh copies
//! ```
//!
//! The program runs itself twice, because the way is the process's: once as it is, once with
//! `PCPU_RSEQ=0`. In a build with `--cfg pcpu_inject` it delays inside of ranges, counts aborts,
//! and fails if there were none; in others it leaves those combinations out. `PCPU_STRESS=long`
//! gives each combination a second; `PCPU_STRESS_ONLY="List by Cpu"` runs those whose name has that in
//! it.
#![cfg_attr(not(target_os = "linux"), allow(unused))]

#[cfg(target_os = "linux")]
#[path = "../local_common/mod.rs"]
mod local_common;

#[cfg(target_os = "linux")]
mod crowd;
#[cfg(target_os = "linux")]
mod ground;
#[cfg(target_os = "linux")]
mod lists;
#[cfg(target_os = "linux")]
mod plan;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod stacks;
#[cfg(target_os = "linux")]
mod things;
#[cfg(target_os = "linux")]
mod words;

fn main() {
    #[cfg(target_os = "linux")]
    process::main();
}

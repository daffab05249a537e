// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a Linux kernel promises pcpu, checked from inside a machine that has nothing else.
//!
//! `cargo xtask rseq-vm` boots a kernel of another processor with this program as all there is.
//! Started by hand it checks the kernel that runs it. Its arguments are the checks to run; without
//! any it runs all. The last line is `PASS`, or begins with `FAIL: `.

#[cfg(target_os = "linux")]
mod checks;
#[cfg(target_os = "linux")]
mod cpus;
#[cfg(target_os = "linux")]
mod first_process;
#[cfg(target_os = "linux")]
mod hotplug;
#[cfg(target_os = "linux")]
#[path = "../../tests/local_common/mod.rs"]
mod local_common;
#[cfg(target_os = "linux")]
mod placement;
#[cfg(target_os = "linux")]
mod sequences;
#[cfg(target_os = "linux")]
mod system_call;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use first_process::FirstProcess;

    let first = FirstProcess::begin();
    let names: Vec<_> = std::env::args().skip(1).collect();
    let verdict = first.as_ref().map_err(ToString::to_string).and_then(|_| checks::run(&names));
    match &verdict {
        Ok(()) => println!("PASS"),
        Err(why) => println!("FAIL: {why}"),
    }
    if let Ok(Some(first)) = first {
        first.turn_off();
    }
    if verdict.is_ok() { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

#[cfg(not(target_os = "linux"))]
fn main() {}

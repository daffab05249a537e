// SPDX-License-Identifier: MIT OR Apache-2.0
//! Boots machines in QEMU, and brings back what they printed and how they ended.
//!
//! ```text
//!   qemu ──▶ caller's arguments ──▶ run ──▶ Boot ──▶ verdict::judge ──▶ fault, or none
//! ```
//!
//! What boots may be an image without an operating system or a whole kernel; here it is a
//! command. One that hangs is what a bug in start-up code or a lost interrupt looks like, so
//! every boot has a time limit.

pub mod verdict;

use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anstream::println;
use wait_timeout::ChildExt;

use crate::site::Result;

/// For all machines. KVM is never wanted: it would run one architecture unlike the others. Without
/// a network card no machine looks for a boot ROM, which may not be installed.
const COMMON: &str = "-accel tcg -display none -monitor none -nic none -no-reboot";

/// Bytes that are kept of the beginning, and of the end, of what a machine prints.
const KEPT: usize = 64 * 1024;

/// What came of a boot.
#[derive(Debug)]
pub struct Boot {
    /// What the machine and QEMU printed.
    pub console: String,
    /// How QEMU ended.
    pub end: End,
    /// For how long it ran.
    pub took: Duration,
}

/// How QEMU ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this status.
    Exited(i32),
    /// By a signal from elsewhere.
    Killed,
    /// It did not, and was ended after this time.
    TimedOut(Duration),
}

impl Boot {
    /// Prints what the machine printed.
    pub fn show(&self) {
        for line in self.console.lines() {
            println!("    | {line}");
        }
    }
}

/// A command of the emulator called `program`, without a machine yet.
pub fn qemu(program: &str) -> Command {
    let mut command = Command::new(program);
    command.args(COMMON.split(' '));
    command
}

/// Runs `command` and waits for its end, at most for `limit`.
///
/// # Errors
/// The emulator could not be started. How the machine ended is no error here.
pub fn run(command: Command, limit: Duration) -> Result<Boot> {
    let program = command.get_program().to_string_lossy().into_owned();
    run_program(command, limit).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!("{program} is not installed; `cargo xtask test` offers to install it").into()
        }
        _ => format!("{program}: {error}").into(),
    })
}

/// Runs `command` without input, for at most `limit`.
fn run_program(mut command: Command, limit: Duration) -> io::Result<Boot> {
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let started = Instant::now();
    let mut child = command.spawn()?;
    // Closes our ends of the pipe: the reader sees its end when the child has closed the others.
    drop(command);
    let console = thread::spawn(move || read_console(reader));

    let status = child.wait_timeout(limit)?;
    let took = started.elapsed();
    let end = match status {
        Some(status) => status.code().map_or(End::Killed, End::Exited),
        None => {
            child.kill()?;
            child.wait()?;
            End::TimedOut(limit)
        }
    };
    let console = console.join().expect("reading a pipe does not panic")?;
    Ok(Boot { console, end, took })
}

/// Reads to the end; of a long text, keeps the beginning and the end.
fn read_console(mut from: impl Read) -> io::Result<String> {
    let (mut kept, mut left_out) = (Vec::new(), 0);
    let mut buffer = [0; 4096];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        kept.extend_from_slice(&buffer[..count]);
        if kept.len() > 3 * KEPT {
            left_out += kept.drain(KEPT..kept.len() - KEPT).len();
        }
    }
    if left_out > 0 {
        let note = format!("\n... {left_out} bytes are left out here ...\n");
        kept.splice(KEPT..KEPT, note.into_bytes());
    }
    Ok(String::from_utf8_lossy(&kept).replace('\r', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Boot {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run_program(command, limit).unwrap()
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn both_outputs_and_the_status_come_back() {
        let boot = shell("echo out; echo err >&2; exit 7", LONG);
        assert_eq!((boot.console.as_str(), boot.end), ("out\nerr\n", End::Exited(7)));
    }

    #[test]
    fn what_does_not_end_is_ended_and_what_it_printed_is_kept() {
        let limit = Duration::from_millis(300);
        let boot = shell("echo stuck; exec sleep 60", limit);
        assert_eq!((boot.console.as_str(), boot.end), ("stuck\n", End::TimedOut(limit)));
        assert!(boot.took < Duration::from_secs(30));
    }

    #[test]
    fn a_signal_is_no_status() {
        assert_eq!(shell("kill -9 $$", LONG).end, End::Killed);
    }

    #[test]
    fn of_a_long_console_the_beginning_and_the_end_are_kept() {
        let text = format!("first\n{}last\n", "a line\n".repeat(200_000));
        let kept = read_console(text.as_bytes()).unwrap();
        assert!(kept.starts_with("first\n") && kept.ends_with("last\n"));
        assert!(kept.contains("bytes are left out here"));
        assert!(kept.len() < 4 * KEPT, "{}", kept.len());
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_that_says_what_to_do() {
        let error = run(qemu("qemu-system-of-nowhere"), LONG).unwrap_err().to_string();
        assert!(error.starts_with("qemu-system-of-nowhere is not installed; `cargo xtask test`"));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Judges a boot: what the image printed *and* how it ended have to say success.
//!
//! Either alone can lie. A machine that resets ends QEMU with status 0 and never got to its last
//! line; an image that printed `PASS` may fault on its way out.

use std::fmt;
use std::time::Duration;

use super::boards::Board;
use super::boot::{Boot, End};

/// The last line of an image that ended well.
pub const PASS: &str = "PASS";

/// Why a boot is no success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It did not end in time.
    TimedOut { limit: Duration, last_line: String },
    /// QEMU was ended from elsewhere.
    Killed,
    /// It ended with another status than that of success.
    Status { is: i32, success: i32, last_line: String },
    /// Its status is that of success, its last line is not `PASS`.
    NoPass { last_line: String },
    /// It lacks a line that the table asks for.
    Lacks(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::TimedOut { limit, last_line } => {
                write!(f, "no end after {:.0} s; last line: {last_line}", limit.as_secs_f64())
            }
            Fault::Killed => write!(f, "QEMU was killed"),
            Fault::Status { is, success, last_line } => {
                write!(f, "status {is}, {success} is success; last line: {last_line}")
            }
            Fault::NoPass { last_line } => write!(f, "the last line is not {PASS}: {last_line}"),
            Fault::Lacks(line) => write!(f, "no line says: {line}"),
        }
    }
}

/// Judges `boot` by what `board` asks for.
pub fn judge(board: &Board, boot: &Boot) -> Result<(), Fault> {
    let last_line = last_line(&boot.console, board.qemu);
    match boot.end {
        End::TimedOut(limit) => return Err(Fault::TimedOut { limit, last_line }),
        End::Killed => return Err(Fault::Killed),
        End::Exited(is) if is != board.success => {
            return Err(Fault::Status { is, success: board.success, last_line });
        }
        End::Exited(_) => {}
    }
    if last_line != PASS {
        return Err(Fault::NoPass { last_line });
    }
    let said = |wanted: &&&str| boot.console.lines().any(|line| line.contains(**wanted));
    match board.says.iter().find(|wanted| !said(wanted)) {
        Some(wanted) => Err(Fault::Lacks(wanted)),
        None => Ok(()),
    }
}

/// The last line that is not empty, without blanks around it. What QEMU itself warns of does not
/// count: the image did not say it.
fn last_line(console: &str, qemu: &str) -> String {
    let warning = format!("{qemu}: warning: ");
    let lines = console.lines().map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with(&warning));
    lines.next_back().unwrap_or("(nothing)").to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::boards::ALL;
    use super::*;

    /// Success is 33 there, so that 0 is not taken for success anywhere.
    fn board() -> Board {
        let x86 = ALL.iter().find(|board| board.success == 33).unwrap();
        Board { says: &["cpus: 4", "leaked: 0"], ..*x86 }
    }

    fn verdict(console: &str, end: End) -> Result<(), Fault> {
        let boot = Boot { console: console.to_owned(), end, took: Duration::ZERO };
        judge(&board(), &boot)
    }

    const GOOD: &str = "board\ncpus: 4\nleaked: 0 pages\nPASS\n\n";

    #[test]
    fn status_last_line_and_the_lines_asked_for_make_a_success() {
        assert_eq!(verdict(GOOD, End::Exited(33)), Ok(()));
    }

    #[test]
    fn a_pass_with_another_status_is_none() {
        let fault = verdict(GOOD, End::Exited(0)).unwrap_err();
        assert_eq!(fault.to_string(), "status 0, 33 is success; last line: PASS");
    }

    #[test]
    fn a_pass_that_is_not_the_last_line_is_none() {
        let fault = verdict("cpus: 4\nleaked: 0\nPASS\nfault at 0x0\n", End::Exited(33));
        assert_eq!(fault, Err(Fault::NoPass { last_line: "fault at 0x0".to_owned() }));
        assert!(matches!(verdict("COMPASS", End::Exited(33)), Err(Fault::NoPass { .. })));
    }

    #[test]
    fn a_warning_of_the_emulator_is_not_the_images_last_line() {
        let warned = format!("{GOOD}qemu-system-x86_64: warning: icount sleep disabled\n");
        assert_eq!(verdict(&warned, End::Exited(33)), Ok(()));
        let broken = format!("{GOOD}qemu-system-x86_64: cannot read memory\n");
        assert!(verdict(&broken, End::Exited(33)).is_err());
    }

    #[test]
    fn a_silent_image_says_nothing_for_itself() {
        let fault = verdict("", End::Exited(33)).unwrap_err();
        assert_eq!(fault.to_string(), "the last line is not PASS: (nothing)");
    }

    #[test]
    fn every_line_that_is_asked_for_has_to_be_there() {
        assert_eq!(verdict("cpus: 4\nPASS", End::Exited(33)), Err(Fault::Lacks("leaked: 0")));
    }

    #[test]
    fn a_pass_that_does_not_end_is_a_timeout() {
        let fault = verdict(GOOD, End::TimedOut(Duration::from_secs(60))).unwrap_err();
        assert_eq!(fault.to_string(), "no end after 60 s; last line: PASS");
    }

    #[test]
    fn an_end_from_elsewhere_is_a_fault() {
        assert_eq!(verdict(GOOD, End::Killed), Err(Fault::Killed));
    }
}

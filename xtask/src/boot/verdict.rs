// SPDX-License-Identifier: MIT OR Apache-2.0
//! Judges a boot: what the machine printed *and* how it ended have to say success.
//!
//! Either alone can lie. A machine that resets ends QEMU with status 0 and never got to its last
//! line; one that printed `PASS` may fault on its way out.

use std::fmt;
use std::time::Duration;

use super::{Boot, End};

/// The last line of a machine that ended well.
pub const PASS: &str = "PASS";

/// What is asked of a boot besides its last line.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The emulator: what it warns of itself is not said by the machine.
    pub qemu: &'a str,
    /// Its exit status when all went well.
    pub success: i32,
    /// What the console has to show: each is part of some line.
    pub says: &'a [&'a str],
    /// What a kernel may say after the last line, on its way out: parts of lines.
    pub parting: &'a [&'a str],
}

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
    /// It lacks a line that is asked for.
    Lacks(String),
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

/// Judges `boot` by what is asked of it.
pub fn judge(asked: &Asked<'_>, boot: &Boot) -> Result<(), Fault> {
    let last_line = asked.last_line(&boot.console);
    match boot.end {
        End::TimedOut(limit) => return Err(Fault::TimedOut { limit, last_line }),
        End::Killed => return Err(Fault::Killed),
        End::Exited(is) if is != asked.success => {
            return Err(Fault::Status { is, success: asked.success, last_line });
        }
        End::Exited(_) => {}
    }
    if last_line != PASS {
        return Err(Fault::NoPass { last_line });
    }
    let said = |wanted: &&&str| boot.console.lines().any(|line| line.contains(**wanted));
    match asked.says.iter().find(|wanted| !said(wanted)) {
        Some(wanted) => Err(Fault::Lacks((*wanted).to_owned())),
        None => Ok(()),
    }
}

impl Asked<'_> {
    /// The last line that is not empty, without blanks around it, of those that the machine said
    /// before its kernel parted.
    fn last_line(&self, console: &str) -> String {
        let warning = format!("{}: warning: ", self.qemu);
        let counts = |line: &&str| {
            let parts = self.parting.iter().any(|parting| line.contains(parting));
            !line.is_empty() && !line.starts_with(&warning) && !parts
        };
        let last = console.lines().map(str::trim).rfind(counts);
        last.unwrap_or("(nothing)").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Success is 33 here, so that 0 is not taken for success anywhere.
    const ASKED: Asked<'_> = Asked {
        qemu: "qemu-system-x86_64",
        success: 33,
        says: &["cpus: 4", "leaked: 0"],
        parting: &[],
    };

    fn verdict_of(asked: &Asked<'_>, console: &str, end: End) -> Result<(), Fault> {
        let boot = Boot { console: console.to_owned(), end, took: Duration::ZERO };
        judge(asked, &boot)
    }

    fn verdict(console: &str, end: End) -> Result<(), Fault> {
        verdict_of(&ASKED, console, end)
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
    fn a_kernel_may_say_goodbye_and_nothing_else() {
        let asked = Asked { parting: &["reboot: Power down"], ..ASKED };
        let parted = format!("{GOOD}[    9.5] reboot: Power down\n");
        assert_eq!(verdict_of(&asked, &parted, End::Exited(33)), Ok(()));
        assert!(verdict(&parted, End::Exited(33)).is_err());
        let oops = format!("{GOOD}[    9.4] Oops\n[    9.5] reboot: Power down\n");
        let last_line = "[    9.4] Oops".to_owned();
        assert_eq!(verdict_of(&asked, &oops, End::Exited(33)), Err(Fault::NoPass { last_line }));
    }

    #[test]
    fn a_silent_image_says_nothing_for_itself() {
        let fault = verdict("", End::Exited(33)).unwrap_err();
        assert_eq!(fault.to_string(), "the last line is not PASS: (nothing)");
    }

    #[test]
    fn every_line_that_is_asked_for_has_to_be_there() {
        let fault = verdict("cpus: 4\nPASS", End::Exited(33));
        assert_eq!(fault, Err(Fault::Lacks("leaked: 0".to_owned())));
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

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Versions of QEMU, as it says them itself and as Debian writes them.

use std::fmt;

/// The first two numbers of a version, which order versions well enough here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
}

/// The oldest QEMU that has every machine of the table of boards: 9.0 brought the `mps3-an536`.
pub const OLDEST_QEMU: Version = Version { major: 9, minor: 0 };

impl Version {
    /// Reads what `qemu-system-arm --version` prints.
    pub fn from_program(printed: &str) -> Option<Version> {
        let rest = printed.lines().find_map(|line| line.split_once("version "))?.1;
        Version::from_numbers(rest)
    }

    /// Reads a version of a Debian package: `1:10.0.2+ds-2` is 10.0.
    pub fn from_package(written: &str) -> Option<Version> {
        let without_epoch = written.split_once(':').map_or(written, |(_, rest)| rest);
        Version::from_numbers(without_epoch)
    }

    fn from_numbers(text: &str) -> Option<Version> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next().and_then(|minor| minor.parse().ok()).unwrap_or(0);
        Some(Version { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_its_version_in_its_first_line() {
        let printed = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright (c) 2003\n";
        assert_eq!(Version::from_program(printed), Some(Version { major: 10, minor: 0 }));
        assert_eq!(Version::from_program("command not found"), None);
    }

    #[test]
    fn an_epoch_is_no_part_of_a_version() {
        let read = |written| Version::from_package(written).unwrap().to_string();
        assert_eq!(read("1:7.2+dfsg-7+deb12u18+b3"), "7.2");
        assert_eq!(read("1:10.0.2+ds-2+deb13u1~bpo12+1"), "10.0");
        assert_eq!(read("9"), "9.0");
        assert_eq!(Version::from_package("(none)"), None);
    }

    #[test]
    fn ten_is_newer_than_nine() {
        let version = |written| Version::from_package(written).unwrap();
        assert!(version("1:10.0.2") > version("9.2.1"));
        assert!(version("1:8.2.2+ds") < OLDEST_QEMU);
        assert!(version("9.0.0~rc1") >= OLDEST_QEMU);
    }
}

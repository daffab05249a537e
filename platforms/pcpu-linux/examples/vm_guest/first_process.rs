// SPDX-License-Identifier: MIT OR Apache-2.0
//! Being the first process: the kernel starts it with a console and nothing else, and panics when
//! it ends.

use std::io::{Write, stdout};

use rustix::io;
use rustix::mount::{MountFlags, mount};
use rustix::process::{Pid, getpid};
use rustix::system::{RebootCommand, reboot};

/// The only process there is.
pub struct FirstProcess(());

impl FirstProcess {
    /// Makes what checks read, if this is the first process; returns `None` if it is another.
    ///
    /// # Errors
    /// A file system cannot be mounted.
    pub fn begin() -> io::Result<Option<FirstProcess>> {
        if getpid() != Pid::INIT {
            return Ok(None);
        }
        for (kind, place) in [("proc", "/proc"), ("sysfs", "/sys")] {
            mount(kind, place, kind, MountFlags::empty(), None)?;
        }
        Ok(Some(FirstProcess(())))
    }

    /// Turns the machine off, when the console has printed everything.
    pub fn turn_off(self) {
        let _ = stdout().flush();
        let _ = rustix::termios::tcdrain(stdout());
        // Does not come back. If it did, the kernel's panic would be the last to speak.
        let _ = reboot(RebootCommand::PowerOff);
    }
}

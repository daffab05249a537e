// SPDX-License-Identifier: MIT OR Apache-2.0
//! Semihosting: calls that QEMU itself answers. Text goes to its standard output, and it exits
//! with the status that we name.

use core::fmt;

use semihosting::io::{self, Write};

/// The status of a machine that took an exception it did not expect.
pub const FAULT: u8 = 99;

/// Writes to the console.
pub fn write(text: &str) {
    // Nobody is there to hear of a failure.
    let _ = io::stdout().and_then(|mut out| out.write_all(text.as_bytes()));
}

/// Writes what went wrong.
pub fn report(what: fmt::Arguments<'_>) {
    // As above.
    let _ = io::stdout().and_then(|mut out| out.write_fmt(what));
}

/// Ends the machine with `status`, 0 for success.
pub fn exit(status: u8) -> ! {
    semihosting::process::exit(status.into())
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines on the console, whole ones.

use core::fmt::{self, Arguments, Write};
use core::marker::PhantomData;

use crate::{Image, Shared};

struct Console<I>(PhantomData<I>);

impl<I: Image> Write for Console<I> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        I::write(text);
        Ok(())
    }
}

/// Prints a line, which no other CPU's line interrupts.
pub fn say<I: Image>(shared: &Shared<I>, line: Arguments<'_>) {
    let _whole = shared.console.lock();
    let mut console = Console::<I>(PhantomData);
    // A console that cannot print is nothing to stop for; the status tells.
    let _ = console.write_fmt(line);
    let _ = console.write_str("\n");
}

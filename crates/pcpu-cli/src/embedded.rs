// SPDX-License-Identifier: MIT OR Apache-2.0
//! The trace inside the binary, and the machine that it was recorded on.
//!
//! `pcpu replay` without arguments should show something true: eight CPUs on two memory nodes
//! booting Linux 6.12. `traces/PROVENANCE.md` beside this crate's sources tells how it was made.

use std::io::Cursor;

use pcpu_trace::{Reader, TraceError};

/// What the trace is called.
pub const NAME: &str = "boot612-numa8";

/// What the trace is, in words.
pub const STORY: &str = "a real boot of Linux 6.12 on 8 CPUs, built in";

/// Memory nodes of the machine.
pub const NODES: u32 = 2;

/// Bytes per CPU of static variables in that kernel.
pub const STATIC_SIZE: usize = 194_968;

/// Bytes per CPU that it reserved for modules; it was built without them.
pub const RESERVED_SIZE: usize = 0;

/// Bytes per CPU of its first chunk's dynamic region.
pub const DYN_SIZE: usize = 30_312;

/// Bytes of the large pages that its first chunk is made of.
pub const ATOM_SIZE: usize = 2 << 20;

/// Opens the trace.
pub fn reader() -> Result<Reader, TraceError> {
    let bytes: &'static [u8] = include_bytes!("../traces/boot612-numa8.trace.zst");
    Reader::new(NAME, Cursor::new(bytes))
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Traces of per-CPU allocations: pcpu's own language, and the kernel's text.
//!
//! A trace is a list of what some system asked its per-CPU allocator for. Two kinds of
//! file hold one, and [`Reader`] turns either into the same stream of [`Event`]s:
//!
//! ```text
//!   file ─▶ decompress ─▶ lines ─▶ language │ kernel ─▶ Event::Op(a | f | b)
//!           .zst .xz .gz  ≤ 64 KiB          │           Event::Mark
//!                                           └─ slot (base_addr, off) becomes a small ID
//! ```
//!
//! - **The trace language** is for tests, fuzzing and benches: one line, one operation.
//!   `a ID SIZE ALIGN [atomic] [reserved]` allocates and remembers the result as `ID`,
//!   `f ID` frees it, `b` runs the balance work; `#` starts a comment.
//! - **Kernel text** is what `trace`, `trace_pipe`, `perf script` and `trace-cmd report`
//!   print when the `percpu` events of Linux are on. It may begin in mid-life and have
//!   gaps, so what does not fit is counted in [`Counts`] instead of being an error.
//!
//! Nothing is held but the objects alive at the moment: a trace larger than memory is
//! read as easily as a small one. Bad input is a [`TraceError`] with its line and column.
//!
//! # Examples
//! Converting a kernel trace to the language:
//! ```
//! use std::fmt::Write;
//! # let text = "# tracer: nop
//! #   bash-7 [001] d..1. 3.14: percpu_alloc_percpu: reserved=0 is_atomic=1 size=16 align=8 base_addr=00ff off=64 ptr=0";
//! # let trace = pcpu_trace::Reader::new("example", text.as_bytes())?;
//! # let mut out = String::new();
//! use pcpu_trace::Event;
//!
//! for event in trace {
//!     if let Event::Op(op) = event? {
//!         writeln!(out, "{op}")?;
//!     }
//! }
//! assert_eq!(out, "a 0 16 8 atomic\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`percpu_stats`] reads and writes the kernel's statistics file of that name.

#![forbid(unsafe_code)]

mod error;
mod input;
mod kernel;
mod language;
mod lines;
mod op;
pub mod percpu_stats;
mod reader;
mod words;
mod zstd;

pub use error::{ErrorKind, TraceError, Word};
pub use lines::MAX_LINE_BYTES;
pub use op::{Alloc, Context, Event, Id, Op, Region};
pub use reader::{Counts, Header, Kind, Reader};

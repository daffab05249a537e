// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reader: which kind of trace this is, and its events one at a time.
//!
//! # Telling the kinds apart
//! The first line that is neither blank nor a comment decides, when the trace is opened:
//!
//! - it begins with a verb of the language: the file is in the language, and every further
//!   line has to be;
//! - otherwise the file can only be kernel text: it is if a header came before that line, or
//!   else as soon as one follows or an event of the allocator (or a mark) is seen. Events of
//!   other kinds may come first in any number, other lines up to 1000.
//!
//! A header without events is an empty trace. A file with neither, an empty file or one of
//! comments alone included, is bad input: most likely something else was meant.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{ErrorKind, Fault, TraceError};
use crate::input::Input;
use crate::kernel::{Kernel, Proof, header, looks_like_event};
use crate::language::{Language, before_comment, begins_with_verb, require_utf8};
use crate::lines::Lines;
use crate::op::Event;
use crate::words::Words;

/// Most lines without the form of a trace event that may precede the first one of kernel
/// text without header; a tool's own messages are far fewer.
pub(crate) const MAX_NOISE_LINES: u32 = 1000;

/// Events read and not yet handed out.
pub(crate) type Queue = VecDeque<Event>;

/// What has been read so far.
///
/// For the events handed out: `allocs - frees` areas are alive, and `frees` of them include
/// `implied_frees`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines with an operation of the language; or events of the kernel's allocator: alloc,
    /// free, failure, chunk created, chunk destroyed. Marks and other events are not counted.
    pub events: u64,
    /// [`Op::Alloc`](crate::Op::Alloc)s handed out or about to be.
    pub allocs: u64,
    /// [`Op::Free`](crate::Op::Free)s handed out or about to be, implied ones included.
    pub frees: u64,
    /// Frees of what was not seen allocated; not handed out.
    pub unknown_frees: u64,
    /// Frees that the kernel's text lacks, made up because their slot was used anew.
    pub implied_frees: u64,
    /// Requests that the kernel refused; not handed out.
    pub failed: u64,
    /// Events that the text itself says are missing: overwritten ones by its header, and
    /// those of its notes (at least; a note without a number counts as one).
    pub lost: u64,
}

/// What a trace says about itself before its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// CPUs of the recorded machine: `#P:8` of tracefs, `cpus=8` of trace-cmd.
    pub cpus: Option<u32>,
}

/// The kinds of trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In pcpu's trace language.
    Language,
    /// Text of the Linux kernel or its tools.
    Kernel,
}

/// Reads a trace as a stream.
///
/// Iterates over the same events as [`Reader::next_event`] gives, and ends after an error.
///
/// # Units
/// Memory grows with the objects alive at the moment, not with the length of the trace; a
/// compressed one may add its window, at most 128 MiB.
pub struct Reader {
    name: String,
    lines: Lines,
    parser: Parser,
    header: Header,
    counts: Counts,
    queue: Queue,
    ended: bool,
}

enum Parser {
    Language(Language),
    Kernel(Kernel),
}

impl Reader {
    /// Opens a trace file, compressed (zstd, xz, gzip; by content, not by name) or not.
    ///
    /// # Errors
    /// What cannot be opened, a directory, and all that [`Reader::new`] refuses.
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        let name = path.display().to_string();
        let unopened = |kind| TraceError::unopened(&name, kind);
        if path.is_dir() {
            return Err(unopened(ErrorKind::Directory));
        }
        let file = File::open(path).map_err(|error| unopened(ErrorKind::Io(error)))?;
        Reader::new(&name, file)
    }

    /// Reads a trace from `input`; `name` is what error messages call it.
    ///
    /// # Errors
    /// Reads up to the line that decides the kind, and fails if there is none, or if it or a
    /// line before it is bad.
    pub fn new(name: &str, input: impl Read + 'static) -> Result<Self, TraceError> {
        let input = Input::new(input).map_err(|kind| TraceError::unopened(name, kind))?;
        let mut reader = Reader {
            name: name.to_owned(),
            lines: Lines::new(input),
            parser: Parser::Kernel(Kernel::default()),
            header: Header::default(),
            counts: Counts::default(),
            queue: Queue::new(),
            ended: false,
        };
        reader.find_kind()?;
        Ok(reader)
    }

    /// Reads on to the next event; `None` at the end and after an error.
    ///
    /// # Errors
    /// The first bad line, or input that cannot be read or decompressed.
    pub fn next_event(&mut self) -> Result<Option<Event>, TraceError> {
        while self.queue.is_empty() && !self.ended {
            if self.advance()? {
                self.take_line()?;
            }
        }
        Ok(self.queue.pop_front())
    }

    /// Returns what has been read so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns what the header says; whole once the trace is opened.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the kind of trace.
    pub fn kind(&self) -> Kind {
        match self.parser {
            Parser::Language(_) => Kind::Language,
            Parser::Kernel(_) => Kind::Kernel,
        }
    }

    /// Returns the name that the trace was opened with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the bytes taken from the input as it is stored, for a progress bar.
    pub fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }

    /// Reads lines until one decides the kind, and takes that one.
    fn find_kind(&mut self) -> Result<(), TraceError> {
        let mut headed = false;
        let mut first_word = None;
        let mut noise = 0;
        while self.advance()? {
            if self.take_header() {
                headed = true;
                continue;
            }
            let line = self.lines.line();
            let eventful = looks_like_event(line);
            let Some(word) = Words::of(line).next() else {
                continue;
            };
            // Below a header, a task's name may begin with `#`.
            if word.text.starts_with(b"#") && !(headed && eventful) {
                continue;
            }
            let column = word.column();
            // A task may also be called `a`.
            let in_language = begins_with_verb(line) && !looks_like_event(before_comment(line));
            if first_word.is_none() && in_language {
                self.parser = Parser::Language(Language::default());
                return self.take_line();
            }

            let readable = require_utf8(line);
            if self.take_line_as_kernel()? == Proof::Event || headed {
                return Ok(());
            }
            readable.map_err(|fault| self.fail(fault))?;
            first_word.get_or_insert((self.lines.number(), column));
            noise += u32::from(!eventful);
            if noise > MAX_NOISE_LINES {
                break;
            }
        }
        if headed {
            return Ok(());
        }
        let (line, column) = first_word.unwrap_or((1, 1));
        let fault = Fault::new(column, ErrorKind::NoTrace);
        Err(TraceError::at(&self.name, line, fault))
    }

    fn advance(&mut self) -> Result<bool, TraceError> {
        match self.lines.advance() {
            Ok(more) => {
                self.ended = !more;
                Ok(more)
            }
            Err(fault) => Err(self.fail(fault)),
        }
    }

    fn take_line(&mut self) -> Result<(), TraceError> {
        if let Parser::Language(language) = &mut self.parser {
            let taken = language.line(self.lines.line(), &mut self.counts, &mut self.queue);
            return taken.map_err(|fault| self.fail(fault));
        }
        // Files may be put together, so a header can come late.
        if !self.take_header() {
            self.take_line_as_kernel()?;
        }
        Ok(())
    }

    fn take_line_as_kernel(&mut self) -> Result<Proof, TraceError> {
        let Parser::Kernel(kernel) = &mut self.parser else {
            return Ok(Proof::None);
        };
        let taken = kernel.line(self.lines.line(), &mut self.counts, &mut self.queue);
        taken.map_err(|fault| self.fail(fault))
    }

    /// Takes the line if it is a header's.
    fn take_header(&mut self) -> bool {
        let Some(said) = header::parse(self.lines.line()) else {
            return false;
        };
        self.header.cpus = self.header.cpus.or(said.cpus);
        self.counts.lost = self.counts.lost.saturating_add(said.lost);
        true
    }

    fn fail(&mut self, fault: Fault) -> TraceError {
        self.ended = true;
        TraceError::at(&self.name, self.lines.number(), fault)
    }
}

impl Iterator for Reader {
    type Item = Result<Event, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_event().transpose()
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("name", &self.name)
            .field("kind", &self.kind())
            .field("line", &self.lines.number())
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

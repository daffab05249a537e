// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors: what is wrong with a trace, and where.
//!
//! Inside the crate a parser reports a [`Fault`]: a column and a reason. The reader, which
//! alone knows the file's name and the line's number, makes it a [`TraceError`].

use std::{fmt, io};

use thiserror::Error;

/// Longest piece of a bad word that a message repeats, in characters.
const QUOTED_CHARS: usize = 40;

/// Why a trace cannot be read (further), and where it went wrong.
///
/// Prints as `NAME:LINE:COLUMN: reason`, or `NAME: reason` where there is no line.
#[derive(Debug)]
pub struct TraceError {
    name: String,
    /// Line and column from 1; `None` if the file could not even be opened.
    position: Option<(u64, u64)>,
    kind: ErrorKind,
}

/// What is wrong with a trace.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
    /// The path names a directory.
    #[error("is a directory, a trace is one file")]
    Directory,
    /// Compressed data ends too early, fails its own checks, or needs more memory than allowed.
    #[error("{format} data is damaged, cut short, or needs over 128 MiB to decompress: {source}")]
    Damaged {
        /// `zstd`, `xz` or `gzip`.
        format: &'static str,
        /// What the decompressor says.
        source: io::Error,
    },
    /// A recorder's binary file, which its own tool turns into text.
    #[error("{tool}'s binary file, not text; the output of `{command}` can be read")]
    Recording {
        /// The recorder.
        tool: &'static str,
        /// The command that prints such a file.
        command: &'static str,
    },
    /// A line does not end within the limit.
    #[error("line is longer than {limit} bytes, the longest allowed")]
    LongLine {
        /// The limit in bytes.
        limit: usize,
    },
    /// A byte of value zero: the file is not text.
    #[error("byte of value 0, a trace is text")]
    Nul,
    /// Bytes that are not UTF-8, outside kernel text (where task names may hold any byte).
    #[error("bytes that are not UTF-8, a trace is text")]
    NotUtf8,
    /// Neither kind of trace; the position is that of the first word.
    #[error(
        "neither a trace in pcpu's language (lines `a ID SIZE ALIGN`, `f ID`, `b`) \
         nor a kernel trace (a header or percpu events)"
    )]
    NoTrace,
    /// A line of the language begins with something else than a verb.
    #[error("unknown operation `{word}`, allowed are `a`, `f` and `b`")]
    UnknownVerb {
        /// The word.
        word: String,
    },
    /// A word is not a decimal number.
    #[error("{what} `{word}` is not a number, allowed is 0 to {}", u64::MAX)]
    NotANumber {
        /// Which number.
        what: Word,
        /// The word.
        word: String,
    },
    /// A number does not fit in 64 bits.
    #[error("{what} `{word}` is over 64 bits, allowed is 0 to {}", u64::MAX)]
    TooBig {
        /// Which number.
        what: Word,
        /// The word.
        word: String,
    },
    /// The line ends before its last word; the position is where it would be.
    #[error("{what} is missing, expected is `{form}`")]
    Missing {
        /// Which word.
        what: Word,
        /// The whole form of the operation.
        form: &'static str,
    },
    /// The line goes on after its last word.
    #[error("unexpected word `{word}`, expected is `{form}`")]
    Extra {
        /// The word.
        word: String,
        /// The whole form of the operation.
        form: &'static str,
    },
    /// `atomic` or `reserved` stands twice.
    #[error("`{word}` is given twice, once is allowed")]
    Repeated {
        /// The word.
        word: String,
    },
    /// An allocation takes an ID that names another one.
    #[error("ID {id} is in use, it may be allocated again after `f {id}`")]
    LiveId {
        /// The ID.
        id: u64,
    },
    /// A kernel event lacks a field that it always has.
    #[error("event {event} has no field `{field}`")]
    MissingField {
        /// The event.
        event: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A field of a kernel event cannot be understood.
    #[error("event {event} has {field}=`{word}`, expected is {expected}")]
    BadField {
        /// The event.
        event: &'static str,
        /// The field.
        field: &'static str,
        /// Its value.
        word: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// A word of the trace language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The name of an allocation.
    Id,
    /// Bytes per CPU.
    Size,
    /// Alignment in bytes.
    Align,
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Word::Id => "ID",
            Word::Size => "SIZE",
            Word::Align => "ALIGN",
        })
    }
}

impl TraceError {
    /// An error before the first line.
    pub(crate) fn unopened(name: &str, kind: ErrorKind) -> Self {
        TraceError { name: name.to_owned(), position: None, kind }
    }

    /// A fault found in the line of that number.
    pub(crate) fn at(name: &str, line: u64, fault: Fault) -> Self {
        TraceError {
            name: name.to_owned(),
            position: Some((line, fault.column as u64)),
            kind: fault.kind,
        }
    }

    /// Returns the name that the trace was opened with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the bad line's number from 1, of the decompressed text.
    pub fn line(&self) -> Option<u64> {
        self.position.map(|(line, _)| line)
    }

    /// Returns the bad word's column from 1, in bytes.
    pub fn column(&self) -> Option<u64> {
        self.position.map(|(_, column)| column)
    }

    /// Returns what is wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.name)?;
        if let Some((line, column)) = self.position {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.kind)
    }
}

impl std::error::Error for TraceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.kind)
    }
}

/// A reason and the column (from 1, in bytes) it was found at, in a line known elsewhere.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) column: usize,
    pub(crate) kind: ErrorKind,
}

impl Fault {
    pub(crate) fn new(column: usize, kind: ErrorKind) -> Self {
        Fault { column, kind }
    }
}

/// A bad word as a message may show it: on one line, of bounded length, nothing invisible.
pub(crate) fn quoted(word: &[u8]) -> String {
    let text = String::from_utf8_lossy(word);
    let mut shown: String = text.chars().take(QUOTED_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_prints_name_line_column_and_reason() {
        let fault = Fault::new(3, ErrorKind::LiveId { id: 9 });
        let error = TraceError::at("x.trace", 12, fault);
        assert_eq!(
            error.to_string(),
            "x.trace:12:3: ID 9 is in use, it may be allocated again after `f 9`"
        );
        let error = TraceError::unopened("d", ErrorKind::Directory);
        assert_eq!(error.to_string(), "d: is a directory, a trace is one file");
    }

    #[test]
    fn a_quoted_word_is_short_and_visible() {
        assert_eq!(quoted(b"ab\x1b[0m"), "ab\\u{1b}[0m");
        assert_eq!(quoted(&[b'x'; 500]).chars().count(), QUOTED_CHARS + 1);
    }
}

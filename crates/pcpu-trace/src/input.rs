// SPDX-License-Identifier: MIT OR Apache-2.0
//! Input: bytes as stored, counted, and decompressed by what they are.
//!
//! A file's first bytes say how it is compressed, whatever it is called; so a renamed file
//! and a pipe work as well. Compressed data that ends too early is an error and never a
//! silent end, since half a trace replays differently from a whole one.
//!
//! Decompressing may need at most [`MAX_WINDOW_BYTES`] of history, which `zstd` and `xz`
//! stay under unless told otherwise.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

use crate::error::ErrorKind;
use crate::zstd::Frames;

/// Most history a decompressor may keep; `zstd`'s own default limit.
pub(crate) const MAX_WINDOW_BYTES: u64 = 128 << 20;

/// What the xz reader may use besides the history, in KiB.
const XZ_OVERHEAD_KIB: u32 = 1 << 10;

/// Bytes read at once, before and after decompressing.
const BUFFER_BYTES: usize = 64 * 1024;

/// Enough first bytes to tell every known format.
const MAGIC_BYTES: u64 = 10;

/// The text of a trace, decompressed.
pub(crate) struct Input {
    text: Box<dyn BufRead>,
    format: Format,
    bytes_read: Rc<Cell<u64>>,
}

/// How the stored bytes are to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Plain,
    Zstd,
    Xz,
    Gzip,
}

impl Input {
    /// Looks at the first bytes and sets up what they call for.
    pub(crate) fn new(stored: impl Read + 'static) -> Result<Self, ErrorKind> {
        let bytes_read = Rc::new(Cell::new(0));
        let mut counted = Counted { inner: stored, bytes_read: Rc::clone(&bytes_read) };

        let mut magic = Vec::new();
        (&mut counted).take(MAGIC_BYTES).read_to_end(&mut magic).map_err(ErrorKind::Io)?;
        let format = Format::of(&magic)?;

        let stored = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(magic).chain(counted));
        let text: Box<dyn BufRead> = match format {
            Format::Plain => Box::new(stored),
            Format::Zstd => buffered(Frames::new(stored)),
            Format::Xz => {
                let limit_kib = (MAX_WINDOW_BYTES >> 10) as u32 + XZ_OVERHEAD_KIB;
                buffered(XzReader::new_mem_limit(stored, true, limit_kib))
            }
            Format::Gzip => buffered(MultiGzDecoder::new(stored)),
        };
        Ok(Input { text, format, bytes_read })
    }

    /// Bytes taken from the input as it is stored.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }

    /// Says whether a failed read is the file's fault or its compression's.
    pub(crate) fn explain(&self, source: io::Error) -> ErrorKind {
        let format = match self.format {
            Format::Plain => return ErrorKind::Io(source),
            Format::Zstd => "zstd",
            Format::Xz => "xz",
            Format::Gzip => "gzip",
        };
        ErrorKind::Damaged { format, source }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.text.read(buffer)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.text.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.text.consume(amount);
    }
}

impl Format {
    fn of(magic: &[u8]) -> Result<Self, ErrorKind> {
        let recording = |tool, command| Err(ErrorKind::Recording { tool, command });
        match magic {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Format::Zstd),
            // A skippable frame, which some compressors write first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Format::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Ok(Format::Xz),
            [0x1f, 0x8b, ..] => Ok(Format::Gzip),
            [b'P', b'E', b'R', b'F', b'I', b'L', b'E', b'2', ..] => {
                recording("perf", "perf script")
            }
            [0x17, 0x08, 0x44, b't', b'r', b'a', b'c', b'i', b'n', b'g'] => {
                recording("trace-cmd", "trace-cmd report")
            }
            _ => Ok(Format::Plain),
        }
    }
}

fn buffered(decoder: impl Read + 'static) -> Box<dyn BufRead> {
    Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
}

/// Counts what passes.
struct Counted<R> {
    inner: R,
    bytes_read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.bytes_read.set(self.bytes_read.get() + got as u64);
        Ok(got)
    }
}

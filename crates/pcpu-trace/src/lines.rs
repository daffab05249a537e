// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines of bounded length, one at a time in the same buffer.
//!
//! Whatever the input claims to be, at most [`MAX_LINE_BYTES`] of it are held, and a byte of
//! value zero ends the reading at once: a disk image given by mistake is refused within its
//! first line.

use std::io::{BufRead, Read};

use crate::error::{ErrorKind, Fault};
use crate::input::Input;

/// Longest line a trace may have, in bytes without its end.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// The lines of a decompressed input.
pub(crate) struct Lines {
    input: Input,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    pub(crate) fn new(input: Input) -> Self {
        Lines { input, line: Vec::new(), number: 0 }
    }

    /// Moves to the next line; `false` at the end.
    pub(crate) fn advance(&mut self) -> Result<bool, Fault> {
        self.line.clear();
        self.number += 1;
        let got = (&mut self.input)
            .take(MAX_LINE_BYTES as u64 + 1)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| Fault::new(1, self.input.explain(error)))?;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        if let Some(offset) = self.line.iter().position(|&byte| byte == 0) {
            return Err(Fault::new(offset + 1, ErrorKind::Nul));
        }
        if self.line.len() > MAX_LINE_BYTES {
            let limit = MAX_LINE_BYTES;
            return Err(Fault::new(limit + 1, ErrorKind::LongLine { limit }));
        }
        Ok(got > 0)
    }

    /// The line moved to last, without its end.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Its number, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Bytes taken from the input as it is stored.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.input.bytes_read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: Vec<u8>) -> Lines {
        Lines::new(Input::new(std::io::Cursor::new(bytes)).unwrap())
    }

    #[test]
    fn the_longest_line_is_read_and_one_byte_more_is_refused() {
        let mut longest = vec![b'x'; MAX_LINE_BYTES];
        longest.extend(b"\nend");
        let mut read = lines(longest.clone());
        assert!(read.advance().unwrap());
        assert_eq!(read.line().len(), MAX_LINE_BYTES);
        assert!(read.advance().unwrap());
        assert_eq!((read.line(), read.number()), (&b"end"[..], 2));
        assert!(!read.advance().unwrap());

        longest.insert(0, b'x');
        let fault = lines(longest).advance().unwrap_err();
        assert_eq!(fault.column, MAX_LINE_BYTES + 1);
        assert!(matches!(fault.kind, ErrorKind::LongLine { limit: 65536 }));
    }

    #[test]
    fn an_endless_line_is_refused_without_reading_it_all() {
        let input = Input::new(std::io::repeat(b'x')).unwrap();
        let mut endless = Lines::new(input);
        assert!(endless.advance().is_err());
        assert!(endless.bytes_read() < 4 * MAX_LINE_BYTES as u64);
    }

    #[test]
    fn a_zero_byte_is_refused_where_it_stands() {
        let fault = lines(b"ab\0".to_vec()).advance().unwrap_err();
        assert_eq!(fault.column, 3);
        assert!(matches!(fault.kind, ErrorKind::Nul));
    }
}

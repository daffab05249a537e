// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words of a line, each with the column it stands at.
//!
//! Both kinds of trace are lines of words between blanks, and both need to point at a bad
//! one. Lines are bytes here: kernel text may hold task names that are not UTF-8.

/// One word and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At<'a> {
    /// Offset of the first byte in the line, from 0.
    pub(crate) offset: usize,
    /// The word, never empty.
    pub(crate) text: &'a [u8],
}

impl At<'_> {
    /// Column as people count, from 1.
    pub(crate) fn column(&self) -> usize {
        self.offset + 1
    }

    /// Offset of the first byte behind the word.
    pub(crate) fn end(&self) -> usize {
        self.offset + self.text.len()
    }
}

/// The words of `line` from `offset` on.
#[derive(Clone)]
pub(crate) struct Words<'a> {
    line: &'a [u8],
    offset: usize,
}

impl<'a> Words<'a> {
    pub(crate) fn of(line: &'a [u8]) -> Self {
        Words { line, offset: 0 }
    }

    pub(crate) fn from_offset(line: &'a [u8], offset: usize) -> Self {
        Words { line, offset }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = At<'a>;

    fn next(&mut self) -> Option<At<'a>> {
        let rest = &self.line[self.offset..];
        let blanks = rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let rest = &rest[blanks..];
        let length = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        let offset = self.offset + blanks;
        self.offset = offset + length;
        Some(At { offset, text: &rest[..length] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_their_columns() {
        let words: Vec<_> =
            Words::of(b"\ta  bc \r").map(|word| (word.column(), word.text)).collect();
        assert_eq!(words, [(2, &b"a"[..]), (5, &b"bc"[..])]);
    }

    #[test]
    fn a_line_of_blanks_has_no_words() {
        assert_eq!(Words::of(b" \t ").next(), None);
        assert_eq!(Words::of(b"").next(), None);
        assert_eq!(Words::from_offset(b"abc", 3).next(), None);
    }
}

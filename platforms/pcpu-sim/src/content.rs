// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a frame holds, without spending a page of memory on most frames.
//!
//! Per-CPU memory of thousands of CPUs is mostly one byte repeated: junk from before, or zeros.
//! So a frame is kept as a short list of *segments*, each a byte that repeats until the next one
//! starts, and becomes real bytes only when that list grows too long:
//!
//! ```text
//!  fresh         │A5 ......................................│   1 segment
//!  zero 16 @ 64  │A5 ....│00 ..│A5 ........................│   3 segments
//!  zero 16 @ 80  │A5 ....│00 .......│A5 ...................│   still 3
//! ```
//!
//! # Invariants
//! - **F1** the first segment starts at 0; starts rise strictly and lie below the page size.
//! - **F2** neighbouring segments hold different bytes.

/// Segments that a frame holds without memory of its own.
const FEW: usize = 5;
/// Segments beyond which real bytes are simpler.
const MANY: usize = 32;
/// Runs of equal bytes in one write up to which it is entered as segments.
const RUNS_IN_A_WRITE: usize = 8;

/// A byte that repeats up to the start of the next segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Segment {
    start: u16,
    byte: u8,
}

/// The bytes of one frame.
pub(crate) enum Content {
    Few { nr: u8, segments: [Segment; FEW] },
    Many(Vec<Segment>),
    Bytes(Box<[u8]>),
}

impl Default for Content {
    fn default() -> Self {
        Self::filled(0)
    }
}

impl Content {
    /// A frame that holds `byte` throughout.
    pub(crate) fn filled(byte: u8) -> Self {
        let mut segments = [Segment::default(); FEW];
        segments[0].byte = byte;
        Self::Few { nr: 1, segments }
    }

    /// Says whether the frame costs a page of real memory.
    pub(crate) const fn is_real(&self) -> bool {
        matches!(self, Self::Bytes(_))
    }

    /// Writes `byte` to `len` bytes from `at`, in a frame of `page` bytes.
    #[inline]
    pub(crate) fn fill(&mut self, at: usize, len: usize, byte: u8, page: usize) {
        if len == page {
            *self = Self::filled(byte);
            return;
        }
        match self {
            Self::Bytes(bytes) => bytes[at..at + len].fill(byte),
            Self::Few { nr, segments } => {
                if !holds(&segments[..usize::from(*nr)], at, len, byte, page) {
                    self.splice(at, len, byte, page);
                }
            }
            Self::Many(segments) => {
                if !holds(segments, at, len, byte, page) {
                    self.splice(at, len, byte, page);
                }
            }
        }
    }

    /// Copies `bytes` to `at`, in a frame of `page` bytes.
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8], page: usize) {
        if !self.is_real() {
            let runs = || bytes.chunk_by(|a, b| a == b);
            if runs().nth(RUNS_IN_A_WRITE).is_none() {
                let mut at = at;
                for run in runs() {
                    self.fill(at, run.len(), run[0], page);
                    at += run.len();
                }
                return;
            }
        }
        self.make_real(page)[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Copies the bytes from `at` out.
    pub(crate) fn read(&self, at: usize, out: &mut [u8]) {
        let segments = match self {
            Self::Bytes(bytes) => return out.copy_from_slice(&bytes[at..at + out.len()]),
            _ => self.segments(),
        };
        let end = at + out.len();
        for (i, segment) in segments.iter().enumerate() {
            let stop = segments.get(i + 1).map_or(end, |next| usize::from(next.start).min(end));
            let start = usize::from(segment.start).max(at);
            if start < stop {
                out[start - at..stop - at].fill(segment.byte);
            }
        }
    }

    fn segments(&self) -> &[Segment] {
        match self {
            Self::Few { nr, segments } => &segments[..usize::from(*nr)],
            Self::Many(segments) => segments,
            Self::Bytes(_) => &[],
        }
    }

    /// Enters a run into the list of segments.
    fn splice(&mut self, at: usize, len: usize, byte: u8, page: usize) {
        let mut list = List::default();
        let end = at + len;
        let mut after = None;
        for segment in self.segments() {
            match usize::from(segment.start) {
                start if start < at => list.push(start, segment.byte),
                _ => break,
            }
        }
        list.push(at, byte);
        for segment in self.segments() {
            let start = usize::from(segment.start);
            if start > end {
                if let Some(byte) = after.take() {
                    list.push(end, byte);
                }
                list.push(start, segment.byte);
            } else {
                after = Some(segment.byte);
            }
        }
        if let Some(byte) = after.filter(|_| end < page) {
            list.push(end, byte);
        }
        self.adopt(&list, page);
    }

    fn adopt(&mut self, list: &List, page: usize) {
        let from = &list.segments[..list.nr];
        if from.len() <= FEW {
            let mut segments = [Segment::default(); FEW];
            segments[..from.len()].copy_from_slice(from);
            *self = Self::Few { nr: from.len() as u8, segments };
            return;
        }
        if let Self::Many(own) = self {
            own.clear();
            own.extend_from_slice(from);
        } else {
            *self = Self::Many(from.to_vec());
        }
        if from.len() > MANY {
            self.make_real(page);
        }
    }

    /// Turns the frame into real bytes.
    fn make_real(&mut self, page: usize) -> &mut [u8] {
        if !self.is_real() {
            let mut bytes = vec![0; page].into_boxed_slice();
            self.read(0, &mut bytes);
            *self = Self::Bytes(bytes);
        }
        match self {
            Self::Bytes(bytes) => bytes,
            _ => unreachable!("the frame was made real above"),
        }
    }
}

/// Says whether the run lies within one segment that holds `byte` already.
#[inline]
fn holds(segments: &[Segment], at: usize, len: usize, byte: u8, page: usize) -> bool {
    let next = segments.iter().position(|s| usize::from(s.start) > at).unwrap_or(segments.len());
    let end = segments.get(next).map_or(page, |s| usize::from(s.start));
    segments[next - 1].byte == byte && at + len <= end
}

/// A list being built: a splice adds at most two segments to what was there.
struct List {
    nr: usize,
    segments: [Segment; MANY + 3],
}

impl Default for List {
    fn default() -> Self {
        Self { nr: 0, segments: [Segment::default(); MANY + 3] }
    }
}

impl List {
    fn push(&mut self, start: usize, byte: u8) {
        if self.nr > 0 && self.segments[self.nr - 1].byte == byte {
            return;
        }
        self.segments[self.nr] = Segment { start: start as u16, byte };
        self.nr += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 256;

    fn bytes_of(content: &Content) -> Vec<u8> {
        let mut bytes = vec![0xEE; PAGE];
        content.read(0, &mut bytes);
        bytes
    }

    #[test]
    fn zeroing_neighbouring_areas_one_by_one_needs_three_segments() {
        let mut content = Content::filled(0xA5);
        for at in (64..160).step_by(16) {
            content.fill(at, 16, 0, PAGE);
        }
        assert_eq!(content.segments().len(), 3);
        let bytes = bytes_of(&content);
        assert!(bytes[64..160].iter().all(|&b| b == 0));
        assert!(bytes[..64].iter().chain(&bytes[160..]).all(|&b| b == 0xA5));
    }

    #[test]
    fn a_frame_becomes_real_when_written_in_detail_and_sparse_when_filled_whole() {
        let mut content = Content::filled(0xA5);
        let detail: Vec<u8> = (0..40).collect();
        content.write(10, &detail, PAGE);
        assert!(content.is_real());
        assert_eq!(bytes_of(&content)[10..50], detail);
        content.fill(0, PAGE, 0, PAGE);
        assert!(!content.is_real());
        assert_eq!(bytes_of(&content), [0; PAGE]);
    }

    #[test]
    fn segments_and_plain_bytes_agree_on_any_sequence_of_writes() {
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            (state >> 33) as usize % below
        };
        // Miri is slow, and has seen all there is to see after a few.
        let rounds = if cfg!(miri) { 2 } else { 40 };
        for _ in 0..rounds {
            let mut content = Content::filled(3);
            let mut plain = vec![3; PAGE];
            for _ in 0..60 {
                let at = random(PAGE);
                let len = 1 + random((PAGE - at).min(40));
                let byte = random(3) as u8;
                if random(4) == 0 {
                    let word = [byte, byte, 0, 1, 1, 1, byte, 2];
                    let word = &word[..len.min(8)];
                    content.write(at, word, PAGE);
                    plain[at..at + word.len()].copy_from_slice(word);
                } else {
                    content.fill(at, len, byte, PAGE);
                    plain[at..at + len].fill(byte);
                }
                assert_eq!(bytes_of(&content), plain);
                let starts: Vec<_> = content.segments().iter().map(|s| s.start).collect();
                assert!(starts.is_sorted_by(|a, b| a < b), "F1");
                assert!(content.segments().windows(2).all(|s| s[0].byte != s[1].byte), "F2");
            }
        }
    }
}

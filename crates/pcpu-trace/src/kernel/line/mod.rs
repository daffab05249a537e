// SPDX-License-Identifier: MIT OR Apache-2.0
//! One line of kernel text, whoever printed it.
//!
//! ```text
//! tracefs    TASK-PID   [001] d..1.  12.345678: percpu_free_percpu: base_addr=… off=… ptr=…
//! trace-cmd  TASK-PID   [001]        12.345678: percpu_free_percpu:   base_addr=0x… off=… ptr=0x…
//! perf       TASK  PID  [001]        12.345678:  percpu:percpu_free_percpu: base_addr=0x… off=…
//! ```
//!
//! What stands before the event differs, can be switched off, and begins with a task name
//! that may hold blanks, `-`, `:` and `/`. So nothing is found by its place. An event is the
//! **first** word `NAME:` or `percpu:NAME:` of a known name that a `key=` word follows; its
//! fields are then found by name, and what has no known key is skipped. That holds because
//!
//! - a task name has at most 15 bytes, and the shortest such pair of words is longer;
//! - text written by user space, which may quote whole events, comes after its own name
//!   (`tracing_mark_write:`), so the first name is the true one.
//!
//! A known event with a field missing or unreadable is an error, since a trace that skips it
//! would replay as something that never happened. Any other line is nothing to us.

use crate::error::{ErrorKind, Fault, quoted};
use crate::op::{Alloc, Context, Region};
use crate::words::{At, Words};

/// What one line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// An allocation; the request's ID is still to be chosen.
    Alloc(Slot, Alloc),
    Free(Slot),
    Fail,
    /// A chunk was created or destroyed.
    Chunk {
        base: u64,
    },
    Mark(&'a [u8]),
    /// So many events are missing here.
    Lost(u64),
    Other,
}

/// Where an area lies: all that the kernel's text tells one from another by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    base: u64,
    off: i64,
}

impl Slot {
    pub(super) fn first_of(base: u64) -> Self {
        Slot { base, off: i64::MIN }
    }

    pub(super) fn last_of(base: u64) -> Self {
        Slot { base, off: i64::MAX }
    }
}

const ALLOC: &str = "percpu_alloc_percpu";
const FREE: &str = "percpu_free_percpu";
const FAIL: &str = "percpu_alloc_percpu_fail";
const CREATE: &str = "percpu_create_chunk";
const DESTROY: &str = "percpu_destroy_chunk";
const MARK: &str = "tracing_mark_write";
const EVENTS: [&str; 6] = [ALLOC, FREE, FAIL, CREATE, DESTROY, MARK];

/// Reads one line.
pub(super) fn parse(line: &[u8]) -> Result<Record<'_>, Fault> {
    let Some(event) = find_event(line) else {
        return Ok(lost(line).map_or(Record::Other, Record::Lost));
    };
    match event.name {
        ALLOC => alloc(&event),
        FREE => Ok(Record::Free(event.slot()?)),
        FAIL => Ok(Record::Fail),
        MARK => Ok(Record::Mark(event.text().trim_ascii())),
        _ => Ok(Record::Chunk { base: event.address("base_addr")? }),
    }
}

/// Whether the line has the form of any trace event at all: a time, then a name.
pub(crate) fn looks_like_event(line: &[u8]) -> bool {
    let mut after_time = false;
    Words::of(line).any(|word| {
        let found = after_time && word.text.len() > 1 && word.text.ends_with(b":");
        after_time = is_time(word);
        found
    })
}

fn alloc<'a>(event: &Found<'_>) -> Result<Record<'a>, Fault> {
    let request = Alloc {
        id: 0,
        size: event.number("size")?,
        align: event.number("align")?,
        context: match event.flag("is_atomic")? {
            Flag::Clear => Context::MaySleep,
            Flag::Set => Context::Atomic,
        },
        region: match event.flag("reserved")? {
            Flag::Clear => Region::Dynamic,
            Flag::Set => Region::Reserved,
        },
    };
    Ok(Record::Alloc(event.slot()?, request))
}

/// A known event in its line.
struct Found<'a> {
    line: &'a [u8],
    name: &'static str,
    /// Column of the name.
    column: usize,
    /// Offset of what follows the name.
    rest: usize,
}

enum Flag {
    Clear,
    Set,
}

fn find_event(line: &[u8]) -> Option<Found<'_>> {
    let mut after_colon = false;
    for word in Words::of(line) {
        if let Some(name) = event_name(word.text) {
            let believable = match name {
                // Free text follows a mark, so what precedes it has to speak for it.
                MARK => after_colon,
                _ => {
                    let next = Words::from_offset(line, word.end()).next();
                    next.is_some_and(|next| next.text.contains(&b'='))
                }
            };
            if believable {
                return Some(Found { line, name, column: word.column(), rest: word.end() });
            }
        }
        after_colon = word.text.ends_with(b":");
    }
    None
}

fn event_name(word: &[u8]) -> Option<&'static str> {
    let name = word.strip_suffix(b":")?;
    let name = name.strip_prefix(b"percpu:").unwrap_or(name);
    EVENTS.into_iter().find(|known| known.as_bytes() == name)
}

/// `12.345678:`, or `12345:` where the clock is a counter.
fn is_time(word: At) -> bool {
    let Some(time) = word.text.strip_suffix(b":") else {
        return false;
    };
    let digits = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    time.first().is_some_and(u8::is_ascii_digit) && time.iter().all(digits)
}

impl<'a> Found<'a> {
    fn text(&self) -> &'a [u8] {
        &self.line[self.rest..]
    }

    fn slot(&self) -> Result<Slot, Fault> {
        let base = self.address("base_addr")?;
        let off = self.field("off", "a decimal number", |text| text.parse().ok())?;
        Ok(Slot { base, off })
    }

    /// A number, decimal unless `0x` says otherwise.
    fn number(&self, key: &'static str) -> Result<u64, Fault> {
        self.field(key, "a number of at most 64 bits", |text| match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        })
    }

    /// An address, in hexadecimal with or without `0x`.
    fn address(&self, key: &'static str) -> Result<u64, Fault> {
        self.field(key, "a hexadecimal address", |text| {
            let digits = text.strip_prefix("0x").unwrap_or(text);
            u64::from_str_radix(digits, 16).ok()
        })
    }

    fn flag(&self, key: &'static str) -> Result<Flag, Fault> {
        self.field(key, "0 or 1", |text| match text {
            "0" => Some(Flag::Clear),
            "1" => Some(Flag::Set),
            _ => None,
        })
    }

    /// The value of the first `key=` word, as `read` understands it.
    fn field<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Fault> {
        let event = self.name;
        let word = Words::from_offset(self.line, self.rest).find_map(|word| {
            let value = word.text.strip_prefix(key.as_bytes())?.strip_prefix(b"=")?;
            let offset = word.end() - value.len();
            Some(At { offset, text: value })
        });
        let Some(value) = word else {
            let kind = ErrorKind::MissingField { event, field: key };
            return Err(Fault::new(self.column, kind));
        };
        let understood = std::str::from_utf8(value.text).ok().and_then(read);
        understood.ok_or_else(|| {
            let kind =
                ErrorKind::BadField { event, field: key, word: quoted(value.text), expected };
            Fault::new(value.column(), kind)
        })
    }
}

/// How many events the line says are missing: `CPU:2 [LOST 123 EVENTS]` (tracefs),
/// `CPU:2 [123 EVENTS DROPPED]` (trace-cmd), `… PERF_RECORD_LOST lost 123` (perf). Where the
/// line gives no number, it is at least one.
fn lost(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?.trim();
    if let Some(note) = line.strip_prefix("CPU:") {
        let (cpu, note) = note.split_once(" [")?;
        cpu.parse::<u32>().ok()?;
        let note = note.strip_suffix(']')?;
        let dropped = note.strip_suffix("EVENTS DROPPED");
        let lost = || note.strip_prefix("LOST ")?.strip_suffix("EVENTS");
        return Some(dropped.or_else(lost)?.trim().parse().unwrap_or(1));
    }
    let mut words = line.split_whitespace();
    words.find(|word| word.starts_with("PERF_RECORD_LOST"))?;
    let number = words.find_map(|word| word.trim_start_matches("lost=").parse().ok());
    Some(number.unwrap_or(1))
}

#[cfg(test)]
mod tests;

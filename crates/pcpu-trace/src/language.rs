// SPDX-License-Identifier: MIT OR Apache-2.0
//! The trace language: one line, one operation.
//!
//! ```text
//! # two areas, the second without sleeping
//! a 0 16 8
//! a 1 4096 64 atomic
//! f 0
//! b
//! ```
//!
//! Words stand between blanks; `#` starts a comment anywhere; empty lines are skipped.
//! Numbers are decimal and fit in 64 bits, and nothing else is asked of them.
//!
//! [`Language`] keeps the set of live IDs: an `a` for one of them is bad input, an `f` of
//! any other is counted and skipped. So each ID that comes out is freed at most once per
//! allocation.

use std::collections::HashSet;

use crate::error::{ErrorKind, Fault, Word, quoted};
use crate::op::{Alloc, Context, Event, Id, Op, Region};
use crate::reader::{Counts, Queue};
use crate::words::{At, Words};

const ALLOC_FORM: &str = "a ID SIZE ALIGN [atomic] [reserved]";
const FREE_FORM: &str = "f ID";
const BALANCE_FORM: &str = "b";

/// What has to be remembered between lines.
#[derive(Default)]
pub(crate) struct Language {
    live: HashSet<Id>,
}

impl Language {
    /// Reads one line and queues the operation on it.
    pub(crate) fn line(
        &mut self,
        line: &[u8],
        counts: &mut Counts,
        queue: &mut Queue,
    ) -> Result<(), Fault> {
        require_utf8(line)?;
        let code = before_comment(line);
        let Some(op) = parse(code)? else {
            return Ok(());
        };

        counts.events += 1;
        match op {
            Op::Alloc(alloc) if !self.live.insert(alloc.id) => {
                let column = Words::of(code).nth(1).map_or(1, |id| id.column());
                return Err(Fault::new(column, ErrorKind::LiveId { id: alloc.id }));
            }
            Op::Alloc(_) => counts.allocs += 1,
            Op::Free(id) if !self.live.remove(&id) => {
                counts.unknown_frees += 1;
                return Ok(());
            }
            Op::Free(_) => counts.frees += 1,
            Op::Balance => {}
        }
        queue.push_back(Event::Op(op));
        Ok(())
    }
}

/// Whether the line begins with one of the three verbs.
pub(crate) fn begins_with_verb(line: &[u8]) -> bool {
    let first = Words::of(before_comment(line)).next();
    first.is_some_and(|word| matches!(word.text, b"a" | b"f" | b"b"))
}

/// The line up to its `#`.
pub(crate) fn before_comment(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|&byte| byte == b'#');
    &line[..end.unwrap_or(line.len())]
}

pub(crate) fn require_utf8(line: &[u8]) -> Result<(), Fault> {
    match std::str::from_utf8(line) {
        Ok(_) => Ok(()),
        Err(error) => Err(Fault::new(error.valid_up_to() + 1, ErrorKind::NotUtf8)),
    }
}

/// The operation on a line without comment; `None` if there is none.
fn parse(code: &[u8]) -> Result<Option<Op>, Fault> {
    let mut words = Words::of(code);
    let Some(verb) = words.next() else {
        return Ok(None);
    };
    let op = match verb.text {
        b"a" => return alloc(code, verb, words).map(|alloc| Some(Op::Alloc(alloc))),
        b"f" => Op::Free(number(code, verb, words.next(), Word::Id, FREE_FORM)?),
        b"b" => Op::Balance,
        other => {
            let word = quoted(other);
            return Err(Fault::new(verb.column(), ErrorKind::UnknownVerb { word }));
        }
    };
    let form = match op {
        Op::Balance => BALANCE_FORM,
        _ => FREE_FORM,
    };
    match words.next() {
        None => Ok(Some(op)),
        Some(word) => Err(extra(word, form)),
    }
}

fn alloc(code: &[u8], verb: At, mut words: Words) -> Result<Alloc, Fault> {
    let mut next = |what| number(code, verb, words.next(), what, ALLOC_FORM);
    let mut alloc = Alloc {
        id: next(Word::Id)?,
        size: next(Word::Size)?,
        align: next(Word::Align)?,
        context: Context::MaySleep,
        region: Region::Dynamic,
    };
    for word in words {
        match word.text {
            b"atomic" if alloc.context == Context::MaySleep => alloc.context = Context::Atomic,
            b"reserved" if alloc.region == Region::Dynamic => alloc.region = Region::Reserved,
            b"atomic" | b"reserved" => {
                let kind = ErrorKind::Repeated { word: quoted(word.text) };
                return Err(Fault::new(word.column(), kind));
            }
            _ => return Err(extra(word, ALLOC_FORM)),
        }
    }
    Ok(alloc)
}

fn number(
    code: &[u8],
    verb: At,
    word: Option<At>,
    what: Word,
    form: &'static str,
) -> Result<u64, Fault> {
    let Some(word) = word else {
        // The column after the last word: where the missing one should begin.
        let end = code.trim_ascii_end().len().max(verb.end());
        return Err(Fault::new(end + 1, ErrorKind::Missing { what, form }));
    };
    // `parse` alone would take a sign.
    let digits = word.text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(word.text).ok().filter(|_| digits);
    let Some(text) = text else {
        let word_text = quoted(word.text);
        let kind = ErrorKind::NotANumber { what, word: word_text };
        return Err(Fault::new(word.column(), kind));
    };
    text.parse().map_err(|_| {
        let word_text = quoted(word.text);
        let kind = ErrorKind::TooBig { what, word: word_text };
        Fault::new(word.column(), kind)
    })
}

fn extra(word: At, form: &'static str) -> Fault {
    let text = quoted(word.text);
    Fault::new(word.column(), ErrorKind::Extra { word: text, form })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The column and message that a line is refused with.
    fn refusal(line: &str) -> (usize, String) {
        let mut language = Language::default();
        let fault =
            language.line(line.as_bytes(), &mut Counts::default(), &mut Queue::new()).unwrap_err();
        (fault.column, fault.kind.to_string())
    }

    fn ops(text: &str) -> (Vec<String>, Counts) {
        let (mut language, mut counts, mut queue) =
            (Language::default(), Counts::default(), Queue::new());
        for line in text.lines() {
            language.line(line.as_bytes(), &mut counts, &mut queue).unwrap();
        }
        let printed = queue.iter().map(|event| match event {
            Event::Op(op) => op.to_string(),
            Event::Mark(text) => panic!("mark {text} in the language"),
        });
        (printed.collect(), counts)
    }

    #[test]
    fn every_form_is_understood() {
        let text = "a 1 0 3 reserved atomic\r\n\n  # comment\n\ta 2 18446744073709551615 007#c\nf 1 # 2\nb";
        let (ops, counts) = ops(text);
        let expected = ["a 1 0 3 atomic reserved", "a 2 18446744073709551615 7", "f 1", "b"];
        assert_eq!(ops, expected);
        assert_eq!((counts.events, counts.allocs, counts.frees), (4, 2, 1));
    }

    #[test]
    fn an_id_may_be_used_again_after_its_free() {
        let (ops, _) = ops("a 5 4 4\nf 5\na 5 8 8");
        assert_eq!(ops, ["a 5 4 4", "f 5", "a 5 8 8"]);
    }

    #[test]
    fn a_free_of_an_id_that_is_not_live_is_counted_and_skipped() {
        let (ops, counts) = ops("f 1\na 1 4 4\nf 1\nf 1");
        assert_eq!(ops, ["a 1 4 4", "f 1"]);
        assert_eq!(counts.unknown_frees, 2);
        assert_eq!(counts.events, 4);
    }

    #[test]
    fn an_allocation_for_a_live_id_is_refused_at_the_id() {
        let (mut language, mut counts, mut queue) =
            (Language::default(), Counts::default(), Queue::new());
        language.line(b"a 1 4 4", &mut counts, &mut queue).unwrap();
        let fault = language.line(b" a  1 4 4", &mut counts, &mut queue).unwrap_err();
        assert_eq!(fault.column, 5);
        assert!(matches!(fault.kind, ErrorKind::LiveId { id: 1 }));
    }

    #[test]
    fn each_bad_word_is_named_where_it_stands() {
        let cases = [
            ("a x 4 4", 3, "ID `x` is not a number"),
            ("a 1 +4 4", 5, "SIZE `+4` is not a number"),
            ("a 1 0x10 4", 5, "SIZE `0x10` is not a number"),
            ("a 1 4 -4", 7, "ALIGN `-4` is not a number"),
            ("a 1 18446744073709551616 4", 5, "is over 64 bits"),
            ("f 99999999999999999999", 3, "is over 64 bits"),
            ("a", 2, "ID is missing"),
            ("a 1", 4, "SIZE is missing"),
            ("a 1 4  # 8", 6, "ALIGN is missing"),
            ("f", 2, "ID is missing, expected is `f ID`"),
            ("f 1 2", 5, "unexpected word `2`, expected is `f ID`"),
            ("b 1", 3, "unexpected word `1`, expected is `b`"),
            ("a 1 4 4 atomic 5", 16, "unexpected word `5`"),
            ("a 1 4 4 atomic atomic", 16, "`atomic` is given twice"),
            ("a 1 4 4 reserved reserved", 18, "`reserved` is given twice"),
            ("a 1 4 4 Atomic", 9, "unexpected word `Atomic`"),
            ("x 1", 1, "unknown operation `x`"),
            ("alloc 1", 1, "unknown operation `alloc`"),
        ];
        for (line, column, message) in cases {
            let (found_column, found) = refusal(line);
            assert_eq!(found_column, column, "{line}: {found}");
            assert!(found.contains(message), "{line}: {found}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_even_in_a_comment() {
        let fault = Language::default()
            .line(b"b # \xff", &mut Counts::default(), &mut Queue::new())
            .unwrap_err();
        assert_eq!(fault.column, 5);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A real file, and small ones made from it.

use super::*;

const REAL: &str = include_str!("../../tests/data/percpu_stats.txt");

/// The real text with one piece exchanged.
fn changed(from: &str, to: &str) -> Result<Report, StatsError> {
    assert!(REAL.contains(from));
    parse(&REAL.replacen(from, to, 1))
}

#[test]
fn a_real_file_is_read_and_printed_byte_for_byte() {
    let report = parse(REAL).unwrap();
    assert_eq!(report.allocation.unit_size, 1_048_576);
    assert_eq!(report.global.nr_max_alloc, 101_764);
    assert_eq!(report.global.empty_pop_pages, 69);
    let labels: Vec<_> = report.chunks.iter().map(|chunk| chunk.label).collect();
    let expected = [ChunkLabel::First, ChunkLabel::Plain, ChunkLabel::Sidelined, ChunkLabel::Plain];
    assert_eq!(labels, expected);
    assert_eq!(report.chunks[2].stats.max_frag, 94_096);
    assert_eq!(report.to_string(), REAL);
}

#[test]
fn every_heading_of_a_chunk_is_read() {
    for label in ChunkLabel::ALL {
        let report = changed("Chunk (sidelined):", label.heading()).unwrap();
        assert_eq!(report.chunks[2].label, label);
    }
}

#[test]
fn unknown_fields_and_no_chunks_are_allowed() {
    let report = changed("  nr_chunks ", "  new_field : 9\n  nr_chunks ").unwrap();
    assert_eq!(report.global.nr_chunks, 4);
    let (before, _) = REAL.split_once("Chunk:").unwrap();
    assert!(parse(before).unwrap().chunks.is_empty());
}

#[test]
fn a_wrong_heading_is_named_with_its_line() {
    let error = changed("Global Stats:", "Global:").unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 11: `Global:` is not `name : value` with a number of at most 64 bits"
    );
    let error = changed("Chunk (sidelined):", "Chunk (odd):").unwrap_err();
    assert_eq!(error.to_string(), "line 51: found `Chunk (odd):`, expected is `Chunk:`");
    assert_eq!(parse("").unwrap_err().line, 1);
    assert_eq!(parse("a 1 2 3").unwrap_err().line, 1);
}

#[test]
fn a_value_that_is_no_number_is_named_with_its_line() {
    for value in ["-1", "x", "99999999999999999999"] {
        let error = changed("1048576", value).unwrap_err();
        assert_eq!(error.line, 4);
        assert!(matches!(error.kind, StatsErrorKind::NotAValue { .. }));
    }
}

#[test]
fn a_field_must_stand_exactly_once() {
    let error = changed("  nr_dealloc ", "  nr_alloc ").unwrap_err();
    let kind = StatsErrorKind::Repeated { field: "nr_alloc" };
    assert_eq!(error, StatsError { line: 14, kind });

    let error = changed("  cur_max_alloc       :         4096\n", "").unwrap_err();
    let field = "cur_max_alloc";
    let kind = StatsErrorKind::Missing { field };
    assert_eq!(error, StatsError { line: 37, kind });
}

#[test]
fn a_text_cut_short_is_refused_at_its_end() {
    let (before, _) = REAL.split_once("  empty_pop_pages").unwrap();
    let error = parse(before).unwrap_err();
    assert_eq!(error.line, before.lines().count() + 1);
}

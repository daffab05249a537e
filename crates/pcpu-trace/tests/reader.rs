// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole traces through the public door: real excerpts, compressed ones, and wrong files.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use pcpu_trace::{Counts, ErrorKind, Event, Kind, Op, Reader, TraceError};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn open(name: &str) -> Reader {
    Reader::open(&data(name)).unwrap()
}

fn reader(bytes: impl Into<Vec<u8>>) -> Result<Reader, TraceError> {
    Reader::new("t", Cursor::new(bytes.into()))
}

/// Everything the trace holds, printed, up to its first error.
fn drain(reader: &mut Reader) -> Result<Vec<String>, TraceError> {
    let mut printed = Vec::new();
    while let Some(event) = reader.next_event()? {
        printed.push(match event {
            Event::Op(op) => op.to_string(),
            Event::Mark(text) => format!("mark {text}"),
        });
    }
    Ok(printed)
}

fn read(bytes: impl Into<Vec<u8>>) -> Result<Vec<String>, TraceError> {
    drain(&mut reader(bytes)?)
}

fn refusal(bytes: impl Into<Vec<u8>>) -> TraceError {
    read(bytes).unwrap_err()
}

const TRACEFS_EVENTS: [&str; 13] = [
    "a 0 8 8",
    "mark snapshot before begin",
    "f 0",
    "a 0 8 8",
    "mark snapshot before end",
    "f 0",
    "a 0 16 8",
    "a 1 16 4",
    "a 2 16 8",
    "a 3 16 4",
    "f 0",
    "f 1",
    "a 1 8 8 reserved",
];

#[test]
fn text_of_tracefs_is_read() {
    let mut trace = open("tracefs.trace");
    assert_eq!(trace.kind(), Kind::Kernel);
    assert_eq!(trace.header().cpus, Some(2));
    assert_eq!(drain(&mut trace).unwrap(), TRACEFS_EVENTS);
    let expected = Counts {
        events: 17,
        allocs: 7,
        frees: 4,
        unknown_frees: 2,
        implied_frees: 0,
        failed: 2,
        lost: 0,
    };
    assert_eq!(*trace.counts(), expected);
    let length = std::fs::metadata(data("tracefs.trace")).unwrap().len();
    assert_eq!(trace.bytes_read(), length);
}

#[test]
fn text_of_perf_script_is_read() {
    let mut trace = open("perf-script.txt");
    assert_eq!((trace.kind(), trace.header().cpus), (Kind::Kernel, None));
    let events = drain(&mut trace).unwrap();
    assert_eq!(events[..4], ["a 0 16 8", "a 1 16 4", "a 2 16 8", "a 3 16 4"]);
    let counts = trace.counts();
    assert_eq!((counts.events, counts.allocs), (24, 20));
    assert_eq!((counts.frees, counts.unknown_frees), (2, 2));
}

#[test]
fn text_of_trace_cmd_report_is_read() {
    let mut trace = open("trace-cmd-report.txt");
    assert_eq!((trace.kind(), trace.header().cpus), (Kind::Kernel, Some(8)));
    drain(&mut trace).unwrap();
    let counts = trace.counts();
    assert_eq!(counts.events, 23);
    assert_eq!(counts.allocs + counts.frees + counts.unknown_frees, 23);
}

#[test]
fn a_kernel_trace_written_as_language_reads_back_the_same() {
    let ops: String = drain(&mut open("perf-script.txt")).unwrap().join("\n");
    let mut again = reader(ops.clone()).unwrap();
    assert_eq!(again.kind(), Kind::Language);
    assert_eq!(drain(&mut again).unwrap().join("\n"), ops);
}

#[test]
fn compressed_traces_are_known_by_content() {
    for suffix in ["zst", "xz", "gz"] {
        let bytes = std::fs::read(data(&format!("tracefs.trace.{suffix}"))).unwrap();
        let mut trace = reader(bytes.clone()).unwrap();
        assert_eq!(drain(&mut trace).unwrap(), TRACEFS_EVENTS, "{suffix}");
        assert_eq!(trace.bytes_read(), bytes.len() as u64, "{suffix}");
    }
}

#[test]
fn compressed_parts_in_a_row_are_one_trace() {
    for suffix in ["zst", "xz", "gz"] {
        let bytes = std::fs::read(data(&format!("tracefs.trace.{suffix}"))).unwrap();
        let mut trace = reader([bytes.clone(), bytes].concat()).unwrap();
        drain(&mut trace).unwrap();
        assert_eq!(trace.counts().events, 34, "{suffix}");
        // The first part leaves slots in use that the second allocates.
        assert_eq!(trace.counts().implied_frees, 3, "{suffix}");
    }
}

#[test]
fn frames_of_zstd_without_data_are_skipped() {
    let skippable = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let bytes = std::fs::read(data("tracefs.trace.zst")).unwrap();
    let around = [&skippable[..], &bytes, &skippable].concat();
    assert_eq!(read(around).unwrap(), TRACEFS_EVENTS);
    let cut = [&bytes, &skippable[..10]].concat();
    assert!(matches!(refusal(cut).kind(), ErrorKind::Damaged { .. }));
}

#[test]
fn compressed_data_cut_anywhere_is_an_error() {
    for suffix in ["zst", "xz", "gz"] {
        let bytes = std::fs::read(data(&format!("tracefs.trace.{suffix}"))).unwrap();
        // Shorter than this it is not known to be compressed; it is refused as text.
        for length in 6..bytes.len() {
            let error = refusal(&bytes[..length]);
            let damaged = matches!(error.kind(), ErrorKind::Damaged { .. });
            assert!(damaged, "{suffix}, {length} bytes: {error}");
        }
        assert!(read(&bytes[..5]).is_err());
    }
}

#[test]
fn a_flipped_bit_in_compressed_data_is_seen_by_its_checksum() {
    for suffix in ["zst", "xz", "gz"] {
        let mut bytes = std::fs::read(data(&format!("tracefs.trace.{suffix}"))).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        assert!(read(bytes).is_err(), "{suffix}");
    }
}

#[test]
fn the_first_line_that_is_no_comment_decides() {
    let event = "a 1 [000] 1.0: percpu:percpu_create_chunk: base_addr=1\n";
    let language = format!("# {event}\n  # {event}\nb # {event}");
    assert_eq!(reader(language).unwrap().kind(), Kind::Language);
    let headed = "# tracer: nop\n# entries-in-buffer/entries-written: 1/1   #P:3\nb";
    let headed = reader(headed).unwrap();
    assert_eq!((headed.kind(), headed.header().cpus), (Kind::Language, Some(3)));

    let by_task_a = format!("{event}a 1 8 8\n");
    assert_eq!(reader(by_task_a).unwrap().kind(), Kind::Kernel);
    let by_task_hash = format!("# tracer: nop\n   #x/0-1 {event}");
    let mut trace = reader(by_task_hash).unwrap();
    assert!(drain(&mut trace).unwrap().is_empty());
    assert_eq!((trace.kind(), trace.counts().events), (Kind::Kernel, 1));
}

#[test]
fn other_events_before_and_between_are_passed_over() {
    let other = "x-1 [000] 1.0: sched_switch: prev_comm=a\n".repeat(5000);
    let event = "x-1 [000] 1.0: percpu_create_chunk: base_addr=1\n";
    let mut trace = reader(format!("{other}{event}{other}{event}")).unwrap();
    drain(&mut trace).unwrap();
    assert_eq!(trace.counts().events, 2);
}

#[test]
fn a_header_without_events_is_an_empty_trace() {
    for text in [
        "# tracer: nop\n#\n",
        "# entries-in-buffer/entries-written: 0/0   #P:8",
        "version = 6\ncpus=8\n",
        "# tracer: nop\nx-1 [000] 1.0: sched_switch: x=1\n",
    ] {
        let mut trace = reader(text).unwrap();
        assert_eq!(trace.kind(), Kind::Kernel, "{text}");
        assert!(drain(&mut trace).unwrap().is_empty(), "{text}");
        assert_eq!(*trace.counts(), Counts::default(), "{text}");
    }
}

#[test]
fn what_is_neither_kind_is_refused_at_its_first_word() {
    let switch = "\n # c\n  x-1 [000] 1.0: sched_switch: x=1\n";
    for (text, line, column) in [
        ("", 1, 1),
        ("\n\n", 1, 1),
        ("# only a comment", 1, 1),
        ("\n  hello world\n", 2, 3),
        ("x 1 8 8\na 1 8 8\n", 1, 1),
        ("A 1 8 8", 1, 1),
        (switch, 3, 3),
    ] {
        let error = refusal(text);
        assert!(matches!(error.kind(), ErrorKind::NoTrace), "{text}: {error}");
        let position = (error.line(), error.column());
        assert_eq!(position, (Some(line), Some(column)), "{text}");
    }
}

#[test]
fn a_long_text_that_is_no_trace_is_refused_early() {
    let mut endless = std::iter::repeat_n("not a trace\n", 1_000_000).collect::<String>();
    endless.push_str("x-1 [000] 1.0: percpu_create_chunk: base_addr=1\n");
    assert!(matches!(refusal(endless).kind(), ErrorKind::NoTrace));
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_stand() {
    let error = refusal(&b"\n\x7fELF\x02\x01\0\0"[..]);
    assert_eq!(error.to_string(), "t:2:7: byte of value 0, a trace is text");
    let error = refusal(&b"ab\xff\xfe"[..]);
    assert_eq!((error.line(), error.column()), (Some(1), Some(3)));
    let error = refusal(&b"b\nb\nb \xff"[..]);
    assert_eq!((error.line(), error.column()), (Some(3), Some(3)));
    let error = refusal(&b"# tracer: nop\nx\0"[..]);
    assert_eq!((error.line(), error.column()), (Some(2), Some(2)));
}

#[test]
fn a_recorder_s_binary_file_is_named() {
    let error = refusal(&b"PERFILE2h\0\0\0"[..]);
    assert!(error.to_string().contains("`perf script`"));
    let error = refusal(&b"\x17\x08\x44tracing6\0"[..]);
    assert!(error.to_string().contains("`trace-cmd report`"));
    assert_eq!(error.line(), None);
}

#[test]
fn an_error_names_file_line_and_column_and_ends_the_trace() {
    let mut trace = reader("# two\na 1 8 8\n\na 1 8 8\nb").unwrap();
    assert!(trace.next().unwrap().is_ok());
    let error = trace.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "t:4:3: ID 1 is in use, it may be allocated again after `f 1`");
    assert!(trace.next().is_none());
    assert!(trace.next_event().unwrap().is_none());
}

#[test]
fn an_unknown_operation_after_the_first_line_is_refused() {
    let error = refusal("b\n free 1");
    assert_eq!(error.to_string(), "t:2:2: unknown operation `free`, allowed are `a`, `f` and `b`");
}

#[test]
fn events_lost_by_header_and_notes_add_up() {
    let text = "# entries-in-buffer/entries-written: 90/100   #P:8\n\
                CPU:2 [LOST 123 EVENTS]\n\
                x-1 [000] 1.0: percpu_create_chunk: base_addr=1\n\
                CPU:1 [4 EVENTS DROPPED]\n";
    let mut trace = reader(text).unwrap();
    drain(&mut trace).unwrap();
    assert_eq!(trace.counts().lost, 10 + 123 + 4);
}

#[test]
fn a_note_of_loss_may_come_before_a_trace_without_header() {
    let text = "CPU:2 [LOST 5 EVENTS]\nx-1 [0] 1.0: percpu_create_chunk: base_addr=1\n";
    let mut trace = reader(text).unwrap();
    drain(&mut trace).unwrap();
    assert_eq!((trace.counts().lost, trace.counts().events), (5, 1));
}

#[test]
fn a_trace_put_behind_another_may_bring_its_header() {
    let text = std::fs::read_to_string(data("tracefs.trace")).unwrap();
    let second = text.replace("162903/162903", "162900/162903");
    let mut trace = reader(text + &second).unwrap();
    drain(&mut trace).unwrap();
    assert_eq!((trace.counts().events, trace.counts().lost), (34, 3));
}

#[test]
fn files_that_cannot_be_opened_are_refused_by_name() {
    let error = Reader::open(&data("")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Directory));
    let error = Reader::open(&data("missing.trace")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io(_)));
    assert!(error.to_string().contains("missing.trace: cannot be read"));
}

#[test]
fn counts_follow_the_stream() {
    let mut trace = reader("a 1 8 8\nf 1\n").unwrap();
    assert!(matches!(trace.next_event().unwrap(), Some(Event::Op(Op::Alloc(_)))));
    assert_eq!((trace.counts().allocs, trace.counts().frees), (1, 0));
    trace.next_event().unwrap();
    assert_eq!(trace.counts().frees, 1);
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines as the tools print them, and lines made to mislead.

use super::*;

const FIELDS: &str = "call_site=f+0x1/0x2 [some_module] reserved=1 is_atomic=0 size=16 align=8 base_addr=00000000a422f28b off=1160 ptr=000000002de8a05b bytes_alloc=32 gfp_flags=GFP_KERNEL|__GFP_ZERO";

fn slot(base: u64, off: i64) -> Slot {
    Slot { base, off }
}

fn expected() -> Record<'static> {
    let request =
        Alloc { id: 0, size: 16, align: 8, context: Context::MaySleep, region: Region::Reserved };
    Record::Alloc(slot(0xa422_f28b, 1160), request)
}

fn record(line: &str) -> Record<'_> {
    parse(line.as_bytes()).unwrap()
}

fn refusal(line: &str) -> (usize, String) {
    let fault = parse(line.as_bytes()).unwrap_err();
    (fault.column, fault.kind.to_string())
}

#[test]
fn each_tool_s_form_of_an_allocation_is_read() {
    for before in [
        "            bash-31385   [001] .....  3895.869269: percpu_alloc_percpu: ",
        "        small.sh-1410  [002]    21.572563: percpu_alloc_percpu:  ",
        "       perf-exec  1461 [006]    27.607107:      percpu:percpu_alloc_percpu: ",
        "   bash-31385 ( 31385) [001] d..1. 38: percpu_alloc_percpu: ",
        "percpu_alloc_percpu: ",
    ] {
        assert_eq!(record(&format!("{before}{FIELDS}")), expected(), "{before}");
    }
}

#[test]
fn task_names_do_not_mislead() {
    for task in [
        "kworker/u8:0",
        "a b: c-d/e",
        "1.0: percpu_x:",
        "[001] 1.0: x: y",
        "CPU:1 [LOST 5 E",
        "off=1 size=2",
        "# comment",
        "percpu_free_percpu: percpu_free_percpu:",
        "tracing_mark_write: x",
    ] {
        let line = format!("{task}-12   [001] .....  3.869269: percpu_alloc_percpu: {FIELDS}");
        assert_eq!(record(&line), expected(), "{task}");
    }
}

#[test]
fn bytes_of_a_task_name_need_not_be_utf8() {
    let mut line = b"\xe6\x97-12 [001] 1.0: ".to_vec();
    line.extend(format!("percpu_alloc_percpu: {FIELDS}").bytes());
    assert_eq!(parse(&line).unwrap(), expected());
}

#[test]
fn fields_are_found_by_name_in_any_order() {
    let line = "x: percpu_alloc_percpu: new=7 off=1160 base_addr=0xa422f28b align=0x8 size=16 is_atomic=0 reserved=1";
    assert_eq!(record(line), expected());
}

#[test]
fn a_free_needs_only_its_slot() {
    let line = "t-1 [000] 1.0: percpu_free_percpu: base_addr=0xff off=-8";
    assert_eq!(record(line), Record::Free(slot(0xff, -8)));
}

#[test]
fn chunks_and_failures_are_told_apart_from_allocations() {
    let chunk = Record::Chunk { base: 0xab };
    assert_eq!(record("t-1 1.0: percpu_create_chunk: base_addr=00ab"), chunk);
    assert_eq!(record("t-1 1.0: percpu_destroy_chunk: base_addr=00ab"), chunk);
    let fail = "t-1 1.0: percpu_alloc_percpu_fail: reserved=0 is_atomic=1 size=4096 align=8";
    assert_eq!(record(fail), Record::Fail);
}

#[test]
fn a_mark_is_its_text_even_if_that_quotes_an_event() {
    let quote = "t-1 [000] 1.0: percpu_free_percpu: base_addr=1 off=2";
    let line = format!("init-1 [001] .....  13.3: tracing_mark_write: {quote}");
    assert_eq!(record(&line), Record::Mark(quote.as_bytes()));
    let line = "init-1 [001] 13.3: print:  tracing_mark_write: two  words ";
    assert_eq!(record(line), Record::Mark(b"two  words"));
}

#[test]
fn other_events_are_nothing_to_us() {
    for line in [
        "bash-1 [001] d..2. 1.0: sched_switch: prev_comm=percpu_free_percpu: prev_pid=1",
        "bash-1 [001] d..2. 1.0: percpu_alloc_percpu_new: size=1",
        "bash-1 [001] d..2. 1.0: percpu_free_percpu:",
        "CPU 3 is empty",
        "version = 6",
        "",
    ] {
        assert_eq!(record(line), Record::Other, "{line}");
    }
}

#[test]
fn a_missing_field_is_named_at_its_event() {
    let line = "t-1 1.0: percpu_free_percpu: base_addr=1";
    let message = "event percpu_free_percpu has no field `off`".to_owned();
    assert_eq!(refusal(line), (10, message));
}

#[test]
fn an_unreadable_field_is_named_where_it_stands() {
    let before = "x: percpu_alloc_percpu: reserved=0 is_atomic=0 size=8 align=8 off=0";
    let (column, message) = refusal(&format!("{before} base_addr=(____ptrval____)"));
    assert_eq!(column, before.len() + 12);
    assert!(message.ends_with("expected is a hexadecimal address"));

    for (bad, good) in [
        ("size=1x", "size=16"),
        ("align=99999999999999999999", "align=8"),
        ("is_atomic=2", "is_atomic=0"),
        ("off=a", "off=1160"),
    ] {
        let line = format!("percpu_alloc_percpu: {}", FIELDS.replace(good, bad));
        let column = line.find(bad).unwrap() + bad.find('=').unwrap() + 2;
        assert_eq!(refusal(&line).0, column, "{bad}");
    }
}

#[test]
fn notes_of_lost_events_are_read() {
    for (line, lost) in [
        ("CPU:2 [LOST 123 EVENTS]", 123),
        ("CPU:2 [LOST EVENTS]", 1),
        ("CPU:7 [204600 EVENTS DROPPED]", 204_600),
        ("CPU:7 [EVENTS DROPPED]", 1),
        ("swapper 0 [006] 1.000001: PERF_RECORD_LOST lost 9", 9),
        ("x 1/1 [006] 1.0: PERF_RECORD_LOST_SAMPLES lost 4", 4),
        ("PERF_RECORD_LOST", 1),
    ] {
        assert_eq!(record(line), Record::Lost(lost), "{line}");
    }
    for line in ["CPU:2 [LOST]", "CPU:x [LOST 1 EVENTS]", "CPU:0 is empty"] {
        assert_eq!(record(line), Record::Other, "{line}");
    }
}

#[test]
fn a_time_and_a_name_look_like_an_event() {
    assert!(looks_like_event(b"a 1 [000] 12.5: sched:sched_switch: x"));
    assert!(looks_like_event(b"a-1 [000] 125: sched_switch: x"));
    assert!(!looks_like_event(b"a 1 2 3"));
    assert!(!looks_like_event(b"12:30: noon"));
    assert!(!looks_like_event(b"12.5: :"));
}

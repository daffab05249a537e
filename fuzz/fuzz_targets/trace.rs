// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any bytes may be called a trace: the reader answers with events or an error, never a panic.
//!
//! Whatever it took for an operation must read the same from the line that it prints.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use pcpu_trace::{Event, Op, Reader};

fuzz_target!(|bytes: &[u8]| {
    let Ok(trace) = Reader::new("fuzz", Cursor::new(bytes.to_vec())) else { return };
    // A few compressed bytes may stand for gigabytes.
    let ops: Vec<_> = trace.map_while(Result::ok).filter_map(op).take(10_000).collect();
    if ops.is_empty() {
        return;
    }
    let text: String = ops.iter().map(|op| format!("{op}\n")).collect();
    let again = Reader::new("printed", Cursor::new(text.into_bytes())).expect("our own language");
    let read: Vec<_> = again.map(|event| event.expect("our own line")).filter_map(op).collect();
    assert_eq!(read, ops);
});

fn op(event: Event) -> Option<Op> {
    match event {
        Event::Op(op) => Some(op),
        Event::Mark(_) => None,
    }
}

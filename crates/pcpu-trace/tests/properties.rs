// SPDX-License-Identifier: MIT OR Apache-2.0
//! What holds for any input at all.

use std::collections::BTreeSet;
use std::io::Cursor;

use pcpu_trace::{Alloc, Context, Event, Op, Reader, percpu_stats};
use proptest::prelude::*;

/// Pieces of all the formats, to be put together at random.
const PIECES: &[&[u8]] = &[
    b"a ",
    b"f ",
    b"b",
    b"1",
    b" 2",
    b" 8 8",
    b"atomic",
    b" reserved",
    b"#",
    b"\n",
    b" ",
    b"\r",
    b"# tracer: nop\n",
    b"# entries-in-buffer/entries-written: 9/10 #P:2\n",
    b"cpus=4\n",
    b"x-1 [000] ",
    b"1.0: ",
    b"percpu_alloc_percpu: ",
    b"percpu:percpu_free_percpu: ",
    b"percpu_destroy_chunk: ",
    b"tracing_mark_write: ",
    b"base_addr=0x1 ",
    b"base_addr=2 ",
    b"off=8 ",
    b"off=-1 ",
    b"size=16 ",
    b"align=4 ",
    b"reserved=0 ",
    b"is_atomic=1 ",
    b"=",
    b"CPU:1 [LOST 5 EVENTS]\n",
    b"PERF_RECORD_LOST lost 3\n",
    b"\xff",
    b"\0",
    b"\x28\xb5\x2f\xfd",
    b"\x1f\x8b\x08",
    b"\xfd7zXZ\0",
    b"Percpu Memory Statistics\n",
    b"Allocation Info:\n",
    b"Chunk:\n",
    b"  nr_alloc : 1\n",
];

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(PIECES);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Reads to the end or the first error, checking what every replayer relies on.
fn read_all(bytes: Vec<u8>) {
    let Ok(mut reader) = Reader::new("t", Cursor::new(bytes)) else {
        return;
    };
    let mut live = BTreeSet::new();
    let mut most_live = 0;
    while let Some(event) = reader.next() {
        match event {
            Ok(Event::Op(Op::Alloc(alloc))) => assert!(live.insert(alloc.id)),
            Ok(Event::Op(Op::Free(id))) => assert!(live.remove(&id)),
            Ok(Event::Op(Op::Balance) | Event::Mark(_)) => {}
            Err(error) => {
                assert!(error.line() > Some(0) && error.column() > Some(0));
                return;
            }
        }
        most_live = most_live.max(live.len());
        if reader.kind() == pcpu_trace::Kind::Kernel {
            assert!(live.iter().all(|&id| id < most_live as u64));
        }
    }
    let counts = reader.counts();
    assert_eq!(counts.allocs - counts.frees, live.len() as u64);
}

fn op() -> impl Strategy<Value = Op> {
    let context = prop_oneof![Just(Context::MaySleep), Just(Context::Atomic)];
    let region = prop_oneof![Just(pcpu_trace::Region::Dynamic), Just(pcpu_trace::Region::Reserved)];
    let alloc = (0..20_u64, any::<u64>(), any::<u64>(), context, region);
    let alloc = alloc.prop_map(|(id, size, align, context, region)| {
        Op::Alloc(Alloc { id, size, align, context, region })
    });
    prop_oneof![alloc, (0..20_u64).prop_map(Op::Free), Just(Op::Balance)]
}

/// Drops what would be bad input or skipped: an ID used twice, a free of nothing.
fn sensible(ops: Vec<Op>) -> Vec<Op> {
    let mut live = BTreeSet::new();
    let fits = |op: &Op| match op {
        Op::Alloc(alloc) => live.insert(alloc.id),
        Op::Free(id) => live.remove(id),
        Op::Balance => true,
    };
    ops.into_iter().filter(fits).collect()
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(bytes);
    }

    #[test]
    fn any_pieces_of_traces_are_read_or_refused(bytes in pieces()) {
        let _ = percpu_stats::parse(&String::from_utf8_lossy(&bytes));
        read_all(bytes);
    }

    #[test]
    fn damaged_compressed_data_is_read_or_refused(
        which in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let whole: [&[u8]; 3] = [
            include_bytes!("data/tracefs.trace.zst"),
            include_bytes!("data/tracefs.trace.xz"),
            include_bytes!("data/tracefs.trace.gz"),
        ];
        let mut bytes = whole[which].to_vec();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        read_all(bytes);
    }

    #[test]
    fn printed_operations_read_back_the_same(ops in prop::collection::vec(op(), 1..60)) {
        let mut ops = sensible(ops);
        ops.push(Op::Balance);
        let text: String = ops.iter().map(|op| format!("{op}\n")).collect();
        let read: Vec<Op> = Reader::new("t", Cursor::new(text))
            .unwrap()
            .map(|event| match event.unwrap() {
                Event::Op(op) => op,
                Event::Mark(text) => panic!("mark {text} in the language"),
            })
            .collect();
        prop_assert_eq!(read, ops);
    }
}

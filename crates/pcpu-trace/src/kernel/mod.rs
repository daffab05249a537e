// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel text: from slots to small IDs.
//!
//! The kernel names an allocation by its slot, the pair (`base_addr`, `off`). Addresses may
//! be hashed, so a slot has identity and nothing more. Here each slot in use holds the
//! smallest spare ID at hand, so that no more IDs exist than slots were ever in use at once.
//!
//! # What does not fit
//! A recording begins in mid-life and has gaps; none of that is an error.
//!
//! | the text has | what comes out | counted in |
//! |---|---|---|
//! | a free of a slot not in use | nothing | `unknown_frees` |
//! | an allocation on a slot in use | a free, then the allocation | `implied_frees` |
//! | a chunk born or gone while slots of it are in use | a free for each | `implied_frees` |
//! | a failed allocation | nothing | `failed` |
//! | a note that events were lost | nothing | `lost` |
//!
//! # Invariants
//! - **K1** every ID below `ids.used` is either spare or in `slots`, and never both.
//! - **K2** an ID that comes out in `Alloc` was not in use; one in `Free` was.

pub(crate) mod header;
mod line;

use std::collections::BTreeMap;

pub(crate) use line::looks_like_event;
use line::{Record, Slot, parse};

use crate::error::Fault;
use crate::op::{Alloc, Event, Id, Op};
use crate::reader::{Counts, Queue};

/// What has to be remembered between lines.
#[derive(Default)]
pub(crate) struct Kernel {
    /// Slots in use, a chunk's next to each other.
    slots: BTreeMap<Slot, Id>,
    ids: Ids,
}

/// Whether a line proved that the text is a kernel trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Event,
    None,
}

impl Kernel {
    /// Reads one line that is no header and queues what follows from it.
    pub(crate) fn line(
        &mut self,
        line: &[u8],
        counts: &mut Counts,
        queue: &mut Queue,
    ) -> Result<Proof, Fault> {
        let record = parse(line)?;
        match record {
            Record::Other => return Ok(Proof::None),
            Record::Lost(events) => {
                counts.lost = counts.lost.saturating_add(events);
                return Ok(Proof::None);
            }
            Record::Mark(text) => {
                let text = String::from_utf8_lossy(text).into_owned();
                queue.push_back(Event::Mark(text));
                return Ok(Proof::Event);
            }
            _ => counts.events += 1,
        }
        match record {
            Record::Alloc(slot, request) => self.alloc(slot, request, counts, queue),
            Record::Free(slot) => self.free(slot, counts, queue),
            Record::Fail => counts.failed += 1,
            Record::Chunk { base } => self.empty_chunk(base, counts, queue),
            Record::Other | Record::Lost(_) | Record::Mark(_) => {}
        }
        Ok(Proof::Event)
    }

    fn alloc(&mut self, slot: Slot, request: Alloc, counts: &mut Counts, queue: &mut Queue) {
        if let Some(old) = self.slots.remove(&slot) {
            self.imply_free(old, counts, queue);
        }
        let id = self.ids.take();
        self.slots.insert(slot, id);
        counts.allocs += 1;
        queue.push_back(Event::Op(Op::Alloc(Alloc { id, ..request })));
    }

    fn free(&mut self, slot: Slot, counts: &mut Counts, queue: &mut Queue) {
        let Some(id) = self.slots.remove(&slot) else {
            counts.unknown_frees += 1;
            return;
        };
        self.ids.give(id);
        counts.frees += 1;
        queue.push_back(Event::Op(Op::Free(id)));
    }

    /// A chunk is empty when it is born and when it goes: what is left in it was freed
    /// without our being told.
    fn empty_chunk(&mut self, base: u64, counts: &mut Counts, queue: &mut Queue) {
        let of_chunk = Slot::first_of(base)..=Slot::last_of(base);
        while let Some((&slot, &id)) = self.slots.range(of_chunk.clone()).next() {
            self.slots.remove(&slot);
            self.imply_free(id, counts, queue);
        }
    }

    fn imply_free(&mut self, id: Id, counts: &mut Counts, queue: &mut Queue) {
        self.ids.give(id);
        counts.frees += 1;
        counts.implied_frees += 1;
        queue.push_back(Event::Op(Op::Free(id)));
    }
}

/// Hands out the numbers from 0 on, used ones first.
#[derive(Default)]
struct Ids {
    spare: Vec<Id>,
    used: Id,
}

impl Ids {
    fn take(&mut self) -> Id {
        self.spare.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        })
    }

    fn give(&mut self, id: Id) {
        self.spare.push(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(lines: &[&str]) -> (Vec<String>, Counts) {
        let (mut kernel, mut counts, mut queue) =
            (Kernel::default(), Counts::default(), Queue::new());
        for line in lines {
            kernel.line(line.as_bytes(), &mut counts, &mut queue).unwrap();
        }
        let printed = queue.iter().map(|event| match event {
            Event::Op(op) => op.to_string(),
            Event::Mark(text) => format!("mark {text}"),
        });
        (printed.collect(), counts)
    }

    fn alloc(base: &str, off: i64) -> String {
        format!(
            "x-1 [0] 1.0: percpu_alloc_percpu: reserved=0 is_atomic=0 size=8 align=4 base_addr={base} off={off}"
        )
    }

    fn free(base: &str, off: i64) -> String {
        format!("x-1 [0] 1.0: percpu_free_percpu: base_addr={base} off={off} ptr=0")
    }

    #[test]
    fn a_freed_slot_gives_its_id_to_the_next() {
        let lines = [alloc("a", 0), alloc("a", 8), free("a", 0), alloc("b", 0)];
        let (ops, counts) = run(&lines.each_ref().map(String::as_str));
        assert_eq!(ops, ["a 0 8 4", "a 1 8 4", "f 0", "a 0 8 4"]);
        assert_eq!((counts.events, counts.allocs, counts.frees), (4, 3, 1));
    }

    #[test]
    fn a_slot_is_the_same_with_and_without_0x() {
        let (ops, _) = run(&[&alloc("00ff", 0), &free("0xff", 0)]);
        assert_eq!(ops, ["a 0 8 4", "f 0"]);
    }

    #[test]
    fn a_free_of_an_unknown_slot_is_counted_and_skipped() {
        let (ops, counts) = run(&[&alloc("a", 0), &free("a", 4), &free("b", 0)]);
        assert_eq!(ops, ["a 0 8 4"]);
        assert_eq!((counts.unknown_frees, counts.frees), (2, 0));
    }

    #[test]
    fn an_allocation_on_a_slot_in_use_implies_a_free() {
        let (ops, counts) = run(&[&alloc("a", 0), &alloc("a", 0)]);
        assert_eq!(ops, ["a 0 8 4", "f 0", "a 0 8 4"]);
        assert_eq!((counts.frees, counts.implied_frees), (1, 1));
    }

    #[test]
    fn a_chunk_that_goes_takes_its_slots_along_and_no_others() {
        let lines = [
            alloc("9", 0),
            alloc("a", 8),
            alloc("a", 0),
            alloc("b", 0),
            "x-1 [0] 1.0: percpu_destroy_chunk: base_addr=a".to_owned(),
        ];
        let (ops, counts) = run(&lines.each_ref().map(String::as_str));
        assert_eq!(ops[4..], ["f 2", "f 1"]);
        assert_eq!(counts.implied_frees, 2);
    }

    #[test]
    fn failures_and_losses_are_counted_and_do_nothing() {
        let (ops, counts) = run(&[
            "x-1 [0] 1.0: percpu_alloc_percpu_fail: reserved=0 is_atomic=1 size=4096 align=8",
            "CPU:2 [LOST 123 EVENTS]",
            "x-1 [0] 1.0: percpu_create_chunk: base_addr=a",
        ]);
        assert!(ops.is_empty());
        assert_eq!((counts.events, counts.failed, counts.lost), (2, 1, 123));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A trace, read once and replayed often.
//!
//! Each row of the answer replays the trace two times or more, and standard input can be read
//! only once, so operations are kept. They are kept in fewer bytes than their own text: three
//! for a usual allocation, two for a free. A kernel trace of 1 GB is 20 MB here, and the densest
//! text that can be written is still a third smaller.
//!
//! ```text
//!  file ─► pcpu_trace::Reader ─► batches of 4096 operations, packed
//!                                   │ unpacked one at a time, while no clock runs
//!                                   ▼
//!                                &[Op] ─► a run
//! ```
//!
//! # Format of a packed operation
//! One byte: two bits for the kind, one each for `atomic` and `reserved`, four for the
//! alignment if it is a power of two under 2^15, else 15. Then, seven bits to a byte: the ID, and
//! for an allocation the size and, after a 15, the alignment.

use std::fs::File;
use std::io;
use std::path::Path;

use pcpu_trace::{Alloc, Context, Counts, Event, Id, Op, Reader, Region, TraceError};

use crate::embedded;
use crate::progress::Progress;

/// Operations that are packed together.
const BATCH_OPS: usize = 4096;

const BALANCE: u8 = 0;
const FREE: u8 = 1;
const ALLOC: u8 = 2;
const KIND_MASK: u8 = 0b11;
const ATOMIC: u8 = 1 << 2;
const RESERVED: u8 = 1 << 3;
const ALIGN_SHIFT: u32 = 4;
/// The alignment follows in full.
const ALIGN_FOLLOWS: u8 = 15;

/// The operations of a trace, and what it says about itself.
pub struct Trace {
    name: String,
    header_cpus: Option<u32>,
    counts: Counts,
    nr_ops: u64,
    batches: Vec<Box<[u8]>>,
}

/// Where a trace comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// The one inside the binary.
    BuiltIn,
    /// Standard input.
    Stdin,
    /// A file.
    File(&'a Path),
}

impl Trace {
    /// Reads the whole trace.
    ///
    /// # Errors
    /// The first bad line, or input that cannot be read.
    pub fn read(source: Source) -> Result<Self, TraceError> {
        match source {
            Source::BuiltIn => Self::collect(embedded::reader()?, None),
            Source::Stdin => Self::collect(Reader::new("standard input", io::stdin())?, None),
            Source::File(path) => {
                let bytes =
                    File::open(path).and_then(|file| file.metadata()).map(|meta| meta.len());
                Self::collect(Reader::open(path)?, bytes.ok())
            }
        }
    }

    /// Packs what the reader gives; `bytes` is how much it has to read, if that is known.
    fn collect(mut reader: Reader, bytes: Option<u64>) -> Result<Self, TraceError> {
        let mut progress = Progress::new("reading", bytes.unwrap_or(0));
        let mut packer = Packer::default();
        while let Some(event) = reader.next_event()? {
            let Event::Op(op) = event else { continue };
            if packer.push(&op) == Batch::Full {
                progress.reach(reader.bytes_read());
            }
        }
        packer.close();
        Ok(Self {
            name: reader.name().to_owned(),
            header_cpus: reader.header().cpus.filter(|&nr| nr > 0),
            counts: *reader.counts(),
            nr_ops: packer.nr_ops,
            batches: packer.batches,
        })
    }

    /// Returns what to call the trace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the CPUs of the recorded machine, where the trace says so.
    pub fn header_cpus(&self) -> Option<u32> {
        self.header_cpus
    }

    /// Returns what was read.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns how many operations there are.
    pub fn nr_ops(&self) -> u64 {
        self.nr_ops
    }

    /// Calls `run` with successive operations, some thousand at a time, until it fails.
    ///
    /// # Errors
    /// The first that `run` returned.
    pub fn replay<E>(&self, mut run: impl FnMut(&[Op]) -> Result<(), E>) -> Result<(), E> {
        let mut ops = Vec::with_capacity(BATCH_OPS);
        for batch in &self.batches {
            ops.clear();
            let mut bytes = &batch[..];
            while !bytes.is_empty() {
                ops.push(unpack(&mut bytes));
            }
            run(&ops)?;
        }
        Ok(())
    }
}

/// Whether an operation was the last of its batch.
#[derive(PartialEq, Eq)]
enum Batch {
    Open,
    Full,
}

#[derive(Default)]
struct Packer {
    batches: Vec<Box<[u8]>>,
    open: Vec<u8>,
    nr_ops: u64,
}

impl Packer {
    fn push(&mut self, op: &Op) -> Batch {
        pack(op, &mut self.open);
        self.nr_ops += 1;
        if !self.nr_ops.is_multiple_of(BATCH_OPS as u64) {
            return Batch::Open;
        }
        self.close();
        Batch::Full
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.batches.push(self.open.as_slice().into());
            self.open.clear();
        }
    }
}

fn pack(op: &Op, bytes: &mut Vec<u8>) {
    let alloc = match *op {
        Op::Balance => return bytes.push(BALANCE),
        Op::Free(id) => {
            bytes.push(FREE);
            return pack_number(id, bytes);
        }
        Op::Alloc(alloc) => alloc,
    };
    let mut first = ALLOC;
    if alloc.context == Context::Atomic {
        first |= ATOMIC;
    }
    if alloc.region == Region::Reserved {
        first |= RESERVED;
    }
    let log = alloc.align.trailing_zeros() as u8;
    let is_small_power = alloc.align.is_power_of_two() && log < ALIGN_FOLLOWS;
    first |= if is_small_power { log } else { ALIGN_FOLLOWS } << ALIGN_SHIFT;
    bytes.push(first);
    pack_number(alloc.id, bytes);
    pack_number(alloc.size, bytes);
    if !is_small_power {
        pack_number(alloc.align, bytes);
    }
}

fn pack_number(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes one operation off the front of what [`pack`] wrote.
fn unpack(bytes: &mut &[u8]) -> Op {
    let first = take_byte(bytes);
    match first & KIND_MASK {
        BALANCE => Op::Balance,
        FREE => Op::Free(take_number(bytes)),
        _ => {
            let id: Id = take_number(bytes);
            let size = take_number(bytes);
            let align = match first >> ALIGN_SHIFT {
                ALIGN_FOLLOWS => take_number(bytes),
                log => 1 << log,
            };
            let context = if first & ATOMIC == 0 { Context::MaySleep } else { Context::Atomic };
            let region = if first & RESERVED == 0 { Region::Dynamic } else { Region::Reserved };
            Op::Alloc(Alloc { id, size, align, context, region })
        }
    }
}

fn take_byte(bytes: &mut &[u8]) -> u8 {
    let (&first, rest) = bytes.split_first().expect("a packed operation is whole");
    *bytes = rest;
    first
}

fn take_number(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    let mut shift = 0;
    loop {
        let byte = take_byte(bytes);
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return number;
        }
        shift += 7;
    }
}

#[cfg(test)]
impl Trace {
    /// A trace in the language, for tests.
    pub fn of(text: &'static str) -> Self {
        Self::collect(Reader::new("test", text.as_bytes()).unwrap(), None).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ops(trace: &Trace) -> Vec<Op> {
        let mut all = Vec::new();
        let run = |ops: &[Op]| -> Result<(), ()> {
            all.extend_from_slice(ops);
            Ok(())
        };
        trace.replay(run).unwrap();
        all
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let text = "a 0 16 8\nb\na 18446744073709551615 18446744073709551615 18446744073709551615 atomic\n\
                    a 127 0 0 reserved\na 128 1 16384 atomic reserved\na 300 1 32768\na 301 1 3\n\
                    f 18446744073709551615\nf 0\n";
        let trace = Trace::of(text);
        let lines: String = ops(&trace).iter().map(|op| format!("{op}\n")).collect();
        assert_eq!(lines, text);
        assert_eq!(trace.nr_ops(), 9);
    }

    #[test]
    fn usual_operations_take_three_and_two_bytes() {
        let size = |text| Trace::of(text).batches.iter().map(|batch| batch.len()).sum::<usize>();
        assert_eq!(size("a 100 16 4096 atomic reserved"), 3);
        assert_eq!(size("a 100 16 8\nf 100\nb"), 3 + 2 + 1);
    }

    #[test]
    fn batches_hold_a_fixed_number_of_operations() {
        let text: String = "b\n".repeat(2 * BATCH_OPS + 1);
        let trace = Trace::of(text.leak());
        let sizes: Vec<usize> = trace.batches.iter().map(|batch| batch.len()).collect();
        assert_eq!(sizes, [BATCH_OPS, BATCH_OPS, 1]);
        assert_eq!(ops(&trace).len(), 2 * BATCH_OPS + 1);
    }

    #[test]
    fn the_built_in_trace_is_the_boot_it_claims_to_be() {
        let trace = Trace::read(Source::BuiltIn).unwrap();
        let counts = trace.counts();
        assert_eq!((counts.allocs, counts.frees, counts.unknown_frees), (11380, 10726, 0));
        assert_eq!(trace.header_cpus(), Some(8));
    }
}

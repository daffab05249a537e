// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every interleaving of the protocol without a lock: look-up, live bit, reuse of a record.
//!
//! The directory, the record and the live bits are the real ones, on atomics that loom watches.
//! Locks are not modelled: each test has one writer, as the *pages* lock would see to.
//!
//! ```text
//!  RUSTFLAGS="--cfg loom" cargo test -p pcpu-core --lib --release loom
//! ```

use core::alloc::Layout;
use core::ptr::NonNull;
use std::vec::Vec;

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use pcpu_layout::map::{Backing, Shape};
use pcpu_layout::{Bits, Span};
use pcpu_platform::{Metadata, NoMetadata};

use crate::chunk::{ChunkRef, Kind, RecordShape};
use crate::directory::{Claim, Directory};

/// Bytes of a unit, which is a window of the directory too: 16 granules.
const UNIT: usize = 64;
const GRANULE: usize = 4;
/// Where the area of the tests starts.
const AREA: Bits = Bits::new(3);

/// The heap. What it lends stays lent: a model is run a thousand times and is small.
struct Heap;

// SAFETY: fresh, zeroed memory of the layout asked for, never taken back.
unsafe impl Metadata for Heap {
    fn take_metadata(&self, layout: Layout) -> Result<NonNull<u8>, NoMetadata> {
        // SAFETY: the layout has a size, by the trait's contract.
        NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) }).ok_or(NoMetadata)
    }

    unsafe fn give_metadata(&self, _: NonNull<u8>, _: Layout) {}
}

fn directory() -> Arc<Directory> {
    Arc::new(Directory::new(&Heap, UNIT).unwrap())
}

/// A spare record.
fn record() -> ChunkRef {
    let nr_bits = Bits::new((UNIT / GRANULE) as u32);
    let shape = RecordShape {
        kind: Kind::Ordinary,
        shape: Shape { nr_bits, page_bits: nr_bits },
        backing: Backing::Always,
        served: Span::new(Bits::ZERO, nr_bits),
        granule: GRANULE,
    };
    ChunkRef::new(&Heap, &shape, None).unwrap()
}

/// Makes a spare record the chunk at `base`, as `create_chunk` does.
fn create(directory: &Directory, record: ChunkRef, base: usize) {
    record.face().set_base(base);
    directory.insert(&Heap, record).unwrap();
}

/// Makes a chunk's record spare, as `destroy_chunk` does.
fn destroy(directory: &Directory, record: ChunkRef) {
    directory.remove(record);
    record.face().set_base(0);
}

/// Makes the area live and returns its cookie, as `hand_out` does.
fn hand_out(record: ChunkRef) -> usize {
    record.face().set_live(AREA);
    record.face().base() + AREA.get() as usize * GRANULE
}

/// The steps of a free that take no lock; `None` where no chunk serves the cookie.
fn free(directory: &Directory, cookie: usize) -> Option<Claim> {
    let found = directory.find(cookie)?;
    Some(found.claim(Bits::new((found.offset / GRANULE) as u32)))
}

#[test]
fn of_two_frees_of_one_cookie_exactly_one_wins() {
    loom::model(|| {
        let (directory, record) = (directory(), record());
        create(&directory, record, UNIT);
        let cookie = hand_out(record);
        let other = {
            let directory = directory.clone();
            thread::spawn(move || free(&directory, cookie))
        };
        let mut claims = [free(&directory, cookie), other.join().unwrap()];
        claims.sort_by_key(|claim| *claim != Some(Claim::Won));
        assert_eq!(claims, [Some(Claim::Won), Some(Claim::NotLive)]);
    });
}

/// The cookie travels by a relaxed store, which orders nothing: the live bit must.
#[test]
fn what_was_written_before_the_hand_out_happens_before_the_free() {
    loom::model(|| {
        let (directory, record) = (directory(), record());
        create(&directory, record, UNIT);
        let mailbox = Arc::new(AtomicUsize::new(0));
        let memory = Arc::new(UnsafeCell::new(0xff_u8));
        let owner = {
            let (mailbox, memory) = (mailbox.clone(), memory.clone());
            thread::spawn(move || {
                // SAFETY: loom reports the access if it is a race.
                memory.with_mut(|byte| unsafe { *byte = 0 });
                mailbox.store(hand_out(record), Ordering::Relaxed);
            })
        };
        let cookie = mailbox.load(Ordering::Relaxed);
        if free(&directory, cookie) == Some(Claim::Won) {
            // SAFETY: as above.
            memory.with_mut(|byte| unsafe { *byte += 1 });
        }
        owner.join().unwrap();
    });
}

#[test]
fn a_stale_free_never_wins_and_never_keeps_a_new_chunks_live_bit() {
    loom::model(|| {
        let (directory, record) = (directory(), record());
        create(&directory, record, UNIT);
        let stale = hand_out(record);
        assert_eq!(free(&directory, stale), Some(Claim::Won));
        let other = {
            let directory = directory.clone();
            thread::spawn(move || free(&directory, stale))
        };
        destroy(&directory, record);
        create(&directory, record, 2 * UNIT);
        let cookie = hand_out(record);
        assert_ne!(other.join().unwrap(), Some(Claim::Won));
        assert_eq!(free(&directory, cookie), Some(Claim::Won));
    });
}

/// While a stale free holds the bit, the owner's is refused, with the cookie; the next is not.
#[test]
fn an_owner_who_meets_a_stale_free_still_frees_once() {
    loom::model(|| {
        let (directory, record) = (directory(), record());
        create(&directory, record, UNIT);
        let stale = hand_out(record);
        assert_eq!(free(&directory, stale), Some(Claim::Won));
        let other = {
            let directory = directory.clone();
            thread::spawn(move || free(&directory, stale))
        };
        destroy(&directory, record);
        create(&directory, record, 2 * UNIT);
        let cookie = hand_out(record);
        let first = free(&directory, cookie);
        assert_ne!(other.join().unwrap(), Some(Claim::Won));
        let second = free(&directory, cookie);
        assert_eq!(second == Some(Claim::Won), first == Some(Claim::NotLive));
        assert!(first == Some(Claim::Won) || second == Some(Claim::Won));
    });
}

#[test]
fn a_chunk_is_found_while_its_neighbours_come_and_go() {
    loom::model(|| {
        let (directory, stays, goes) = (directory(), record(), record());
        create(&directory, goes, UNIT);
        create(&directory, stays, 2 * UNIT);
        let other = {
            let directory = directory.clone();
            thread::spawn(move || directory.find(2 * UNIT).unwrap().chunk)
        };
        destroy(&directory, goes);
        create(&directory, goes, 3 * UNIT);
        assert_eq!(other.join().unwrap(), stays);
        assert_eq!(directory.find(3 * UNIT).unwrap().chunk, goes);
    });
}

#[test]
fn every_chunk_is_found_while_the_table_grows() {
    let mut builder = Builder::new();
    builder.max_branches = 100_000;
    builder.preemption_bound = Some(3);
    builder.check(|| {
        // A full bucket: the first table has one, of eight entries.
        let (directory, records): (_, Vec<_>) = (directory(), (0..8).map(|_| record()).collect());
        for (record, nth) in records.iter().zip(1..) {
            create(&directory, *record, nth * UNIT);
        }
        let (first, last) = (records[0], records[7]);
        let other = {
            let directory = directory.clone();
            thread::spawn(move || [UNIT, 8 * UNIT].map(|at| directory.find(at).unwrap().chunk))
        };
        create(&directory, record(), 9 * UNIT);
        assert_eq!(other.join().unwrap(), [first, last]);
        assert!(directory.find(9 * UNIT).is_some());
    });
}

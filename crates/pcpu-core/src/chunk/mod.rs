// SPDX-License-Identifier: MIT OR Apache-2.0
//! A chunk: one unit of memory for every possible CPU, and what is known of it.
//!
//! What is known lies in three places, apart because different locks guard them and because a
//! layer of per-CPU caches will want them apart:
//!
//! ```text
//!  ChunkRecord ┬ Face    base address, live bits           atomics, readable without a lock
//!              ├ Chunk   map, served span, high marks      index lock (later: one per chunk)
//!              └ Link    slot and neighbours in its list   index lock
//! ```
//!
//! # Invariants
//! - **C1** the area spans of the map lie inside `served`; `served` lies inside the unit.
//! - **C2** a granule's live bit is set only while an area starts there, and its memory is backed
//!   and zeroed or already its owner's.
//! - **C3** a record's memory is kept, and keeps its shape, until the allocator is dropped: a
//!   stale [`ChunkRef`] reads an old chunk's record or its successor's, never freed memory.
//! - **C4** a page that the map calls populated is backed in the unit of every attached CPU.

mod face;
#[cfg(feature = "statistics")]
mod figures;
mod record;

pub(crate) use face::Face;
pub(crate) use record::{ChunkRecord, ChunkRef, Link, RecordShape};

use pcpu_layout::map::Map;
use pcpu_layout::{Bits, Span};
use pcpu_platform::Addr;

/// What a chunk is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The dynamic region of the boot-time units: never destroyed, pages never change.
    First,
    /// Their reserved region: on no list, not counted in the spare pages.
    Reserved,
    /// Made later.
    Ordinary,
}

/// The part of a chunk that its owner lock guards.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Where there is room.
    pub map: Map<'static>,
    /// What it is for.
    pub kind: Kind,
    /// Address of offset 0 in the unit at offset 0.
    pub base: Addr,
    /// Position in the order of creation; 0 the first chunk, -1 the reserved one.
    pub ordinal: i32,
    /// Granules that can be areas; the rest is hidden.
    pub served: Span<Bits>,
    /// Set aside for reclaim: its empty pages are not in the global count.
    pub isolated: bool,
    /// Largest area ever handed out, in granules.
    pub max_alloc: Bits,
}

impl Chunk {
    /// Says whether nothing is allocated and the chunk serves whole units.
    pub(crate) fn is_all_free(&self) -> bool {
        self.map.free() == self.map.nr_bits()
    }

    /// Says whether its empty pages are part of the global count.
    pub(crate) fn counts_empty(&self) -> bool {
        !self.isolated && self.kind != Kind::Reserved
    }

    /// Says whether pages may never be added or taken away.
    pub(crate) fn is_immutable(&self) -> bool {
        self.kind != Kind::Ordinary
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The memory of a chunk's record: one loan of metadata, cut into a header and three arrays.
//!
//! ```text
//!  ┌─────────────┬────────────┬───────────────┬──────────────────┐
//!  │ ChunkRecord │ live bits  │ map words     │ run records      │
//!  └─────────────┴────────────┴───────────────┴──────────────────┘
//! ```
//!
//! Records are never given back while the allocator lives (C3). A destroyed chunk's record waits
//! for the next chunk, so the memory kept is what the most chunks at one time needed.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use pcpu_layout::map::{Backing, Map, MapNeeds, Runs, Shape, Word};
use pcpu_layout::{Bits, Span};
use pcpu_platform::{Addr, Metadata, NoMetadata};

use super::{Chunk, Face, Kind, face};
use crate::sync::AtomicUsize;

/// A chunk's place in the lists.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// Index of its list, or `None` while on none.
    pub slot: Option<u8>,
    pub previous: Option<ChunkRef>,
    pub next: Option<ChunkRef>,
}

/// Header of a chunk's record.
pub(crate) struct ChunkRecord {
    face: Face,
    chunk: UnsafeCell<Chunk>,
    link: UnsafeCell<Link>,
    layout: Layout,
    /// Next in the list of all records, for the end of the allocator. Written once.
    next_record: Option<ChunkRef>,
}

/// A record that belongs to this allocator, in use or spare. Valid until the allocator is
/// dropped (C3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ChunkRef(NonNull<ChunkRecord>);

/// What shape of chunk a record is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordShape {
    pub kind: Kind,
    pub shape: Shape,
    pub backing: Backing,
    /// Granules that can be areas.
    pub served: Span<Bits>,
    /// Bytes in a granule.
    pub granule: usize,
}

/// Where the parts of a record lie.
struct Parts {
    layout: Layout,
    live: usize,
    words: usize,
    runs: usize,
}

impl RecordShape {
    fn parts(&self) -> Option<Parts> {
        let needs = MapNeeds::of(self.shape, self.backing);
        let live = Layout::array::<AtomicUsize>(face::live_words(self.shape.nr_bits)).ok()?;
        let (layout, live) = Layout::new::<ChunkRecord>().extend(live).ok()?;
        let (layout, words) = layout.extend(Layout::array::<Word>(needs.words).ok()?).ok()?;
        let (layout, runs) = layout.extend(Layout::array::<Runs>(needs.records).ok()?).ok()?;
        Some(Parts { layout: layout.pad_to_align(), live, words, runs })
    }

    fn served_bytes(&self) -> Span<usize> {
        let bytes = |bits: Bits| bits.get() as usize * self.granule;
        Span::new(bytes(self.served.start), bytes(self.served.end))
    }
}

/// Initialises `len` values at `offset` of a loan with their default.
///
/// # Safety
/// The loan covers and aligns them, nobody else refers to that part of it, and it lives as long
/// as the slice is used.
unsafe fn slice<T: Default>(loan: NonNull<u8>, offset: usize, len: usize) -> &'static mut [T] {
    // SAFETY: in the loan, by the caller's promise.
    let first = unsafe { loan.add(offset) }.cast::<MaybeUninit<T>>();
    // SAFETY: covered, aligned and ours alone by the caller's promise; `MaybeUninit` needs no
    // initialisation.
    let slots = unsafe { NonNull::slice_from_raw_parts(first, len).as_mut() };
    for slot in slots.iter_mut() {
        slot.write(T::default());
    }
    // SAFETY: all initialised in the loop above, and `MaybeUninit<T>` has the layout of `T`.
    unsafe { NonNull::slice_from_raw_parts(first.cast::<T>(), len).as_mut() }
}

impl ChunkRef {
    /// Borrows memory for a record and makes it a chunk's that is all free, at no address.
    /// `next_record` is the list of earlier records.
    pub(crate) fn new(
        platform: &impl Metadata,
        shape: &RecordShape,
        next_record: Option<Self>,
    ) -> Result<Self, NoMetadata> {
        let parts = shape.parts().ok_or(NoMetadata)?;
        let loan = platform.take_metadata(parts.layout)?;
        let needs = MapNeeds::of(shape.shape, shape.backing);
        let live_words = face::live_words(shape.shape.nr_bits);
        // SAFETY: `parts` says that the loan covers and aligns this part and that
        // no other part overlaps it; the loan lives until `give` (C3).
        let live = unsafe { slice::<AtomicUsize>(loan, parts.live, live_words) };
        // SAFETY: as above.
        let words = unsafe { slice::<Word>(loan, parts.words, needs.words) };
        // SAFETY: as above.
        let runs = unsafe { slice::<Runs>(loan, parts.runs, needs.records) };
        let chunk = Chunk {
            map: Map::new(shape.shape, shape.backing, words, runs),
            kind: shape.kind,
            base: Addr::new(1).expect("one is not zero"),
            ordinal: 0,
            served: shape.served,
            isolated: false,
            max_alloc: Bits::ZERO,
        };
        let record = ChunkRecord {
            face: Face::new(shape.served_bytes(), live),
            chunk: UnsafeCell::new(chunk),
            link: UnsafeCell::new(Link::default()),
            layout: parts.layout,
            next_record,
        };
        let at = loan.cast::<ChunkRecord>();
        // SAFETY: the header is the loan's first part, aligned by the loan's layout.
        unsafe { at.write(record) };
        Ok(Self(at))
    }

    /// The part that needs no lock.
    #[inline]
    pub(crate) fn face(&self) -> &Face {
        // SAFETY: the record lives until the allocator is dropped (C3), is initialised, and its
        // face is only ever shared.
        unsafe { &(*self.0.as_ptr()).face }
    }

    /// The next older record of this allocator.
    pub(crate) fn next_record(self) -> Option<Self> {
        // SAFETY: alive (C3); the field is written once, before the record is shared.
        unsafe { (*self.0.as_ptr()).next_record }
    }

    /// Where the chunk is: to be read and written by the holder of the lock that guards it.
    #[inline]
    pub(crate) fn chunk(self) -> NonNull<Chunk> {
        // SAFETY: alive and initialised (C3); the cell is shared, not what is in it.
        let cell = unsafe { &(*self.0.as_ptr()).chunk };
        NonNull::from(cell).cast()
    }

    /// Where the record's place in the lists is: likewise.
    #[inline]
    pub(crate) fn link(self) -> NonNull<Link> {
        // SAFETY: alive and initialised (C3); the cell is shared, not what is in it.
        let cell = unsafe { &(*self.0.as_ptr()).link };
        NonNull::from(cell).cast()
    }

    /// Turns the reference into a raw pointer, for the directory.
    pub(crate) const fn as_ptr(self) -> *mut ChunkRecord {
        self.0.as_ptr()
    }

    /// Takes back what [`as_ptr`](Self::as_ptr) returned; `None` for null.
    ///
    /// # Safety
    /// The pointer is null or came from `as_ptr` of the same allocator.
    #[inline]
    pub(crate) unsafe fn from_ptr(pointer: *mut ChunkRecord) -> Option<Self> {
        NonNull::new(pointer).map(Self)
    }

    /// Gives the record's memory back.
    ///
    /// # Safety
    /// `platform` lent it, and neither the record nor anything in it is used any more.
    pub(crate) unsafe fn give(self, platform: &impl Metadata) {
        // SAFETY: still alive, until the next line.
        let layout = unsafe { (*self.0.as_ptr()).layout };
        // SAFETY: lent with this layout in `new`; unused from now on by the caller's promise. No
        // part of the record has a destructor that matters: they are numbers and borrowed slices.
        unsafe { platform.give_metadata(self.0.cast(), layout) };
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The platform: a board, the memory it named, and, with an MMU, its tables.
//!
//! ```text
//!  Bare ─┬─ board      hears of events, flushes TLBs
//!        ├─ pages      bitmap of free pages          (interrupts masked)
//!        ├─ records    heap for the allocator's own  (interrupts masked)
//!        └─ window     tables, reserved addresses    (boards with `Mmu` only)
//! ```
//!
//! # Why the `unsafe impl`s hold
//! - **P1** `new` takes memory that nothing else uses, as ordinary RAM whose addresses are those of
//!   the program: pointers are made of addresses with exposed provenance.
//! - **P2** a page is free or taken by its bit in the map, which changes under its lock; likewise a
//!   piece of the heap.
//! - **P3** the board keeps the promises of [`Board`] and [`Mmu`].

mod frames;
mod mapper;
mod memory;
mod this_cpu;

use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;
use core::ptr;

use bitmap_allocator::BitAlloc;
use linked_list_allocator::Heap;
use lock_api::Mutex;
use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, NodeId};
use pcpu_platform::{Cpus, Event, Mapper, Observer, Platform, SmpMmu, SmpNoMmu, Up};

use crate::lock::{Masking, Spin};
use crate::pages::PageMap;
use crate::setup::Setup;
use crate::window::Window;
use crate::{Board, MemoryError, Mmu, PageTables};

/// A board as a platform for pcpu.
///
/// `W` is `()`, or a [`Window`] where the board can map pages: [`Mapped`]. `C` is the board's cell.
pub struct Bare<B: Board, W = (), C = <B as Board>::Cell> {
    board: B,
    pages: Mutex<Masking<B>, PageMap<B::Pages>>,
    records: Mutex<Masking<B>, Heap>,
    window: W,
    cell: PhantomData<fn() -> C>,
}

/// A board with an MMU as a platform: `type Cell = SmpMmu`.
pub type Mapped<B> = Bare<B, Window<<B as Mmu>::Tables>>;

impl<B: Board> Bare<B, (), B::Cell> {
    /// Makes a platform over two ranges of addresses: memory for pages, in whole pages, and memory
    /// for the allocator's records. They overlap neither each other nor anything else.
    ///
    /// Records are a few kilobytes to begin with and a few hundred bytes for each further chunk; too
    /// few show as `NoMetadata` when the allocator is set up.
    ///
    /// # Errors
    /// [`MemoryError`] when the ranges cannot be used, or the board contradicts itself.
    ///
    /// # Safety
    /// Both ranges are RAM that every CPU reaches at these addresses as ordinary, coherent memory.
    /// Nothing else uses them from now on, for good, and pointers with exposed provenance may.
    pub unsafe fn new(
        board: B,
        pages: Range<usize>,
        records: Range<usize>,
    ) -> Result<Self, MemoryError> {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { Self::with_window(board, (), pages, records, None) }
    }
}

impl<B: Mmu> Bare<B, Window<B::Tables>, B::Cell> {
    /// As [`Bare::new`], for a board that can map pages, with the tables that all its CPUs use.
    ///
    /// # Errors
    /// [`MemoryError`] when the ranges or the board's window cannot be used, or the board contradicts
    /// itself.
    ///
    /// # Safety
    /// As for [`Bare::new`]. Nothing else changes what the tables say of the window, where nothing is
    /// mapped yet.
    pub unsafe fn with_tables(
        board: B,
        tables: B::Tables,
        pages: Range<usize>,
        records: Range<usize>,
    ) -> Result<Self, MemoryError> {
        const {
            assert!(
                B::PAGE_SIZE == <B::Tables as PageTables>::PAGE_SIZE,
                "the page size of a board with an MMU is that of its page tables"
            );
        }
        let window = Window::new(tables, B::WINDOW, B::PAGE_SIZE);
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { Self::with_window(board, window, pages, records, Some(B::WINDOW)) }
    }
}

impl<B: Board, W, C> Bare<B, W, C> {
    /// # Safety
    /// As for `new`.
    unsafe fn with_window(
        board: B,
        window: W,
        pages: Range<usize>,
        records: Range<usize>,
        reserved: Option<Range<usize>>,
    ) -> Result<Self, MemoryError> {
        let setup = Setup {
            nr_cpus: B::NR_CPUS,
            page_size: B::PAGE_SIZE,
            most_pages: B::Pages::CAP,
            pages,
            records,
            window: reserved,
        };
        let numbers = setup.check()?;
        let bottom = ptr::with_exposed_provenance_mut(setup.records.start);
        // SAFETY: the caller gives this memory away for good, and it is large enough by the check.
        let heap = unsafe { Heap::new(bottom, setup.records.len()) };
        Ok(Self {
            board,
            pages: Mutex::new(PageMap::new(numbers)),
            records: Mutex::new(heap),
            window,
            cell: PhantomData,
        })
    }

    /// Returns the board.
    pub fn board(&self) -> &B {
        &self.board
    }

    /// Returns how many pages are free.
    pub fn free_pages(&self) -> usize {
        self.pages.lock().nr_free()
    }

    /// Returns how many bytes of the memory for records are free, in pieces perhaps.
    pub fn free_records(&self) -> usize {
        self.records.lock().free()
    }
}

impl<B: Board> Platform for Bare<B, (), Up> {
    type Cell = Up;
    type PagesLock = Spin;
    type IndexLock = Masking<B>;
}

impl<B: Board> Platform for Bare<B, (), SmpNoMmu> {
    type Cell = SmpNoMmu;
    type PagesLock = Spin;
    type IndexLock = Masking<B>;
}

impl<B: Board, W> Platform for Bare<B, W, SmpMmu>
where
    Self: Mapper,
{
    type Cell = SmpMmu;
    type PagesLock = Spin;
    type IndexLock = Masking<B>;
}

impl<B: Board, W, C> Topology for Bare<B, W, C> {
    fn nr_cpu_ids(&self) -> u32 {
        B::NR_CPUS
    }

    fn is_possible(&self, cpu: CpuId) -> bool {
        cpu.get() < B::NR_CPUS
    }

    fn node_of(&self, _: CpuId) -> Option<NodeId> {
        None
    }

    fn is_local(&self, _: CpuId, _: CpuId) -> bool {
        true
    }
}

impl<B: Board, W, C> Cpus for Bare<B, W, C> {
    #[inline]
    fn current(&self) -> CpuId {
        B::block().cpu()
    }
}

impl<B: Board, W, C> Observer for Bare<B, W, C> {
    fn event(&self, event: &Event) {
        self.board.event(event);
    }
}

impl<B: Board, W, C> fmt::Debug for Bare<B, W, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bare").field("nr_cpus", &B::NR_CPUS).finish_non_exhaustive()
    }
}

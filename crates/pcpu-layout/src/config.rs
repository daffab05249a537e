// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a pool of per-CPU memory is asked to be: sizes, reserves, water marks.
//!
//! Every number that Linux fixes at build time is a field here, with Linux's value as the
//! default. A microcontroller with 16 KiB of memory and a server with 64 KiB pages fill in the
//! same structure.
//!
//! # Source
//! The defaults are those of a 64-bit Linux without debugging options (docs/behaviours.md,
//! "Constants").

/// Sizes and policies of a pool, before any CPU is known.
///
/// Nothing is checked here; [`Geometry::plan`](crate::geometry::Geometry::plan) refuses what
/// contradicts itself.
///
/// # Units
/// All sizes are bytes per CPU unless a field says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Page size of the machine or of the pool: a power of two, 256 B to 64 KiB. Backing is
    /// taken and returned, and the map is divided, in this size.
    pub page_size: usize,
    /// Smallest piece that is handed out, and the unit of the map: a power of two, at least 4.
    pub granule: usize,
    /// Smallest unit, a multiple of the page size, at least 1 KiB. Units grow beyond it with
    /// their regions and the atom size.
    pub min_unit_size: usize,
    /// Largest area, at least 1 and at most a unit, or `None` for Linux's rule: the smallest
    /// unit allowed.
    pub max_area: Option<usize>,
    /// Static per-CPU variables, copied to the start of every unit of the first chunk.
    pub static_size: usize,
    /// Reserved region of the first chunk, for code loaded later: a multiple of the granule; 0
    /// for none.
    pub reserved_size: usize,
    /// Dynamic region asked of the first chunk; page rounding is added to it.
    pub dyn_size: usize,
    /// Least dynamic region that set-up accepts: what must be served before the worker runs.
    pub early_size: usize,
    /// Granularity and alignment of the memory that holds a group: a power of two, a multiple
    /// of the page size.
    pub atom_size: usize,
    /// When the balance worker runs out of, and fills up to, spare backed pages.
    pub watermarks: Watermarks,
    /// How many failure messages the observer gets before silence.
    pub failure_messages: u32,
    /// What a unit index stands for: for whoever hands out the index of the running code. The
    /// allocator itself treats all alike.
    pub index_by: IndexBy,
}

/// Empty backed pages that the worker keeps ready, in pages of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// Below this, an allocation asks for the worker.
    pub low: usize,
    /// The worker fills up to this; reclaim leaves at least this. Not less than `low`.
    pub high: usize,
}

/// What the copies of a pool are indexed by.
///
/// The allocator treats them alike; who hands out the index of the running code must know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IndexBy {
    /// One copy per processor.
    #[default]
    Cpu,
    /// One copy per concurrency id of a Linux process (`mm_cid`).
    ConcurrencyId,
    /// One copy per memory node.
    Node,
}

impl Config {
    /// Linux's own numbers for 4 KiB pages, with no static and no reserved region.
    pub const LINUX: Self = Self {
        page_size: 4096,
        granule: 4,
        min_unit_size: 32 << 10,
        max_area: None,
        static_size: 0,
        reserved_size: 0,
        dyn_size: Self::DYNAMIC_RESERVE,
        early_size: 20 << 10,
        atom_size: 4096,
        watermarks: Watermarks { low: 2, high: 4 },
        failure_messages: 10,
        index_by: IndexBy::Cpu,
    };

    /// Linux's own numbers for pages of `page_size` bytes: the smallest unit is rounded up to a
    /// page, and an atom is a page.
    #[must_use]
    pub const fn linux(page_size: usize) -> Self {
        let min_unit_size = if Self::LINUX.min_unit_size < page_size {
            page_size
        } else {
            Self::LINUX.min_unit_size
        };
        Self { page_size, min_unit_size, atom_size: page_size, ..Self::LINUX }
    }

    /// What Linux sets aside for dynamic areas in the first chunk: 28 KiB where addresses have
    /// 64 bits, 20 KiB elsewhere.
    pub const DYNAMIC_RESERVE: usize = if usize::BITS >= 64 { 28 << 10 } else { 20 << 10 };

    /// What Linux sets aside for the per-CPU variables of loadable modules.
    pub const MODULE_RESERVE: usize = 8 << 10;
}

impl Default for Config {
    fn default() -> Self {
        Self::LINUX
    }
}

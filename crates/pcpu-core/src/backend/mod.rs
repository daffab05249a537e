// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a chunk's memory comes from: in one piece ([`Km`]), or page by page ([`Vm`]).
//!
//! The allocator above sees one contract: make the addresses of a chunk, back and unback page
//! ranges of it on a set of CPUs, give it back. The km implementation needs a
//! [`Platform`](pcpu_platform::Platform) and nothing else; only the vm implementation has
//! [`Mapper`](pcpu_platform::Mapper) in its bounds, so only there can pages be mapped and TLBs
//! flushed.
//!
//! All or nothing: a `populate` that fails has undone what it did, in reverse, the CPU whose
//! mapping failed included. It never reports memory that is not there.
//!
//! # Source
//! The contract of Linux's back ends (docs/behaviours.md, B52-B55, B77-B79).

mod km;
mod vm;

use pcpu_layout::geometry::Geometry;
use pcpu_layout::map::Backing;
use pcpu_layout::{CpuId, PageCount, Span};
use pcpu_platform::{Addr, Effort, NoMetadata, NoPages, Platform};

use crate::SetupError;
use crate::allocator::Addressing;

pub use pcpu_platform::{Km, Vm};

/// What a back end works with.
#[derive(Debug)]
pub struct Site<'a, P, A> {
    pub(crate) platform: &'a P,
    pub(crate) geometry: &'a Geometry<'static>,
    pub(crate) addresses: &'a A,
    /// Extents of the groups, as distances from a chunk's base.
    pub(crate) extents: &'a [Span<usize>],
}

impl<P: Platform, A: Addressing> Site<'_, P, A> {
    /// Address of a page of `cpu`'s unit.
    fn page(&self, base: Addr, cpu: CpuId, page: PageCount) -> Addr {
        let unit = self.addresses.offset(cpu).expect("an attached CPU has a unit");
        base.offset(unit).offset(page.get() * self.geometry.page_size())
    }

    /// The span from the first page of the lowest unit to the last of the highest, over which
    /// caches and TLBs are flushed once.
    fn whole(&self, base: Addr, pages: Span<PageCount>) -> Span<Addr> {
        let size = self.geometry.page_size();
        Span {
            start: base.offset(self.geometry.low_unit_offset() + pages.start.get() * size),
            end: base.offset(self.geometry.high_unit_offset() + pages.end.get() * size),
        }
    }
}

/// No new chunk: no addresses, or no memory for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoChunk;

/// A chunk's addresses, just made.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    pub(crate) base: Addr,
    /// Real pages that were taken from the platform with it.
    pub(crate) pages_held: PageCount,
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Km {}
    impl Sealed for super::Vm {}
}

/// A back end for platforms of type `P`. Sealed; the platform's cell names it.
pub trait Backend<P: Platform>: sealed::Sealed {
    /// Whether pages are backed one by one.
    const BACKING: Backing;

    /// Room to remember frames in while they are neither free nor mapped.
    type Scratch;

    /// Makes the scratch room, once per allocator.
    ///
    /// # Errors
    /// [`NoMetadata`].
    fn scratch(platform: &P, geometry: &Geometry<'static>) -> Result<Self::Scratch, NoMetadata>;

    /// Gives the scratch room back.
    ///
    /// # Safety
    /// It was made for `platform`, and is not used any more.
    unsafe fn give_scratch(platform: &P, scratch: &mut Self::Scratch);

    /// Refuses geometries that this back end cannot serve.
    ///
    /// # Errors
    /// The reason.
    fn verify(geometry: &Geometry<'static>) -> Result<(), SetupError>;

    /// Makes the addresses of a chunk and returns them.
    ///
    /// # Errors
    /// [`NoChunk`]; nothing is kept then.
    fn create<A: Addressing>(site: &Site<'_, P, A>) -> Result<Made, NoChunk>;

    /// Gives a chunk's addresses, and for km its memory, back.
    ///
    /// # Safety
    /// `base` came from [`create`](Self::create), was destroyed not yet, nothing in it is used
    /// any more, and every page that was populated is depopulated.
    unsafe fn destroy<A: Addressing>(site: &Site<'_, P, A>, base: Addr);

    /// Backs `pages` in the unit of every CPU in `cpus`, or in none.
    ///
    /// # Safety
    /// The chunk at `base` exists, and none of the pages is backed for any of the CPUs.
    ///
    /// # Errors
    /// [`NoPages`]; nothing is backed then.
    unsafe fn populate<A: Addressing>(
        site: &Site<'_, P, A>,
        scratch: &mut Self::Scratch,
        base: Addr,
        pages: Span<PageCount>,
        cpus: impl CpuList,
        effort: Effort,
    ) -> Result<(), NoPages>;

    /// Takes the memory of `pages` away from every CPU in `cpus`.
    ///
    /// # Safety
    /// All of the pages are backed for all of the CPUs, and nothing in them is used any more.
    /// The caller flushes the TLB before it backs them again, or destroys the chunk.
    unsafe fn depopulate<A: Addressing>(
        site: &Site<'_, P, A>,
        scratch: &mut Self::Scratch,
        base: Addr,
        pages: Span<PageCount>,
        cpus: impl CpuList,
    );

    /// Makes every CPU forget translations of `pages`, over all units.
    fn flush_after_unmap<A: Addressing>(site: &Site<'_, P, A>, base: Addr, pages: Span<PageCount>);
}

/// A set of CPUs, as a list: all attached ones, or the one being attached.
pub trait CpuList: ExactSizeIterator<Item = CpuId> + DoubleEndedIterator + Clone {}
impl<T: ExactSizeIterator<Item = CpuId> + DoubleEndedIterator + Clone> CpuList for T {}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Allocation: check, find, back, zero, hand out.

use core::num::NonZeroUsize;

use pcpu_layout::map::Within;
use pcpu_layout::{Bits, PageCount, Span, UnitOffset};
use pcpu_platform::{Effort, Event, NoPages, Warning};
use portable_atomic::Ordering;

use super::{Addressing, Allocator, Kept, PagesState};
use crate::index::{Taken, Wanted};
use crate::machine::Machine;
use crate::{AllocError, Context, Cookie, OnFailure, Region, Request};

impl<P: Machine, A: Addressing> Allocator<P, A> {
    /// Allocates one zeroed area on every possible CPU and returns its cookie.
    ///
    /// # Units
    /// The request's size and alignment are bytes per CPU. Sizes are rounded up to the granule;
    /// alignments below the granule act as the granule. The cost in memory is about the size
    /// times the number of attached CPUs, in whole pages where no backed page has room.
    ///
    /// # Context
    /// May sleep if the request says so, and then holds the *pages* lock until the area is
    /// backed. A request of [`Context::Atomic`] takes the *index* lock alone, makes no chunk and
    /// backs no page. Either way the copies are zeroed outside all locks.
    ///
    /// # Errors
    /// [`AllocError`]; nothing is handed out then. `WouldSleep` is worth retrying after
    /// [`balance`](Self::balance), `OutOfPages` and `NoChunk` when others have freed memory.
    ///
    /// # Source
    /// Serves what Linux's allocator serves (docs/behaviours.md, B1-B36, B52-B57), except that
    /// a refusal is a value with a reason, and that room which exists is found.
    pub fn alloc(&self, request: Request) -> Result<Cookie, AllocError> {
        self.alloc_as(&request, |taken| taken.chunk.face().set_live(taken.span.start))
    }

    /// As [`alloc`](Self::alloc), and keeps the area from the beginning: no other call can free it.
    ///
    /// # Errors
    /// As for [`alloc`](Self::alloc).
    pub fn alloc_kept(&self, request: Request) -> Result<Kept, AllocError> {
        let kept = &self.flags.kept;
        let keep = |_: &Taken| {
            kept.fetch_add(1, Ordering::Relaxed);
        };
        self.alloc_as(&request, keep).map(Kept::new)
    }

    /// Allocates; `mark` says whose the area is, when it is ready.
    #[inline]
    fn alloc_as(&self, request: &Request, mark: impl FnOnce(&Taken)) -> Result<Cookie, AllocError> {
        let wanted = self.wanted(request)?;
        let taken = match (request.region, self.reserved, request.context) {
            (Region::Reserved, Some(_), _) => self.take_reserved(wanted),
            (_, _, Context::MaySleep) => self.take_sleeping(wanted),
            (_, _, Context::Atomic) => self.take_atomic(wanted),
        };
        match taken {
            Ok(taken) => Ok(self.hand_out(request, wanted, &taken, mark)),
            Err(error) => {
                self.report_failure(request, wanted, error);
                Err(error)
            }
        }
    }

    /// Rounds a request to the map's units, or refuses it for good.
    fn wanted(&self, request: &Request) -> Result<Wanted, AllocError> {
        let (granule, limit) = (self.geometry.granule(), self.geometry.max_area());
        let align = request.align.max(granule);
        let rounded = request.size.checked_next_multiple_of(granule);
        let max_align = self.geometry.max_align();
        let refused = if request.size == 0 {
            AllocError::ZeroSize
        } else if rounded.is_none_or(|size| size > limit) {
            AllocError::TooLarge { size: request.size, limit }
        } else if !align.is_power_of_two() {
            AllocError::BadAlign { align: request.align }
        } else if align > max_align {
            AllocError::AlignTooLarge { align: request.align, limit: max_align }
        } else {
            let size = self.bits(rounded.unwrap_or(limit));
            let page = self.bits(self.geometry.page_size());
            return Ok(Wanted { size, align: self.bits(align), page });
        };
        if request.on_failure == OnFailure::Warn {
            // A size that cannot be rounded shows as 0, as it would in the kernel.
            let size = rounded.unwrap_or(0);
            self.platform.event(&Event::Warning(Warning::IllegalRequest { size, align }));
        }
        Err(refused)
    }

    /// Takes room in the reserved region, which is backed from boot, or fails for good.
    fn take_reserved(&self, wanted: Wanted) -> Result<Taken, AllocError> {
        let size = self.bytes(wanted.size);
        let reserved = self.reserved.ok_or(AllocError::ReservedFull { size })?;
        let taken = self.index.lock().take_from(reserved, wanted, Within::Backed);
        taken.ok_or(AllocError::ReservedFull { size })
    }

    /// Takes backed room, without waiting.
    fn take_atomic(&self, wanted: Wanted) -> Result<Taken, AllocError> {
        let taken = self.index.lock().take(wanted, Within::Backed);
        taken.ok_or_else(|| AllocError::WouldSleep { size: self.bytes(wanted.size) })
    }

    /// Takes room anywhere, makes a chunk where there is none, and backs it.
    fn take_sleeping(&self, wanted: Wanted) -> Result<Taken, AllocError> {
        let mut pages = self.pages.lock();
        let mut taken = loop {
            if let Some(taken) = self.index.lock().take(wanted, Within::Anywhere) {
                break taken;
            }
            // No chunk has room, the free ones included. The new one has, unless an atomic
            // request is faster; then look again.
            self.create_chunk(&mut pages)
                .map_err(|_| AllocError::NoChunk { size: self.bytes(wanted.size) })?;
        };
        self.back(&mut pages, &mut taken)?;
        Ok(taken)
    }

    /// Backs every page of an area that is not, or gives the area up.
    fn back(&self, pages: &mut PagesState<P>, taken: &mut Taken) -> Result<(), AllocError> {
        if !self.reclaims() {
            return Ok(());
        }
        let page_bits = self.bits(self.geometry.page_size()).get();
        let first = taken.span.start.get() / page_bits;
        let last = (taken.span.end.get() - 1) / page_bits;
        let mut rest = Span::new(PageCount::new(first as usize), PageCount::new(last as usize + 1));
        loop {
            let mut index = self.index.lock();
            taken.empty = index.totals.empty;
            let Some(missing) = index.chunks.get(taken.chunk).map.next_unpopulated(rest) else {
                return Ok(());
            };
            drop(index);
            rest.start = missing.end;
            if let Err(NoPages) = self.populate(pages, taken.chunk, missing, Effort::Normal) {
                index = self.index.lock();
                index.give(taken.chunk, taken.span.start);
                return Err(AllocError::OutOfPages { wanted: missing.len() });
            }
        }
    }

    /// Zeroes an area that is backed, marks it and returns its cookie.
    fn hand_out(
        &self,
        request: &Request,
        wanted: Wanted,
        taken: &Taken,
        mark: impl FnOnce(&Taken),
    ) -> Cookie {
        let base = taken.chunk.face().base();
        let offset = self.bytes(taken.span.start);
        let size = self.bytes(taken.span.len());
        let value = NonZeroUsize::new(base.wrapping_add(offset)).expect("C1: areas have addresses");
        let at = pcpu_platform::Addr::new(value.get()).expect("not zero, a line above");
        for cpu in self.attached.iter() {
            let unit = self.addresses.offset(cpu).expect("an attached CPU has a unit");
            // SAFETY: the area lies in the unit (C1), is backed (C4; `back` saw to it, or it was
            // taken within backed pages), and is nobody's: it left the free map under the index
            // lock, and no cookie of it exists yet.
            unsafe { self.platform.zero(at.offset(unit), size) };
        }
        mark(taken);
        self.platform.event(&Event::Alloc {
            reserved: request.region == Region::Reserved,
            is_atomic: request.context == Context::Atomic,
            size,
            align: self.bytes(wanted.align),
            base: pcpu_platform::Addr::new(base).expect("a chunk in use has a base"),
            offset: UnitOffset::new(offset),
        });
        if taken.empty.get() < self.geometry.config().watermarks.low {
            self.want_balance();
        }
        Cookie::new(value)
    }

    /// Tells the observer of a failure, and the worker of an atomic one.
    fn report_failure(&self, request: &Request, wanted: Wanted, error: AllocError) {
        let reserved = request.region == Region::Reserved;
        let is_atomic = request.context == Context::Atomic;
        let (size, align) = (self.bytes(wanted.size), self.bytes(wanted.align));
        self.platform.event(&Event::AllocFailed { reserved, is_atomic, size, align });
        if request.on_failure == OnFailure::Warn {
            self.warn(Warning::AllocationFailed { size, align, is_atomic, reason: reason(error) });
        }
        if is_atomic && !matches!(error, AllocError::ReservedFull { .. }) {
            self.flags.atomic_failed.fetch_max(size, Ordering::Relaxed);
            self.want_balance();
        }
    }

    /// Passes a failure message on while the budget lasts.
    fn warn(&self, warning: Warning) {
        let spend = |left: u32| left.checked_sub(1);
        let left = &self.flags.messages_left;
        let Ok(before) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend) else {
            return;
        };
        self.platform.event(&Event::Warning(warning));
        if before == 1 {
            self.platform.event(&Event::Warning(Warning::LimitReached));
        }
    }

    /// Bytes in granules, of which a unit has fewer than 32 bits can say.
    #[inline]
    pub(super) fn bits(&self, bytes: usize) -> Bits {
        Bits::new((bytes >> self.geometry.granule().trailing_zeros()) as u32)
    }

    /// Granules in bytes.
    #[inline]
    pub(super) fn bytes(&self, bits: Bits) -> usize {
        (bits.get() as usize) << self.geometry.granule().trailing_zeros()
    }
}

/// A failure in the kernel's words.
const fn reason(error: AllocError) -> &'static str {
    match error {
        AllocError::ReservedFull { .. } => "alloc from reserved chunk failed",
        AllocError::WouldSleep { .. } => "atomic alloc failed, no space left",
        AllocError::NoChunk { .. } => "failed to allocate new chunk",
        _ => "failed to populate",
    }
}

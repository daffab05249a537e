// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stretch of addresses that a machine lives in, and the system calls on it.
//!
//! A page of it is *backed* or not, and the operations are named for that:
//!
//! ```text
//!              populate: MADV_POPULATE_WRITE
//!  not backed ───────────────────────────────► backed: costs memory
//!             ◄───────────────────────────────
//!              discard:  MADV_DONTNEED
//! ```
//!
//! # Invariants
//! - **R1** `[base, base + len)` is one private anonymous mapping (or several side by side) made
//!   by [`Reservation::new`], and belongs to this value until it is dropped.
//! - **R2** its addresses were exposed once, in `new`: whoever may access a page of it can make
//!   a pointer from the number.
//!
//! # Cost
//! Populating is 2 to 3 us a page of 4 KiB, whatever the way; one call per range rather than one
//! per page saves a tenth. It is done by call rather than by first touch so that it can fail.
#![allow(unsafe_code)]

use core::ffi::c_void;
use core::fmt;
use core::ptr;

use pcpu_layout::Span;
use rustix::io::Errno;
use rustix::mm::{self, Advice, MapFlags, MprotectFlags, ProtFlags};

/// What the system counts as this program's while pages are reserved but not in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backing {
    /// Everything is readable and writable from the start, and nothing is counted as committed
    /// (`MAP_NORESERVE`). The reservation stays one mapping. A stray write to a page that was
    /// not populated goes unnoticed and costs a page. Right where `vm.overcommit_memory` is 0
    /// or 1, and chosen there.
    Overcommitted,
    /// Only populated pages are accessible, and only they count as committed. A stray access
    /// is a segmentation fault. Each populated stretch is a mapping of its own, plus one between
    /// it and the next: mind `vm.max_map_count` with many CPUs. Needed where
    /// `vm.overcommit_memory` is 2, which refuses the other, and chosen there; good for
    /// debugging anywhere.
    Accounted,
}

/// The system refused, with this error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) i32);

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Self {
        Self(errno.raw_os_error())
    }
}

/// A stretch of addresses; see the module's invariants.
pub(super) struct Reservation {
    base: usize,
    len: usize,
    backing: Backing,
}

impl Reservation {
    /// Reserves `len` bytes, a multiple of the system's page size and not zero.
    ///
    /// # Errors
    /// The system's, with nothing reserved.
    pub(super) fn new(len: usize, backing: Backing) -> Result<Self, Refused> {
        let flags = map_flags(backing);
        // SAFETY: without MAP_FIXED the system chooses addresses that nothing uses.
        let start = unsafe { mm::mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), flags) }?;
        // From here on dropping it unmaps it. This is the one exposure (R2).
        let new = Self { base: start.expose_provenance(), len, backing };
        new.advise_inaccessible(new.span());
        if backing == Backing::Overcommitted {
            new.make_accessible(new.span())?;
        }
        Ok(new)
    }

    /// Returns what the system counts.
    pub(super) fn backing(&self) -> Backing {
        self.backing
    }

    /// Returns the addresses.
    pub(super) fn span(&self) -> Span<usize> {
        // No overflow: a mapping ends inside the address space (R1).
        Span::new(self.base, self.base + self.len)
    }

    /// Backs the pages of `span` with memory. Their content is unspecified afterwards.
    ///
    /// Where the system does not know `MADV_POPULATE_WRITE` (before Linux 5.14), a zero is
    /// written to each page instead, and lack of memory is the system's to deal with.
    ///
    /// # Errors
    /// The system's. Some of the pages may be backed then: [`discard`](Self::discard) them all.
    ///
    /// # Safety
    /// The pages are the caller's, and nothing accesses them during the call.
    pub(super) unsafe fn populate(&self, span: Span<usize>) -> Result<(), Refused> {
        self.check(span);
        if self.backing == Backing::Accounted {
            self.make_accessible(span)?;
        }
        // SAFETY: the range is mapped (R1, and `check` above) and the caller's to change; the
        // call changes no byte of it.
        let populate =
            || unsafe { mm::madvise(pointer(span.start), span.len(), Advice::LinuxPopulateWrite) };
        match rustix::io::retry_on_intr(populate) {
            // SAFETY: mapped (R1) and made accessible in `new` or above; the rest is the
            // caller's contract, passed on.
            Err(Errno::INVAL) => unsafe { touch(span) },
            other => other?,
        }
        Ok(())
    }

    /// Takes the memory from the pages of `span`, where they have any.
    ///
    /// # Safety
    /// The pages are the caller's, and nothing uses what they hold.
    pub(super) unsafe fn discard(&self, span: Span<usize>) {
        self.check(span);
        let renewed = self.backing == Backing::Accounted
            // SAFETY: the caller's contract, passed on.
            && unsafe { self.renew(span) };
        if !renewed {
            // SAFETY: the same.
            unsafe { drop_pages(span) };
        }
    }

    /// Replaces a range by one that nothing was ever done to: only so does the system take it
    /// off the account. Says whether it worked.
    ///
    /// # Safety
    /// As for [`discard`](Self::discard); `span` was checked.
    unsafe fn renew(&self, span: Span<usize>) -> bool {
        let flags = map_flags(self.backing) | MapFlags::FIXED;
        // SAFETY: the range lies in this reservation (R1), so the mapping it replaces is ours,
        // and the caller says that nothing uses it.
        let renewed = unsafe {
            mm::mmap_anonymous(pointer(span.start), span.len(), ProtFlags::empty(), flags)
        };
        if renewed.is_ok() {
            self.advise_inaccessible(span);
        }
        renewed.is_ok()
    }

    /// Says what is to be true of the range from the start: not locked, no huge pages, not
    /// dumped. All three are wishes; a kernel without one of them does without.
    fn advise_inaccessible(&self, span: Span<usize>) {
        let (start, len) = (pointer(span.start), span.len());
        // SAFETY: unlocking changes no content; the range is mapped (R1).
        let _ = unsafe { mm::munlock(start, len) };
        for advice in [Advice::LinuxNoHugepage, Advice::LinuxDontDump] {
            // SAFETY: the range is mapped (R1), and neither advice changes content.
            let _ = unsafe { mm::madvise(start, len, advice) };
        }
    }

    fn make_accessible(&self, span: Span<usize>) -> Result<(), Refused> {
        let access = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the range is ours (R1), and more access breaks nobody's pointer.
        Ok(unsafe { mm::mprotect(pointer(span.start), span.len(), access) }?)
    }

    /// # Panics
    /// When the range is not of this reservation: it would be somebody else's memory.
    fn check(&self, span: Span<usize>) {
        let own = self.span();
        assert!(
            own.start <= span.start && span.start <= span.end && span.end <= own.end,
            "R1: a range of pages lies outside its reservation"
        );
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: the whole range is ours (R1). Whoever took pages of it holds the machine, or
        // broke the contract of the function it took them with.
        let unmapped = unsafe { mm::munmap(pointer(self.base), self.len) };
        debug_assert!(unmapped.is_ok(), "R1: the reservation could not be unmapped");
    }
}

impl fmt::Debug for Reservation {
    /// Prints no address; see [`Addr`](pcpu_platform::Addr).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("len", &self.len)
            .field("backing", &self.backing)
            .finish_non_exhaustive()
    }
}

/// A mapping made with `MAP_NORESERVE` stays off the account when it becomes writable later; one
/// without it is on the account from then on.
fn map_flags(backing: Backing) -> MapFlags {
    match backing {
        Backing::Overcommitted => MapFlags::PRIVATE | MapFlags::NORESERVE,
        Backing::Accounted => MapFlags::PRIVATE,
    }
}

fn pointer(at: usize) -> *mut c_void {
    ptr::with_exposed_provenance_mut(at)
}

/// Backs pages by writing a zero to each.
///
/// # Safety
/// The range is writable memory of the caller's that nothing else accesses.
unsafe fn touch(span: Span<usize>) {
    for at in span_pages(span) {
        let page = ptr::with_exposed_provenance_mut::<u8>(at);
        // SAFETY: in the range, which is writable and unshared by contract; its provenance was
        // exposed when it was mapped (R2). A byte has no alignment.
        unsafe { page.write_volatile(0) };
    }
}

fn span_pages(span: Span<usize>) -> impl Iterator<Item = usize> {
    (span.start..span.end).step_by(rustix::param::page_size())
}

/// Has the system take pages back, locked ones too.
///
/// # Safety
/// The range is private anonymous memory of the caller's, and nothing uses what it holds.
unsafe fn drop_pages(span: Span<usize>) {
    let (start, len) = (pointer(span.start), span.len());
    // SAFETY: the contract. It reads as zeros afterwards.
    let dropped = unsafe { mm::madvise(start, len, Advice::LinuxDontNeed) };
    if dropped == Err(Errno::INVAL) {
        // SAFETY: the same. A refusal leaves memory in use, and there is nobody to tell.
        let _ = unsafe { mm::madvise(start, len, Advice::LinuxDontneedLocked) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_backs_every_page_of_a_range() {
        let page = rustix::param::page_size();
        let reservation = Reservation::new(8 * page, Backing::Accounted).unwrap();
        let start = reservation.span().start + page;
        let span = Span::new(start, start + 3 * page);
        // Nothing else becomes accessible, so this is a mapping of its own.
        reservation.make_accessible(span).unwrap();
        // SAFETY: the test's own pages, writable since the line above.
        unsafe { touch(span) };
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let rss = maps
            .lines()
            .skip_while(|line| !line.starts_with(&format!("{start:x}-")))
            .find(|line| line.starts_with("Rss:"))
            .and_then(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok());
        assert_eq!(rss, Some(3 * page / 1024));
    }

    #[test]
    fn a_refusal_names_the_system_s_error() {
        let most = isize::MAX as usize / 4096 * 4096;
        let refused = Reservation::new(most, Backing::Overcommitted).unwrap_err();
        assert_eq!(refused, Refused(Errno::NOMEM.raw_os_error()));
    }

    #[test]
    #[should_panic(expected = "R1")]
    fn a_range_outside_is_not_touched() {
        let page = rustix::param::page_size();
        let reservation = Reservation::new(4 * page, Backing::Overcommitted).unwrap();
        let end = reservation.span().end;
        // SAFETY: nothing is discarded: the range is refused.
        unsafe { reservation.discard(Span::new(end - page, end + page)) };
    }
}

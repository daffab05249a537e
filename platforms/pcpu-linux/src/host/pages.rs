// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs of pages, and pages at chosen addresses.
//!
//! Both come from the reservation and differ in when they are backed: a run when it is taken,
//! a reserved area page by page, when it is mapped. Either way by the system call that can
//! fail, so that an allocation that succeeded is one that can be written to.
//!
//! # Frames without a number
//! A program never holds a page that has no address: the system finds one at the moment it is
//! mapped. So [`Frame`] holds nothing, taking one always succeeds, and giving one back does
//! nothing; the memory comes with [`Mapper::map`], where lack of it is reported, and goes with
//! [`Mapper::unmap`].
//!
//! # No flushes
//! The system flushes translations itself before `madvise` returns, on every CPU that may hold
//! one, and keeps caches coherent. There is nothing left for a program to do.
//!
//! # What the proofs lean on
//! - **P1** a range that [`AddressSpace`](super::space::AddressSpace) has entered overlaps no
//!   other (A1) and lies in the reservation, which lives as long as the machine (R1).
//! - **P2** a range leaves the book after its pages were discarded, so whoever takes it next
//!   does not lose pages to the one before.
#![allow(unsafe_code)]

use pcpu_layout::{NodeId, PageCount, Span};
use pcpu_platform::{Addr, Effort, Frames, MapFailed, Mapper, NoPages, NoSpace, SmpMmu};

use super::machine::Machine;
use super::policy::near;

/// The right to map one page, from a node if one is named; which page is the system's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame(Option<NodeId>);

// SAFETY:
// - A run is backed, readable and writable: it was populated, and an error there is an error
//   here. It belongs to the caller alone: P1, and it stays in the book until it was given back
//   in full (A3).
// - It starts at a multiple of `align`, and of the page size (`AddressSpace::take_run`).
// - The page size is set once, in `Machine::assemble`.
unsafe impl<C> Frames for Machine<C> {
    fn page_size(&self) -> usize {
        self.page_bytes()
    }

    /// `effort` is not passed on: the system has no such call.
    fn take_run(
        &self,
        pages: PageCount,
        align: usize,
        node: Option<NodeId>,
        _effort: Effort,
    ) -> Result<Addr, NoPages> {
        let span = self.space().take_run(pages, align).ok_or(NoPages)?;
        // SAFETY: just taken, and known to nobody else (P1).
        let populated = self.near(node, || unsafe { self.reservation().populate(span) });
        if populated.is_err() {
            // SAFETY: the same. Discarded first, then forgotten (P2).
            unsafe { self.reservation().discard(span) };
            self.space().remove(span.start);
            return Err(NoPages);
        }
        Addr::new(span.start).ok_or(NoPages)
    }

    unsafe fn give_run(&self, start: Addr, pages: PageCount) {
        // Held throughout, because of P2, and because two neighbours that share a page of the
        // system may be given back at once.
        let mut space = self.space();
        let unused = space.clear_backed(start.get(), pages);
        if !unused.is_empty() {
            // SAFETY: the caller gives these pages up, and the book says that no page in use
            // shares a page of the system with them.
            unsafe { self.reservation().discard(unused) };
        }
        space.remove_if_empty(start.get());
    }
}

// SAFETY:
// - Reserved ranges overlap nothing else: P1.
// - A mapped page is readable and writable, on every CPU, since all threads share one address
//   space: it was populated, and an error there is an error here. It keeps what is written to
//   it, which is all that "shows the content of its frame" can mean where a frame has no other
//   address.
// - `frame_at` answers from the book of backed pages, which `map` and `unmap` keep; all frames
//   are equal.
// - Translations are gone when `unmap` returns (module docs), so also after `flush_tlb`.
unsafe impl Mapper for Machine<SmpMmu> {
    type Frame = Frame;

    /// Always succeeds; see the module's *Frames without a number*.
    fn take_frame(&self, node: Option<NodeId>, _effort: Effort) -> Result<Frame, NoPages> {
        Ok(Frame(node))
    }

    unsafe fn give_frame(&self, _frame: Frame) {}

    fn reserve(&self, areas: &[Span<usize>], align: usize) -> Result<Addr, NoSpace> {
        let base = self.space().reserve(areas, align).ok_or(NoSpace)?;
        Addr::new(base).ok_or(NoSpace)
    }

    unsafe fn release(&self, base: Addr, areas: &[Span<usize>]) {
        let mut space = self.space();
        for area in areas {
            space.remove(base.get().wrapping_add(area.start));
        }
    }

    unsafe fn map(&self, at: Addr, frames: &[Frame]) -> Result<(), MapFailed> {
        let mut at = at;
        // The pages of one CPU, as a rule, and so of one node.
        for frames in frames.chunk_by(|one, next| one == next) {
            let pages = PageCount::new(frames.len());
            let span = self.page_span(at, pages);
            // SAFETY: reserved by the caller and unmapped, so nobody accesses them.
            let populated = self.near(frames[0].0, || unsafe { self.reservation().populate(span) });
            populated.map_err(|_| MapFailed)?;
            self.space().set_backed(at.get(), pages);
            at = at.offset(span.len());
        }
        Ok(())
    }

    /// The memory returns to the system here, not with the frame.
    unsafe fn unmap(&self, at: Addr, pages: PageCount) {
        // The whole range, because a failed `map` leaves pages that the book does not know.
        // SAFETY: reserved by the caller, who says that nothing uses them any more.
        unsafe { self.reservation().discard(self.page_span(at, pages)) };
        self.space().clear_backed(at.get(), pages);
    }

    fn frame_at(&self, at: Addr) -> Option<Frame> {
        self.space().is_backed(at.get()).then_some(Frame(None))
    }

    /// Nothing to do: the system keeps caches coherent.
    fn flush_cache_after_map(&self, _range: Span<Addr>) {}

    /// Nothing to do: the system keeps caches coherent.
    fn flush_cache_before_unmap(&self, _range: Span<Addr>) {}

    /// Nothing to do: the system did it in `unmap`.
    fn flush_tlb(&self, _range: Span<Addr>) {}
}

impl<C> Machine<C> {
    /// Has `body` bring pages in, from `node` where there are several.
    fn near<R>(&self, node: Option<NodeId>, body: impl FnOnce() -> R) -> R {
        near(self.policy(), node.filter(|_| self.has_nodes()), body)
    }
}

impl Machine<SmpMmu> {
    fn page_span(&self, at: Addr, pages: PageCount) -> Span<usize> {
        let end = at.get() + pages.get() * self.page_bytes();
        Span::new(at.get(), end)
    }
}

#[cfg(test)]
mod tests {
    use pcpu_layout::CpuId;
    use pcpu_layout::geometry::Topology;

    use super::super::machine::Linux;
    use super::super::policy::tests::Recorder;
    use super::*;

    #[test]
    fn pages_are_wished_for_from_the_node_that_is_named() {
        let recorder = Recorder::default();
        let machine = Linux::builder().cpus(4).nodes(2).build().unwrap();
        let machine = machine.with_policy(Box::new(recorder.clone()));
        let page = machine.page_size();
        let areas = [Span::new(0, 8 * page)];
        let base = machine.reserve(&areas, page).unwrap();
        for cpu in (0..4).map(CpuId::new) {
            let frames =
                [(); 2].map(|()| machine.take_frame(machine.node_of(cpu), Effort::Normal).unwrap());
            // SAFETY: reserved above, each page mapped once.
            unsafe { machine.map(base.offset(cpu.index() * 2 * page), &frames) }.unwrap();
        }
        // SAFETY: reserved and mapped above, and not used.
        unsafe { machine.unmap(base, PageCount::new(8)) };
        // SAFETY: reserved above.
        unsafe { machine.release(base, &areas) };
        let wishes = recorder.0.lock().unwrap().clone();
        assert_eq!(wishes, [(0, true), (0, true), (1, true), (1, true)]);
    }

    #[test]
    fn on_a_machine_of_one_node_nobody_wishes() {
        let recorder = Recorder::default();
        let machine = Linux::builder().cpus(4).build().unwrap();
        let machine = machine.with_policy(Box::new(recorder.clone()));
        let page = machine.page_size();
        let run = machine.take_run(PageCount::new(1), page, Some(NodeId::new(0)), Effort::Normal);
        // SAFETY: taken on the line above, and not used.
        unsafe { machine.give_run(run.unwrap(), PageCount::new(1)) };
        assert!(recorder.0.lock().unwrap().is_empty());
    }
}

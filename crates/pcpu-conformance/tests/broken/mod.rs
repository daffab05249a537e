// SPDX-License-Identifier: MIT OR Apache-2.0
//! A platform that keeps all promises but one.
//!
//! It passes every call on to a simulated machine, except where its [`Flaw`] says otherwise.

use std::alloc::Layout;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use lock_api::RawMutex;
use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, NodeId, PageCount, Span};
use pcpu_platform::{
    Addr, Cpus, Effort, Frames, MapFailed, Mapper, Memory, Metadata, NoMetadata, NoPages, NoSpace,
    Observer, Platform, SmpMmu, ThisCpu, Word,
};
use pcpu_sim::{Frame, IndexLock, Machine, Smp};

/// The promise that is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    Nothing,
    RunStartsOnePageLate,
    RunsRoundDown,
    RunsRoundUp,
    RunsIgnoreTheEnd,
    NamedNodeRefused,
    GivingPartKillsTheRest,
    ZeroMissesTheLastByte,
    ZeroGoesTooFar,
    WriteStopsAtThePage,
    MetadataDirty,
    MetadataMisaligned,
    MetadataShared,
    CurrentImpossible,
    HighestIdImpossible,
    NodeFlickers,
    FarFromItself,
    MapSkipsAFrame,
    MapReverses,
    ReserveTwice,
    ReserveMisaligned,
    UnmapStopsAtHole,
    FrameAtForgetsUnmap,
    FlushDoesNothing,
    PinnedElsewhere,
    AddReturnsTheOld,
    ExchangeWide,
    CompareAlwaysReplaces,
}

/// A simulated machine with a flaw, and with the index lock `L`.
pub struct Broken<L = IndexLock> {
    pub inner: Smp,
    flaw: Flaw,
    flickers: AtomicU32,
    reserved: Mutex<Option<Addr>>,
    shared: Mutex<Option<(NonNull<u8>, Layout)>>,
    lock: PhantomData<L>,
}

impl<L> Broken<L> {
    pub fn new(flaw: Flaw) -> Self {
        let machine = Machine::builder().cpus(4).nodes(2).build();
        Self {
            inner: machine.smp(),
            flaw,
            flickers: AtomicU32::new(0),
            reserved: Mutex::new(None),
            shared: Mutex::new(None),
            lock: PhantomData,
        }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }
}

impl<L: RawMutex> Platform for Broken<L> {
    type Cell = SmpMmu;
    type PagesLock = parking_lot::RawMutex;
    type IndexLock = L;
}

impl<L> Observer for Broken<L> {}

// SAFETY: broken on purpose, over a machine that turns every misuse into a panic.
unsafe impl<L> Frames for Broken<L> {
    fn page_size(&self) -> usize {
        self.inner.page_size()
    }

    fn take_run(
        &self,
        pages: PageCount,
        align: usize,
        node: Option<NodeId>,
        effort: Effort,
    ) -> Result<Addr, NoPages> {
        let take = |nr| self.inner.take_run(PageCount::new(nr), align, node, effort);
        let nr = pages.get();
        match self.flaw {
            Flaw::RunStartsOnePageLate => Ok(take(nr + 1)?.offset(self.page_size())),
            Flaw::RunsRoundDown => take(1 << nr.ilog2()),
            Flaw::RunsRoundUp => take(nr.next_power_of_two()),
            Flaw::RunsIgnoreTheEnd => take(nr.min(64)),
            Flaw::NamedNodeRefused if node.is_some() => Err(NoPages),
            _ => take(nr),
        }
    }

    unsafe fn give_run(&self, start: Addr, pages: PageCount) {
        // Only while that run is the only one, so that the page before the part belongs to it.
        let in_use = self.inner.machine().frames_in_use();
        if self.has(Flaw::GivingPartKillsTheRest) && in_use == 22 {
            let before = Addr::new(start.get() - self.page_size()).unwrap();
            // SAFETY: no proof. The machine's memory is a model, so this breaks nothing else.
            unsafe { self.inner.zero(before, 1) };
        }
        // SAFETY: the caller's promise, passed on.
        unsafe { self.inner.give_run(start, pages) };
    }
}

// SAFETY: as above.
unsafe impl<L> Memory for Broken<L> {
    unsafe fn zero(&self, at: Addr, len: usize) {
        let len = match self.flaw {
            Flaw::ZeroMissesTheLastByte => len.saturating_sub(1),
            Flaw::ZeroGoesTooFar if len == 1 => 2,
            _ => len,
        };
        // SAFETY: the caller's promise, passed on, or a flaw that the machine bears.
        unsafe { self.inner.zero(at, len) };
    }

    unsafe fn write(&self, at: Addr, bytes: &[u8]) {
        let left = self.page_size() - at.get() % self.page_size();
        let stop = if self.has(Flaw::WriteStopsAtThePage) { left } else { usize::MAX };
        // SAFETY: the caller's promise, passed on.
        unsafe { self.inner.write(at, &bytes[..bytes.len().min(stop)]) };
    }

    unsafe fn read(&self, at: Addr, bytes: &mut [u8]) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.inner.read(at, bytes) };
    }
}

// SAFETY: as above; what the flaws return is within memory that was taken and is kept.
unsafe impl<L> Metadata for Broken<L> {
    fn take_metadata(&self, layout: Layout) -> Result<NonNull<u8>, NoMetadata> {
        let at = self.inner.take_metadata(layout)?;
        match self.flaw {
            Flaw::MetadataDirty if layout.size() > 100 => {
                // SAFETY: the last byte of memory just taken.
                let last = unsafe { at.add(layout.size() - 1) };
                // SAFETY: as above, and nobody else has it yet.
                unsafe { last.write(1) };
                Ok(at)
            }
            Flaw::MetadataMisaligned if layout.align() == 64 => {
                let longer = Layout::from_size_align(layout.size() + 1, 64).unwrap();
                let longer = self.inner.take_metadata(longer)?;
                // SAFETY: one byte into memory that has one byte more than is promised.
                Ok(unsafe { longer.add(1) })
            }
            Flaw::MetadataShared => {
                let mut shared = self.shared.lock().unwrap();
                match *shared {
                    Some((other, of)) if of == layout => Ok(other),
                    _ => {
                        *shared = Some((at, layout));
                        Ok(at)
                    }
                }
            }
            _ => Ok(at),
        }
    }

    unsafe fn give_metadata(&self, at: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.inner.give_metadata(at, layout) };
    }
}

impl<L> Topology for Broken<L> {
    fn nr_cpu_ids(&self) -> u32 {
        self.inner.nr_cpu_ids() + u32::from(self.has(Flaw::HighestIdImpossible))
    }

    fn is_possible(&self, cpu: CpuId) -> bool {
        self.inner.is_possible(cpu)
    }

    fn node_of(&self, cpu: CpuId) -> Option<NodeId> {
        let asked = self.flickers.fetch_add(1, Ordering::Relaxed);
        if self.has(Flaw::NodeFlickers) && asked % 5 == 4 {
            return None;
        }
        self.inner.node_of(cpu)
    }

    fn is_local(&self, from: CpuId, to: CpuId) -> bool {
        self.inner.is_local(from, to) && !(self.has(Flaw::FarFromItself) && from == to)
    }
}

impl<L> Cpus for Broken<L> {
    fn current(&self) -> CpuId {
        match self.flaw {
            Flaw::CurrentImpossible => CpuId::new(self.nr_cpu_ids()),
            _ => self.inner.current(),
        }
    }
}

// SAFETY: as above.
unsafe impl<L> Mapper for Broken<L> {
    type Frame = Frame;

    fn take_frame(&self, node: Option<NodeId>, effort: Effort) -> Result<Frame, NoPages> {
        self.inner.take_frame(node, effort)
    }

    unsafe fn give_frame(&self, frame: Frame) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.inner.give_frame(frame) };
    }

    fn reserve(&self, areas: &[Span<usize>], align: usize) -> Result<Addr, NoSpace> {
        let base = self.inner.reserve(areas, align)?;
        match self.flaw {
            Flaw::ReserveTwice => Ok(*self.reserved.lock().unwrap().get_or_insert(base)),
            Flaw::ReserveMisaligned => Ok(base.offset(self.page_size() / 2)),
            _ => Ok(base),
        }
    }

    unsafe fn release(&self, base: Addr, areas: &[Span<usize>]) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.inner.release(base, areas) };
    }

    unsafe fn map(&self, at: Addr, frames: &[Frame]) -> Result<(), MapFailed> {
        let mut frames = frames.to_vec();
        match self.flaw {
            Flaw::MapSkipsAFrame if frames.len() > 1 => drop(frames.pop()),
            Flaw::MapReverses => frames.reverse(),
            _ => (),
        }
        // SAFETY: the caller's promise, passed on for these frames in some order.
        unsafe { self.inner.map(at, &frames) }
    }

    unsafe fn unmap(&self, at: Addr, pages: PageCount) {
        let mut pages = pages;
        if self.has(Flaw::UnmapStopsAtHole) {
            let mapped =
                |&i: &usize| self.inner.frame_at(at.offset(i * self.page_size())).is_some();
            pages = PageCount::new((0..pages.get()).take_while(mapped).count());
        }
        // SAFETY: the caller's promise, passed on for a part of the pages.
        unsafe { self.inner.unmap(at, pages) };
    }

    fn frame_at(&self, at: Addr) -> Option<Frame> {
        let mut remembered = self.reserved.lock().unwrap();
        let frame = self.inner.frame_at(at);
        if !self.has(Flaw::FrameAtForgetsUnmap) {
            return frame;
        }
        // Remembers one page that was mapped, and says so for ever.
        if frame.is_some() {
            *remembered = Some(at);
        }
        match *remembered == Some(at) {
            true => frame.or_else(|| self.inner.take_frame(None, Effort::Normal).ok()),
            false => frame,
        }
    }

    fn flush_cache_after_map(&self, range: Span<Addr>) {
        self.inner.flush_cache_after_map(range);
    }

    fn flush_cache_before_unmap(&self, range: Span<Addr>) {
        self.inner.flush_cache_before_unmap(range);
    }

    fn flush_tlb(&self, range: Span<Addr>) {
        if !self.has(Flaw::FlushDoesNothing) {
            self.inner.flush_tlb(range);
        }
    }
}

// SAFETY: as above.
unsafe impl<L> ThisCpu for Broken<L> {
    fn pinned<R>(&self, body: impl FnOnce(CpuId) -> R) -> R {
        self.inner.pinned(|cpu| match self.flaw {
            Flaw::PinnedElsewhere => body(CpuId::new(cpu.get() + 1)),
            _ => body(cpu),
        })
    }

    unsafe fn load<W: Word>(&self, copy_of: impl Fn(CpuId) -> Addr) -> W {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.inner.load(copy_of) }
    }

    unsafe fn add_return<W: Word>(&self, copy_of: impl Fn(CpuId) -> Addr, value: W) -> W {
        // SAFETY: the caller's promise, passed on.
        let old: W = unsafe { self.inner.load(&copy_of) };
        // SAFETY: as above.
        let new = unsafe { self.inner.add_return(&copy_of, value) };
        if self.has(Flaw::AddReturnsTheOld) { old } else { new }
    }

    unsafe fn exchange<W: Word>(&self, copy_of: impl Fn(CpuId) -> Addr, value: W) -> W {
        // SAFETY: the caller's promise, passed on.
        let old = unsafe { self.inner.exchange(&copy_of, value) };
        if self.has(Flaw::ExchangeWide) {
            let behind = copy_of(self.current()).offset(size_of::<W>());
            // SAFETY: no proof; the machine bears it.
            unsafe { self.inner.write(behind, &[0]) };
        }
        old
    }

    unsafe fn compare_exchange<W: Word>(
        &self,
        copy_of: impl Fn(CpuId) -> Addr,
        expected: W,
        value: W,
    ) -> Result<W, W> {
        // SAFETY: the caller's promise, passed on.
        let result = unsafe { self.inner.compare_exchange(&copy_of, expected, value) };
        if self.has(Flaw::CompareAlwaysReplaces) {
            // SAFETY: as above.
            unsafe { self.inner.exchange(&copy_of, value) };
        }
        result
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Set-up: from a configuration to the first chunk, and back at the end.
//!
//! ```text
//!  plan geometry ─► verify ─► memory for the first units ─► place groups ─► static image
//!        ─► records of the first (and reserved) chunk ─► directory ─► allocator
//! ```
//!
//! Memory for all groups is taken before any part of it is given back, so that a later group
//! cannot land in an earlier one's tail. What was taken is noted as it is taken: a failure at
//! any step gives it back, last first, and so does dropping the allocator.
//!
//! # Source
//! The embed, page and UP set-ups of Linux (docs/behaviours.md, B45-B51, B82).

use lock_api::Mutex;
use pcpu_layout::geometry::{Geometry, Group, Placement, Setup, Storage};
use pcpu_layout::map::{Backing, Shape};
use pcpu_layout::{Bits, Config, CpuId, PageCount, Span, UnitOffset};
use pcpu_platform::{Addr, Effort, Event, Mapper, NoPages, Vm};
use portable_atomic::AtomicU32;

use super::{Addressing, Allocator, Flags, PagesState};
use crate::SetupError;
use crate::attached::Attached;
use crate::backend::{Backend, NoChunk, Site};
use crate::chunk::{ChunkRef, Kind, RecordShape};
use crate::directory::Directory;
use crate::holdings::Holdings;
use crate::index::{Chunks, Ends, Index, Lists, Slots, Totals};
use crate::lent::Lent;
use crate::machine::Machine;

/// Where the first chunk's memory came from, for the end.
#[derive(Debug)]
pub(crate) enum BootMemory {
    /// One run per group, noted as they are taken, and the pages that are kept of each unit.
    Runs { taken: &'static mut [Option<Run>], kept: PageCount },
    /// Pages of the back end at this base, as in any later chunk.
    Mapped { base: Addr },
    /// Nothing yet.
    None,
}

/// A run that was taken for a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    start: Addr,
    nr_units: usize,
    unit_pages: PageCount,
}

/// What has been taken so far.
struct Taken<P: Machine> {
    holdings: Holdings,
    boot: BootMemory,
    scratch: Option<<P::Backend as Backend<P>>::Scratch>,
    records: Option<ChunkRef>,
    directory: Option<Directory>,
}

/// Where the first units come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Runs of pages, one per group.
    Runs,
    /// The back end's own pages, mapped one by one.
    Pages,
}

impl<P: Machine, A: Addressing> Allocator<P, A> {
    /// Sets up a pool whose first units are runs of contiguous pages: one run per group of near
    /// CPUs (Linux's *embed*), or one unit on a machine of one CPU. Every possible CPU is
    /// attached. `statics` is copied to the start of every unit, or zeros if it is empty.
    ///
    /// # Context
    /// May sleep. Nothing else uses the platform's answers meanwhile.
    ///
    /// # Errors
    /// [`SetupError`]; everything that had been taken is given back.
    pub fn new(platform: P, config: &Config, statics: &[u8]) -> Result<Self, SetupError> {
        Self::with_attached(platform, config, statics, |_| true)
    }

    /// As [`new`](Self::new), and attaches only the CPUs that `is_attached` names. The others
    /// cost, with the vm back end, no pages beyond the first chunk until [`attach`](Self::attach).
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn with_attached(
        platform: P,
        config: &Config,
        statics: &[u8],
        is_attached: impl Fn(CpuId) -> bool,
    ) -> Result<Self, SetupError> {
        let setup = if P::SMP { Setup::Embed } else { Setup::Up };
        Self::set_up(platform, setup, Source::Runs, config, statics, is_attached)
    }

    /// Sets up a pool whose first units are single pages, mapped one by one (Linux's *page*
    /// set-up): for machines whose CPUs' memory lies too far apart for one address range.
    /// Only for the vm back end, and only for platforms that can map.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn new_paged(platform: P, config: &Config, statics: &[u8]) -> Result<Self, SetupError>
    where
        P: Mapper + Machine<Backend = Vm>,
    {
        Self::set_up(platform, Setup::Page, Source::Pages, config, statics, |_| true)
    }

    fn set_up(
        platform: P,
        setup: Setup,
        source: Source,
        config: &Config,
        statics: &[u8],
        is_attached: impl Fn(CpuId) -> bool,
    ) -> Result<Self, SetupError> {
        let mut taken = Taken::<P> {
            holdings: Holdings::default(),
            boot: BootMemory::None,
            scratch: None,
            records: None,
            directory: None,
        };
        let made = taken.make::<A>(&platform, setup, source, config, statics, is_attached);
        match made {
            Ok(parts) => Ok(parts.assemble(platform, taken)),
            Err(error) => {
                // SAFETY: `platform` lent and gave all of it; nothing of the parts is left.
                unsafe { taken.give_back(&platform) };
                Err(error)
            }
        }
    }
}

/// An allocator but for its platform and what was taken.
struct Parts<A> {
    geometry: Geometry<'static>,
    addresses: A,
    extents: &'static [Span<usize>],
    base: Addr,
    reserved: Option<ChunkRef>,
    attached: Attached,
    index: Index,
    messages: u32,
}

impl<P: Machine> Taken<P> {
    fn make<A: Addressing>(
        &mut self,
        platform: &P,
        setup: Setup,
        source: Source,
        config: &Config,
        statics: &[u8],
        is_attached: impl Fn(CpuId) -> bool,
    ) -> Result<Parts<A>, SetupError> {
        let mut geometry = self.plan(platform, setup, config)?;
        let region = geometry.regions().statics.len().get();
        if statics.len() > region {
            return Err(SetupError::StaticImage { image: statics.len(), region });
        }

        // The back end's pages need the extents of the groups; runs decide them.
        if source == Source::Runs {
            self.take_runs(platform, &geometry)?;
            self.place_runs(&mut geometry)?;
        }
        let words = self.holdings.slice::<usize>(platform, A::words(&geometry))?;
        let addresses = A::make(&geometry, words)?;
        let extents = self.extents(platform, &geometry)?;
        let attached = self.attached(platform, &geometry, is_attached)?;
        self.scratch = Some(P::Backend::scratch(platform, &geometry)?);
        let site = Site { platform, geometry: &geometry, addresses: &addresses, extents };
        let base = match source {
            Source::Runs => self.lowest_run(),
            Source::Pages => self.take_pages(&site, &attached)?,
        };

        let chunks = match geometry.check_base(base.get()) {
            Ok(()) => {
                self.fill_units(&site, base, statics);
                self.make_chunks(platform, &geometry, base)
            }
            Err(error) => Err(error.into()),
        };
        let (reserved, index) = match chunks {
            Ok(chunks) => chunks,
            Err(error) => {
                let scratch = self.scratch.as_mut().expect("made above");
                // SAFETY: nobody knows of the first units yet.
                unsafe { give_mapped(&site, scratch, &attached, &mut self.boot) };
                return Err(error);
            }
        };
        let messages = config.failure_messages;
        Ok(Parts { geometry, addresses, extents, base, reserved, attached, index, messages })
    }

    fn plan(
        &mut self,
        platform: &P,
        setup: Setup,
        config: &Config,
    ) -> Result<Geometry<'static>, SetupError> {
        if config.page_size != platform.page_size() {
            let (config, platform) = (config.page_size, platform.page_size());
            return Err(SetupError::PageSize { config, platform });
        }
        let needs = Geometry::needs(platform);
        // At most one group per possible CPU: `groups` counts them.
        if !P::SMP && needs.groups != 1 {
            return Err(SetupError::OneCpuOnly { possible: needs.groups as u32 });
        }
        let storage = Storage {
            cpus: self.holdings.slice::<Placement>(platform, needs.cpus)?,
            slots: self.holdings.slice::<Option<CpuId>>(platform, needs.slots)?,
            groups: self.holdings.slice::<Group>(platform, needs.groups)?,
        };
        let geometry = Geometry::plan(setup, config, platform, storage)?;
        let (unit_size, limit) = (geometry.unit_size() as u64, Slots::UNIT_LIMIT);
        if unit_size >= limit {
            return Err(SetupError::UnitTooLarge { unit_size, limit });
        }
        P::Backend::verify(&geometry)?;
        Ok(geometry)
    }

    /// Takes one run per group: its CPUs' units and no padding.
    fn take_runs(&mut self, platform: &P, geometry: &Geometry<'_>) -> Result<(), SetupError> {
        let nr_groups = geometry.groups().len();
        let runs = self.holdings.slice::<Option<Run>>(platform, nr_groups)?;
        self.boot = BootMemory::Runs { taken: runs, kept: geometry.pages_per_unit() };
        let align = geometry.atom_size().max(geometry.page_size());
        for (index, group) in geometry.groups().iter().enumerate() {
            let nr_units = group.nr_cpus() as usize;
            let wanted = PageCount::new(nr_units * geometry.pages_per_unit().get());
            let node = platform.node_of(group.first_cpu());
            let start = platform
                .take_run(wanted, align, node, Effort::Normal)
                .map_err(|NoPages| SetupError::NoPages { wanted })?;
            let BootMemory::Runs { taken, .. } = &mut self.boot else { unreachable!("set above") };
            taken[index] = Some(Run { start, nr_units, unit_pages: geometry.pages_per_unit() });
        }
        Ok(())
    }

    fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        let taken: &[Option<Run>] = match &self.boot {
            BootMemory::Runs { taken, .. } => taken,
            BootMemory::Mapped { .. } | BootMemory::None => &[],
        };
        taken.iter().flatten().copied()
    }

    fn lowest_run(&self) -> Addr {
        self.runs().map(|run| run.start).min().expect("at least one group has a run")
    }

    /// Freezes the distances between groups: all later chunks have them too.
    fn place_runs(&self, geometry: &mut Geometry<'static>) -> Result<(), SetupError> {
        let lowest = self.lowest_run();
        for (index, run) in self.runs().enumerate() {
            geometry.place(index, run.start.get() - lowest.get())?;
        }
        Ok(())
    }

    /// Lists the extents of the groups in ascending order.
    fn extents(
        &mut self,
        platform: &P,
        geometry: &Geometry<'_>,
    ) -> Result<&'static [Span<usize>], SetupError> {
        let extents = self.holdings.slice::<Span<usize>>(platform, geometry.groups().len())?;
        for (extent, group) in extents.iter_mut().zip(geometry.groups()) {
            // Without padding: another group's run may lie where it would be.
            let size = group.nr_cpus() as usize * geometry.unit_size();
            let size = size.next_multiple_of(geometry.atom_size().max(geometry.page_size()));
            *extent = Span::new(group.offset(), group.offset() + size);
        }
        // A back end over runs has one group; code for sorting is larger than all of set-up.
        if P::Backend::BACKING == Backing::OnDemand {
            extents.sort_unstable_by_key(|extent| extent.start);
        }
        Ok(extents)
    }

    /// Takes all pages of all first units from the back end.
    fn take_pages<A: Addressing>(
        &mut self,
        site: &Site<'_, P, A>,
        attached: &Attached,
    ) -> Result<Addr, SetupError> {
        let geometry = site.geometry;
        let made = P::Backend::create(site).map_err(|NoChunk| SetupError::NoSpace)?;
        let all = Span::new(PageCount::ZERO, geometry.pages_per_unit());
        let scratch = self.scratch.as_mut().expect("made before");
        let cpus = attached.iter();
        // SAFETY: made above; nothing in it is backed.
        let backed =
            unsafe { P::Backend::populate(site, scratch, made.base, all, cpus, Effort::Normal) };
        if backed.is_err() {
            // SAFETY: made above, nothing is backed, nobody knows of it.
            unsafe { P::Backend::destroy(site, made.base) };
            let nr_cpus = geometry.nr_possible() as usize;
            let wanted = PageCount::new(all.len().get() * nr_cpus);
            return Err(SetupError::NoPages { wanted });
        }
        self.boot = BootMemory::Mapped { base: made.base };
        Ok(made.base)
    }

    /// Copies the static image into every unit, and gives back what lies behind the regions.
    fn fill_units<A: Addressing>(&mut self, site: &Site<'_, P, A>, base: Addr, statics: &[u8]) {
        let Site { platform, geometry, addresses, .. } = *site;
        let whole = geometry.pages_per_unit();
        let used = match self.boot {
            BootMemory::Runs { .. } => geometry.nr_boot_pages(),
            BootMemory::Mapped { .. } | BootMemory::None => whole,
        };
        for cpu in geometry.cpus() {
            let offset = addresses.offset(cpu).expect("a possible CPU has a unit");
            let unit = base.offset(offset);
            let static_end = geometry.regions().statics.end.get();
            // SAFETY: inside the unit, which was taken a moment ago and is known to nobody.
            unsafe { platform.zero(unit, static_end) };
            // SAFETY: as above; the image is no longer than the static region.
            unsafe { platform.write(unit, statics) };
            if used < whole {
                let tail = unit.offset(used.get() * geometry.page_size());
                // SAFETY: the end of a run that was taken for this unit, not used.
                unsafe { platform.give_run(tail, whole - used) };
            }
        }
        if let BootMemory::Runs { kept, .. } = &mut self.boot {
            *kept = used;
        }
    }

    fn attached(
        &mut self,
        platform: &P,
        geometry: &Geometry<'_>,
        is_attached: impl Fn(CpuId) -> bool,
    ) -> Result<Attached, SetupError> {
        let room = self.holdings.slice::<AtomicU32>(platform, geometry.nr_possible() as usize)?;
        let attached = Attached::new(room);
        geometry.cpus().filter(|&cpu| is_attached(cpu)).for_each(|cpu| attached.push(cpu));
        Ok(attached)
    }

    fn make_chunks(
        &mut self,
        platform: &P,
        geometry: &Geometry<'static>,
        base: Addr,
    ) -> Result<(Option<ChunkRef>, Index), SetupError> {
        let unit_bits = bits(geometry, geometry.unit_size());
        let slots = Slots::new(unit_bits, geometry.granule());
        let ends = self.holdings.slice::<Ends>(platform, slots.nr_lists())?;
        // SAFETY: once, here, for the lock that `assemble` makes.
        let chunks = unsafe { Chunks::new() };
        // SAFETY: as above.
        let lists = unsafe { Lists::new(slots, ends) };
        let mut index = Index { chunks, lists, totals: Totals::default() };
        self.directory = Some(Directory::new(platform, geometry.unit_size())?);

        let regions = geometry.regions();
        let reserved = if regions.reserved.is_empty() {
            None
        } else {
            let boot = (Kind::Reserved, -1, regions.reserved);
            Some(self.boot_chunk(platform, geometry, &mut index, base, boot)?)
        };
        let boot = (Kind::First, 0, regions.dynamic);
        let first = self.boot_chunk(platform, geometry, &mut index, base, boot)?;

        let slot = index.slot_of(first);
        index.lists.push_front(first, slot);
        let totals = &mut index.totals;
        totals.count_chunk();
        totals.empty = index.chunks.get(first).map.nr_empty();
        totals.add_populated(geometry.nr_boot_pages());
        let covered = first_chunk_pages(geometry);
        let held = self.held_pages(geometry);
        totals.hold(held, covered);
        Ok((reserved, index))
    }

    /// Real pages held for the first chunk, without those that are wholly static.
    fn held_pages(&self, geometry: &Geometry<'_>) -> PageCount {
        let per_unit = match self.boot {
            BootMemory::Runs { kept, .. } => kept,
            BootMemory::Mapped { .. } | BootMemory::None => geometry.nr_boot_pages(),
        };
        let of_statics = geometry.static_size() / geometry.page_size();
        PageCount::new((per_unit.get() - of_statics) * geometry.nr_possible() as usize)
    }

    fn boot_chunk(
        &mut self,
        platform: &P,
        geometry: &Geometry<'static>,
        index: &mut Index,
        base: Addr,
        (kind, ordinal, region): (Kind, i32, Span<UnitOffset>),
    ) -> Result<ChunkRef, SetupError> {
        let boot = geometry.boot_chunk(region);
        // A pool may have no dynamic region at all: a chunk of one granule, hidden, stands for it.
        let nr_bits = boot.nr_bits.max(Bits::new(1));
        let served = Span::new(boot.head, boot.nr_bits.max(boot.head) - boot.tail);
        let page_bits = bits(geometry, geometry.page_size());
        let shape = RecordShape {
            kind,
            shape: Shape { nr_bits, page_bits },
            backing: Backing::Always,
            served,
            granule: geometry.granule(),
        };
        let chunk = ChunkRef::new(platform, &shape, self.records)?;
        self.records = Some(chunk);
        let inside = index.chunks.get_mut(chunk);
        inside.base = base.offset(boot.base.get());
        inside.ordinal = ordinal;
        for hidden in [Span::new(Bits::ZERO, served.start), Span::new(served.end, nr_bits)] {
            if !hidden.is_empty() {
                inside.map.hide(hidden);
            }
        }
        chunk.face().set_base(inside.base.get());
        if !served.is_empty() {
            self.directory.as_ref().expect("made before").insert(platform, chunk)?;
        }
        Ok(chunk)
    }

    /// Gives everything back, last taken first, but for pages of the back end.
    ///
    /// # Safety
    /// `platform` lent and gave it, and nothing of it is used any more.
    unsafe fn give_back(&mut self, platform: &P) {
        let directory = self.directory.as_ref();
        let scratch = self.scratch.as_mut();
        // SAFETY: by the caller's promise.
        unsafe { give_records(platform, directory, self.records) };
        if let Some(scratch) = scratch {
            // SAFETY: by the caller's promise.
            unsafe { P::Backend::give_scratch(platform, scratch) };
        }
        // SAFETY: by the caller's promise.
        unsafe { give_runs(platform, &mut self.boot) };
        // SAFETY: by the caller's promise; the table of runs was read for the last time above.
        unsafe { self.holdings.give_all(platform) };
    }
}

/// Gives the directory's tables and all records back.
///
/// # Safety
/// `platform` lent them, and they are not used any more.
unsafe fn give_records<P: Machine>(
    platform: &P,
    directory: Option<&Directory>,
    records: Option<ChunkRef>,
) {
    if let Some(directory) = directory {
        // SAFETY: by the caller's promise.
        unsafe { directory.give(platform) };
    }
    let mut next = records;
    while let Some(record) = next {
        next = record.next_record();
        // SAFETY: by the caller's promise; its successor was read before.
        unsafe { record.give(platform) };
    }
}

/// Gives the first chunk's runs back.
///
/// # Safety
/// `platform` gave them, and nothing in them is used any more.
unsafe fn give_runs<P: Machine>(platform: &P, boot: &mut BootMemory) {
    let BootMemory::Runs { taken, kept } = boot else { return };
    for run in taken.iter_mut().rev().filter_map(Option::take) {
        if *kept == run.unit_pages {
            let pages = PageCount::new(run.nr_units * run.unit_pages.get());
            // SAFETY: a whole run, given once (`take`), unused by the caller's promise.
            unsafe { platform.give_run(run.start, pages) };
            continue;
        }
        let stride = run.unit_pages.get() * platform.page_size();
        for unit in (0..run.nr_units).rev() {
            // SAFETY: the part of the run that `fill_units` did not give back already.
            unsafe { platform.give_run(run.start.offset(unit * stride), *kept) };
        }
    }
}

/// Gives the first chunk's pages back where they are the back end's.
///
/// # Safety
/// Nothing in them is used any more.
unsafe fn give_mapped<P: Machine, A: Addressing>(
    site: &Site<'_, P, A>,
    scratch: &mut <P::Backend as Backend<P>>::Scratch,
    attached: &Attached,
    boot: &mut BootMemory,
) {
    let BootMemory::Mapped { base } = *boot else { return };
    *boot = BootMemory::None;
    let all = Span::new(PageCount::ZERO, site.geometry.pages_per_unit());
    // SAFETY: populated in `take_pages` for these CPUs, which were all there are.
    unsafe { P::Backend::depopulate(site, scratch, base, all, attached.iter()) };
    // SAFETY: made in `take_pages`, depopulated on the line above.
    unsafe { P::Backend::destroy(site, base) };
}

/// Granules in so many bytes of a unit.
fn bits(geometry: &Geometry<'_>, bytes: usize) -> Bits {
    Bits::new((bytes / geometry.granule()) as u32)
}

/// Real pages of all units from the one in which the static region ends.
pub(super) fn first_chunk_pages(geometry: &Geometry<'_>) -> PageCount {
    let of_statics = geometry.static_size() / geometry.page_size();
    let per_unit = geometry.nr_boot_pages().get() - of_statics;
    PageCount::new(per_unit * geometry.nr_possible() as usize)
}

impl<A: Addressing> Parts<A> {
    fn assemble<P: Machine>(self, platform: P, taken: Taken<P>) -> Allocator<P, A> {
        let pages = PagesState {
            scratch: taken.scratch.expect("set-up made it"),
            records: taken.records,
            next_ordinal: 1,
        };
        let flags = Flags { messages_left: AtomicU32::new(self.messages), ..Flags::default() };
        let allocator = Allocator {
            platform,
            geometry: Lent::new(self.geometry),
            addresses: Lent::new(self.addresses),
            extents: Lent::new(self.extents),
            base: self.base,
            boot: Lent::new(taken.boot),
            reserved: self.reserved,
            directory: taken.directory.expect("set-up made it"),
            attached: Lent::new(self.attached),
            pages: Mutex::new(pages),
            index: Mutex::new(self.index),
            flags,
            holdings: taken.holdings,
        };
        allocator.platform.event(&Event::ChunkCreated { base: self.base });
        allocator
    }
}

impl<P: Machine, A: Addressing> Drop for Allocator<P, A> {
    /// Gives all memory back. Areas that are still live go with it.
    fn drop(&mut self) {
        let site: Site<'_, P, A> = Site {
            platform: &self.platform,
            geometry: &self.geometry,
            addresses: &self.addresses,
            extents: *self.extents,
        };
        let (pages, index) = (self.pages.get_mut(), self.index.get_mut());
        let mut next = pages.records;
        while let Some(record) = next {
            next = record.next_record();
            let chunk = index.chunks.get(record);
            if chunk.kind != Kind::Ordinary || record.face().base() == 0 {
                continue;
            }
            let mut rest = Span::new(PageCount::ZERO, chunk.map.nr_pages());
            while let Some(backed) = chunk.map.next_populated(rest) {
                rest.start = backed.end;
                let (scratch, cpus) = (&mut pages.scratch, self.attached.iter());
                // SAFETY: C4; nobody uses a cookie of an allocator that is dropped.
                unsafe { P::Backend::depopulate(&site, scratch, chunk.base, backed, cpus) };
            }
            // SAFETY: a chunk in use (its base is set), depopulated above.
            unsafe { P::Backend::destroy(&site, chunk.base) };
        }
        // SAFETY: nobody uses a cookie of an allocator that is dropped.
        unsafe { give_mapped(&site, &mut pages.scratch, &self.attached, &mut self.boot) };
        // SAFETY: lent by this platform and given back once, here; what refers to them is dropped
        // without being read.
        unsafe { give_records(&self.platform, Some(&self.directory), pages.records) };
        // SAFETY: as above.
        unsafe { P::Backend::give_scratch(&self.platform, &mut pages.scratch) };
        // SAFETY: as above.
        unsafe { give_runs(&self.platform, &mut self.boot) };
        // SAFETY: as above.
        unsafe { self.addresses.drop_value() };
        // SAFETY: as above.
        unsafe { self.holdings.give_all(&self.platform) };
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Set-up: from a configuration to the first chunk, and back at the end.
//!
//! ```text
//!  plan geometry ─► verify ─► memory for the first units ─► place groups ─► static image
//!        ─► records of the first (and reserved) chunk ─► directory ─► allocator
//! ```
//!
//! What was taken is noted as it is taken: a failure at any step gives it back, last first, and
//! so does dropping the allocator (`end.rs`).
//!
//! # Source
//! The embed, page and UP set-ups of Linux (docs/behaviours.md, B45-B51, B82).

mod chunks;
mod end;
mod units;

use lock_api::Mutex;
use pcpu_layout::geometry::{Geometry, Group, Placement, Setup, Storage};
use pcpu_layout::{Config, CpuId, Span};
use pcpu_platform::{Addr, Event, Mapper, Vm};
use portable_atomic::AtomicU32;

use super::{Addressing, Allocator, Flags, PagesState};
use crate::SetupError;
use crate::attached::Attached;
use crate::backend::{Backend, Site};
use crate::chunk::ChunkRef;
use crate::directory::Directory;
use crate::holdings::Holdings;
use crate::index::{Index, Slots};
use crate::lent::Lent;
use crate::machine::Machine;

pub(super) use chunks::first_unit_pages;
pub(crate) use units::BootMemory;
use units::{fill_mapped, give_mapped};

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

    /// As [`new`](Self::new), and attaches only the CPUs that `is_attached` names; none at all is
    /// allowed. The others cost, with the vm back end, no pages beyond the first chunk until
    /// [`attach`](Self::attach); with [`new_paged_with_attached`](Self::new_paged_with_attached),
    /// none.
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
        Self::new_paged_with_attached(platform, config, statics, |_| true)
    }

    /// As [`new_paged`](Self::new_paged), and attaches only the CPUs that `is_attached` names.
    /// Nothing is mapped and nothing written for the others, so that they cost addresses, until
    /// [`attach`](Self::attach). That leaves a CPU's static region zero: `statics` is copied only
    /// to the CPUs that are attached here, and is not kept.
    ///
    /// No CPU at all may be attached here. The pool serves requests then, and owns no page of any
    /// unit before its first `attach`.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn new_paged_with_attached(
        platform: P,
        config: &Config,
        statics: &[u8],
        is_attached: impl Fn(CpuId) -> bool,
    ) -> Result<Self, SetupError>
    where
        P: Mapper + Machine<Backend = Vm>,
    {
        Self::set_up(platform, Setup::Page, Source::Pages, config, statics, is_attached)
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
                let nr_units = match source {
                    Source::Runs => {
                        self.fill_runs(&site, base, statics);
                        geometry.nr_possible() as usize
                    }
                    Source::Pages => {
                        fill_mapped(&site, base, &attached, statics);
                        attached.len()
                    }
                };
                self.make_chunks(platform, &geometry, base, nr_units)
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

// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a machine is described.

use core::fmt;
use std::fs;

use pcpu_layout::IndexBy;
use pcpu_platform::{Cell, Event, SmpMmu, SmpNoMmu, Up};
use rustix::process::{Resource, getrlimit};

use super::machine::{Machine, ObserverFn, Parts};
use super::reservation::{Backing, Refused, Reservation};
use super::topology::CpuMap;
use crate::{BuildError, MAX_CPUS};

/// The smallest page of a machine without an MMU, in bytes.
const MIN_PAGE_SIZE: usize = 256;

/// Where the search for a reservation that the system grants starts, and where it ends.
const DEFAULT_SPACE: usize = by_width(256 << 30, 512 << 20);
const LEAST_SPACE: usize = by_width(256 << 20, 16 << 20);

/// Picks a size by the width of addresses.
const fn by_width(wide: u64, narrow: usize) -> usize {
    if usize::BITS >= u64::BITS { wide as usize } else { narrow }
}

/// Describes a machine. Everything has a default; building checks what was set.
///
/// ```
/// use pcpu_linux::{BuildError, Linux};
///
/// let small = Linux::builder().cpus(2).page_size(256).build_no_mmu()?;
/// let refused = Linux::builder().page_size(256).build().unwrap_err();
/// assert!(matches!(refused, BuildError::PageNotOfSystem { asked: 256, .. }));
/// # Ok::<(), BuildError>(())
/// ```
#[derive(Default)]
#[must_use = "a description does nothing before it is built"]
pub struct Builder {
    cpus: Option<u32>,
    copies: Option<IndexBy>,
    nodes: Option<u32>,
    page_size: Option<usize>,
    address_space: Option<usize>,
    backing: Option<Backing>,
    observer: Option<ObserverFn>,
}

impl Builder {
    /// Pretends `nr_cpus` possible CPUs, numbered from 0, whatever the system has. They are
    /// layouts of addresses: threads are told apart by the CPU that runs them, as far as there
    /// are as many. Default: the system's possible CPUs.
    pub fn cpus(mut self, nr_cpus: u32) -> Self {
        self.cpus = Some(nr_cpus);
        self
    }

    /// Makes the machine's CPUs stand for what copies are indexed by in [`local`](crate::local): a CPU
    /// for each number, without gaps, and one more, the last, for strays. Instead of
    /// [`cpus`](Self::cpus).
    pub fn copies(mut self, by: IndexBy) -> Self {
        self.copies = Some(by);
        self
    }

    /// Pretends `nr_nodes` memory nodes, with a block of neighbouring CPUs on each. Default: the
    /// system's, or one where CPUs are pretended.
    pub fn nodes(mut self, nr_nodes: u32) -> Self {
        self.nodes = Some(nr_nodes);
        self
    }

    /// Sets the page size in bytes, a power of two: the system's or a multiple of it, or, for a
    /// machine that cannot map, anything from 256. Default: the system's.
    pub fn page_size(mut self, bytes: usize) -> Self {
        self.page_size = Some(bytes);
        self
    }

    /// Sets how many bytes of address space are reserved, rounded up to pages. All chunks of all
    /// pools on the machine lie in it, and it bounds how far apart groups may be. Exactly this
    /// much is asked for.
    ///
    /// Default: 256 GiB (32-bit: 512 MiB), or a quarter of the process's limit if that is less,
    /// halved until the system grants it or 256 MiB (32-bit: 16 MiB) have been refused.
    pub fn address_space(mut self, bytes: usize) -> Self {
        self.address_space = Some(bytes);
        self
    }

    /// Sets what counts as committed memory. Default: by `vm.overcommit_memory`.
    pub fn backing(mut self, backing: Backing) -> Self {
        self.backing = Some(backing);
        self
    }

    /// Sets who hears of events. Default: nobody. Locks of the allocator may be held during a
    /// call, see [`Observer`](pcpu_platform::Observer).
    pub fn observer(mut self, observer: Box<dyn Fn(&Event) + Send + Sync>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Builds a machine with several CPUs that maps pages.
    ///
    /// # Errors
    /// See [`BuildError`]. Nothing is reserved then.
    pub fn build(self) -> Result<Machine<SmpMmu>, BuildError> {
        let system = rustix::param::page_size();
        let page_size = self.checked_page_size()?;
        if !page_size.is_multiple_of(system) {
            return Err(BuildError::PageNotOfSystem { asked: page_size, system });
        }
        self.assemble()
    }

    /// Builds a machine with several CPUs that cannot map pages.
    ///
    /// # Errors
    /// See [`BuildError`]. Nothing is reserved then.
    pub fn build_no_mmu(self) -> Result<Machine<SmpNoMmu>, BuildError> {
        self.assemble()
    }

    /// Builds a machine with one CPU, on one node, that cannot map pages.
    ///
    /// # Errors
    /// See [`BuildError`]; more than one CPU or node is an error too. Nothing is reserved then.
    pub fn build_uni(mut self) -> Result<Machine<Up>, BuildError> {
        let asked = self.cpus.unwrap_or(1);
        if asked > 1 {
            return Err(BuildError::UniHasOneCpu { asked });
        }
        self.cpus = Some(asked);
        self.assemble()
    }

    fn assemble<C: Cell<Machine<C>>>(self) -> Result<Machine<C>, BuildError>
    where
        Machine<C>: pcpu_platform::Platform,
    {
        let page_size = self.checked_page_size()?;
        let cpus = self.checked_cpus()?;
        let reservation = self.checked_reservation(page_size)?;
        Ok(Machine::assemble(Parts { page_size, cpus, reservation, observer: self.observer }))
    }

    fn checked_page_size(&self) -> Result<usize, BuildError> {
        let asked = self.page_size.unwrap_or_else(rustix::param::page_size);
        if asked.is_power_of_two() && asked >= MIN_PAGE_SIZE {
            return Ok(asked);
        }
        Err(BuildError::PageSize { asked, least: MIN_PAGE_SIZE })
    }

    fn checked_cpus(&self) -> Result<CpuMap, BuildError> {
        let cpus = match self.cpus {
            Some(asked) if asked == 0 || asked > MAX_CPUS => {
                return Err(BuildError::Cpus { asked, most: MAX_CPUS });
            }
            Some(asked) => CpuMap::pretend(asked),
            None => self.copies.map_or_else(CpuMap::of_system, CpuMap::of_copies),
        };
        let nr_cpus = cpus.nr_possible();
        match self.nodes {
            Some(asked) if asked == 0 || asked > nr_cpus => {
                Err(BuildError::Nodes { asked, cpus: nr_cpus })
            }
            Some(asked) => Ok(cpus.on_pretended_nodes(asked)),
            None if self.cpus.is_none() && self.copies.is_none() => Ok(cpus.on_system_nodes()),
            None => Ok(cpus),
        }
    }

    fn checked_reservation(&self, page_size: usize) -> Result<Reservation, BuildError> {
        let backing = self.backing.unwrap_or_else(backing_for_system);
        let grain = page_size.max(rustix::param::page_size());
        let limit = space_limit();
        let (asked, least) = match self.address_space {
            Some(asked) if asked < grain => {
                return Err(BuildError::SpaceTooSmall { asked, least: grain });
            }
            // What cannot be rounded up is refused by the system, in its own words.
            Some(asked) => {
                let rounded = asked.checked_next_multiple_of(grain);
                let asked = rounded.unwrap_or(usize::MAX - (grain - 1));
                (asked, asked)
            }
            None => {
                let asked = limit.map_or(DEFAULT_SPACE, |limit| DEFAULT_SPACE.min(limit / 4));
                let least = LEAST_SPACE.max(grain);
                (asked.next_multiple_of(grain).max(least), least)
            }
        };
        // Each try is at least `least`, so the last one that is made is `least` itself.
        let mut bytes = asked;
        loop {
            match Reservation::new(bytes, backing) {
                Ok(reservation) => return Ok(reservation),
                Err(Refused(code)) if bytes == least => {
                    return Err(BuildError::Refused { asked, least, limit, code });
                }
                Err(_) => bytes = (bytes / 2).next_multiple_of(grain).max(least),
            }
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("cpus", &self.cpus)
            .field("copies", &self.copies)
            .field("nodes", &self.nodes)
            .field("page_size", &self.page_size)
            .field("address_space", &self.address_space)
            .field("backing", &self.backing)
            .finish_non_exhaustive()
    }
}

/// Strict accounting ignores `MAP_NORESERVE`, so a large writable mapping is refused there.
fn backing_for_system() -> Backing {
    let mode = fs::read_to_string("/proc/sys/vm/overcommit_memory");
    match mode.as_deref().map(str::trim) {
        Ok("2") => Backing::Accounted,
        _ => Backing::Overcommitted,
    }
}

/// Returns the process's own limit on mappings in bytes. Private writable memory counts as data.
fn space_limit() -> Option<usize> {
    let limits = [Resource::As, Resource::Data].map(|resource| getrlimit(resource).current);
    let lowest = limits.into_iter().flatten().min()?;
    Some(usize::try_from(lowest).unwrap_or(usize::MAX))
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory for the first units: runs of pages, or pages of the back end.
//!
//! Memory for all groups is taken before any part of it is given back, so that a later group
//! cannot land in an earlier one's tail.

use pcpu_layout::geometry::Geometry;
use pcpu_layout::map::Backing;
use pcpu_layout::{CpuId, PageCount, Span};
use pcpu_platform::{Addr, Effort, NoPages};

use super::{Addressing, Taken};
use crate::SetupError;
use crate::attached::Attached;
use crate::backend::{Backend, NoChunk, Site};
use crate::machine::Machine;

/// Where the first chunk's memory came from, for the end.
#[derive(Debug)]
pub(crate) enum BootMemory {
    /// One run per group, noted as they are taken, and the pages that are kept of each unit.
    Runs { taken: &'static mut [Option<Run>], kept: PageCount },
    /// Pages of the back end at this base, as in any later chunk: for attached CPUs.
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

impl<P: Machine> Taken<P> {
    /// Takes one run per group: its CPUs' units and no padding.
    pub(super) fn take_runs(
        &mut self,
        platform: &P,
        geometry: &Geometry<'_>,
    ) -> Result<(), SetupError> {
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

    pub(super) fn lowest_run(&self) -> Addr {
        self.runs().map(|run| run.start).min().expect("at least one group has a run")
    }

    /// Freezes the distances between groups: all later chunks have them too.
    pub(super) fn place_runs(&self, geometry: &mut Geometry<'static>) -> Result<(), SetupError> {
        let lowest = self.lowest_run();
        for (index, run) in self.runs().enumerate() {
            geometry.place(index, run.start.get() - lowest.get())?;
        }
        Ok(())
    }

    /// Lists the extents of the groups in ascending order.
    pub(super) fn extents(
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

    /// Takes all pages of the first units of the attached CPUs from the back end.
    pub(super) fn take_pages<A: Addressing>(
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
            let wanted = PageCount::new(all.len().get() * attached.len());
            return Err(SetupError::NoPages { wanted });
        }
        self.boot = BootMemory::Mapped { base: made.base };
        Ok(made.base)
    }

    /// Copies the static image into the unit of every possible CPU, all of which have runs, and
    /// gives back what lies behind the regions.
    pub(super) fn fill_runs<A: Addressing>(
        &mut self,
        site: &Site<'_, P, A>,
        base: Addr,
        statics: &[u8],
    ) {
        let Site { platform, geometry, .. } = *site;
        let (whole, used) = (geometry.pages_per_unit(), geometry.nr_boot_pages());
        for cpu in geometry.cpus() {
            // SAFETY: the unit is part of a run that was taken a moment ago and is known to nobody.
            let unit = unsafe { fill_unit(site, base, cpu, statics) };
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
}

/// Copies the static image into the units of the attached CPUs, which alone are mapped.
pub(super) fn fill_mapped<P: Machine, A: Addressing>(
    site: &Site<'_, P, A>,
    base: Addr,
    attached: &Attached,
    statics: &[u8],
) {
    for cpu in attached.iter() {
        // SAFETY: `take_pages` backed the unit a moment ago, and it is known to nobody.
        unsafe { fill_unit(site, base, cpu, statics) };
    }
}

/// Copies the static image to the start of a CPU's unit, zeros behind it, and returns the unit.
///
/// # Safety
/// The unit's static region is backed and nobody uses it. The image is no longer than the region.
unsafe fn fill_unit<P: Machine, A: Addressing>(
    site: &Site<'_, P, A>,
    base: Addr,
    cpu: CpuId,
    statics: &[u8],
) -> Addr {
    let offset = site.addresses.offset(cpu).expect("a possible CPU has a unit");
    let unit = base.offset(offset);
    let static_end = site.geometry.regions().statics.end.get();
    // SAFETY: backed and unused, by the caller's promise.
    unsafe { site.platform.zero(unit, static_end) };
    // SAFETY: as above; the image fits.
    unsafe { site.platform.write(unit, statics) };
    unit
}

/// Gives the first chunk's runs back.
///
/// # Safety
/// `platform` gave them, and nothing in them is used any more.
pub(super) unsafe fn give_runs<P: Machine>(platform: &P, boot: &mut BootMemory) {
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
            // SAFETY: the part of the run that `fill_runs` did not give back already.
            unsafe { platform.give_run(run.start.offset(unit * stride), *kept) };
        }
    }
}

/// Gives the first chunk's pages back where they are the back end's.
///
/// # Safety
/// Nothing in them is used any more.
pub(super) unsafe fn give_mapped<P: Machine, A: Addressing>(
    site: &Site<'_, P, A>,
    scratch: &mut <P::Backend as Backend<P>>::Scratch,
    attached: &Attached,
    boot: &mut BootMemory,
) {
    let BootMemory::Mapped { base } = *boot else { return };
    *boot = BootMemory::None;
    let all = Span::new(PageCount::ZERO, site.geometry.pages_per_unit());
    // SAFETY: populated in `take_pages`, or in `attach` before the CPU joined the list, for these
    // CPUs and no others (A1).
    unsafe { P::Backend::depopulate(site, scratch, base, all, attached.iter()) };
    // SAFETY: made in `take_pages`, depopulated on the line above.
    unsafe { P::Backend::destroy(site, base) };
}

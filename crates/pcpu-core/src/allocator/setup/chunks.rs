// SPDX-License-Identifier: MIT OR Apache-2.0
//! The first chunk, and the reserved one beside it: records over units that exist already.

use pcpu_layout::geometry::Geometry;
use pcpu_layout::map::{Backing, Shape};
use pcpu_layout::{Bits, PageCount, Span, UnitOffset};
use pcpu_platform::Addr;

use super::{BootMemory, Taken};
use crate::SetupError;
use crate::chunk::{ChunkRef, Kind, RecordShape};
use crate::directory::Directory;
use crate::index::{Chunks, Ends, Index, Lists, Slots, Totals};
use crate::machine::Machine;

impl<P: Machine> Taken<P> {
    /// Makes the records over units of which `nr_units` are backed.
    pub(super) fn make_chunks(
        &mut self,
        platform: &P,
        geometry: &Geometry<'static>,
        base: Addr,
        nr_units: usize,
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
        totals.counters.count_chunk();
        totals.empty = index.chunks.get(first).map.nr_empty();
        totals.counters.add_populated(geometry.nr_boot_pages());
        let in_units = |per_unit: PageCount| PageCount::new(per_unit.get() * nr_units);
        let covered = in_units(first_unit_pages(geometry));
        let held = in_units(self.held_pages(geometry));
        totals.counters.hold(held, covered);
        Ok((reserved, index))
    }

    /// Real pages held for each unit of the first chunk, without those that are wholly static.
    fn held_pages(&self, geometry: &Geometry<'_>) -> PageCount {
        let per_unit = match self.boot {
            BootMemory::Runs { kept, .. } => kept,
            BootMemory::Mapped { .. } | BootMemory::None => geometry.nr_boot_pages(),
        };
        let of_statics = geometry.static_size() / geometry.page_size();
        PageCount::new(per_unit.get() - of_statics)
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
}

/// Granules in so many bytes of a unit.
fn bits(geometry: &Geometry<'_>, bytes: usize) -> Bits {
    Bits::new((bytes / geometry.granule()) as u32)
}

/// Pages of a unit of the first chunk, from the one in which the static region ends.
pub(in crate::allocator) fn first_unit_pages(geometry: &Geometry<'_>) -> PageCount {
    let of_statics = geometry.static_size() / geometry.page_size();
    PageCount::new(geometry.nr_boot_pages().get() - of_statics)
}

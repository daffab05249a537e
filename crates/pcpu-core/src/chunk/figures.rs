// SPDX-License-Identifier: MIT OR Apache-2.0
//! The figures of the kernel's per-chunk statistics: fragmentation, and sizes of live areas.

use pcpu_layout::Bits;
use pcpu_layout::map::Fragment;

use super::Chunk;

/// Fragmentation and sizes of live areas, in granules; all zero when nothing lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChunkFigures {
    pub nr_alloc: usize,
    pub sum_frag: Bits,
    pub max_frag: Bits,
    pub min_alloc: Bits,
    pub med_alloc: Bits,
    pub max_alloc: Bits,
}

impl Chunk {
    /// Reads the figures off the map.
    pub(crate) fn figures(&self) -> ChunkFigures {
        let mut figures = ChunkFigures::default();
        let (mut pending_free, mut pending_max) = (0, 0);
        for fragment in self.map.fragments(self.served) {
            match fragment {
                Fragment::Free(run) => {
                    pending_free += run.len().get();
                    pending_max = pending_max.max(run.len().get());
                }
                Fragment::Area(area) => {
                    let len = area.len().get();
                    let smallest = figures.min_alloc.get();
                    figures.nr_alloc += 1;
                    figures.min_alloc =
                        if smallest == 0 { area.len() } else { Bits::new(smallest.min(len)) };
                    figures.max_alloc = figures.max_alloc.max(area.len());
                    // Free space behind the last area is not fragmentation.
                    figures.sum_frag = Bits::new(pending_free);
                    figures.max_frag = Bits::new(pending_max);
                }
            }
        }
        figures.med_alloc = self.lower_median(&figures);
        figures
    }

    /// The lower median of the sizes of live areas: the smallest size that at least half of
    /// them do not exceed. By bisection over sizes, because there is no memory to sort in.
    fn lower_median(&self, figures: &ChunkFigures) -> Bits {
        let half = figures.nr_alloc.div_ceil(2);
        let at_most = |size: u32| {
            self.map.areas_in(self.served).filter(|area| area.len().get() <= size).count()
        };
        let (mut low, mut high) = (figures.min_alloc.get(), figures.max_alloc.get());
        while low < high {
            let middle = low + (high - low) / 2;
            if at_most(middle) >= half { high = middle } else { low = middle + 1 }
        }
        Bits::new(low)
    }
}

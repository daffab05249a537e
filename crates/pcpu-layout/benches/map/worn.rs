// SPDX-License-Identifier: MIT OR Apache-2.0
//! Maps that have been in use for a while, the same in every run.

use std::ops::Range;

use pcpu_layout::Bits;
use pcpu_layout::map::{Backing, Map, MapNeeds, Runs, Shape, Within, Word};

/// Granules in a map.
pub const NR_BITS: u32 = 64 << 10;
/// Granules in a page.
pub const PAGE_BITS: u32 = 1024;

/// Smallest and largest size, in granules.
pub type Sizes = (u32, u32);
/// What is taken, in granules.
pub type Area = Range<u32>;

/// Numbers that look random (xorshift).
pub struct Random(u64);

impl Random {
    /// Begins a sequence; `seed` is not 0.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    /// A size.
    pub fn size(&mut self, (low, high): Sizes) -> u32 {
        low + self.below((high - low + 1) as usize) as u32
    }
}

/// A map with memory of its own.
pub struct Owned {
    words: Vec<Word>,
    records: Vec<Runs>,
    backing: Backing,
}

const SHAPE: Shape = Shape { nr_bits: Bits::new(NR_BITS), page_bits: Bits::new(PAGE_BITS) };

impl Owned {
    /// Takes the memory.
    pub fn new(backing: Backing) -> Self {
        let needs = MapNeeds::of(SHAPE, backing);
        Self { words: vec![0; needs.words], records: vec![Runs::default(); needs.records], backing }
    }

    /// Makes the map, all free.
    pub fn map(&mut self) -> Map<'_> {
        Map::new(SHAPE, self.backing, &mut self.words, &mut self.records)
    }
}

/// Granules that are free at 60 %.
const FREE: Bits = Bits::new(NR_BITS / 10 * 4);

/// The areas of a map that was filled and then thinned at random to 60 %: holes everywhere,
/// none of them long.
pub fn thinned(sizes: Sizes) -> Vec<Area> {
    let (mut owned, mut random) = (Owned::new(Backing::Always), Random::new(42));
    fill_and_thin(&mut owned.map(), &mut random, sizes)
}

/// The areas of such a map after use for long enough to replace every area four times over, at
/// 60 % throughout: as first fit leaves it, dense below and loose above.
pub fn worn(sizes: Sizes) -> Vec<Area> {
    let (mut owned, mut random) = (Owned::new(Backing::Always), Random::new(42));
    let mut map = owned.map();
    let mut areas = fill_and_thin(&mut map, &mut random, sizes);
    for _ in 0..4 * areas.len() {
        while map.free() < FREE {
            give(&mut map, &mut areas, &mut random);
        }
        take(&mut map, &mut areas, random.size(sizes));
    }
    areas
}

fn fill_and_thin(map: &mut Map<'_>, random: &mut Random, sizes: Sizes) -> Vec<Area> {
    let mut areas = Vec::new();
    while take(map, &mut areas, random.size(sizes)) {}
    while map.free() < FREE {
        give(map, &mut areas, random);
    }
    areas
}

fn take(map: &mut Map<'_>, areas: &mut Vec<Area>, size: u32) -> bool {
    let Some(at) = map.find(Bits::new(size), Bits::new(1), Within::Anywhere) else { return false };
    let _ = map.take(pcpu_layout::Span::new(at, at + Bits::new(size)));
    areas.push(at.get()..at.get() + size);
    true
}

fn give(map: &mut Map<'_>, areas: &mut Vec<Area>, random: &mut Random) {
    let area = areas.swap_remove(random.below(areas.len()));
    let _ = map.give(Bits::new(area.start)).expect("it was taken");
}

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

/// The areas of a map that was filled, thinned to 60 %, and then used for long enough to
/// replace every area four times over, at 60 % throughout.
pub fn worn(sizes: Sizes) -> Vec<Area> {
    let (mut owned, mut random, mut areas) =
        (Owned::new(Backing::Always), Random::new(42), Vec::new());
    let mut map = owned.map();
    while take(&mut map, &mut areas, random.size(sizes)) {}
    let full_enough = NR_BITS / 10 * 4;
    while map.free() < Bits::new(full_enough) {
        give(&mut map, &mut areas, &mut random);
    }
    for _ in 0..4 * areas.len() {
        while map.free() < Bits::new(full_enough) {
            give(&mut map, &mut areas, &mut random);
        }
        take(&mut map, &mut areas, random.size(sizes));
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

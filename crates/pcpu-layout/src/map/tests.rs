// SPDX-License-Identifier: MIT OR Apache-2.0
//! The map against naive readings of its bits: exhaustively when small, at random when large.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// A map with memory of its own.
struct Owned {
    words: Vec<Word>,
    records: Vec<Runs>,
    shape: Shape,
    backing: Backing,
}

impl Owned {
    fn new(nr_bits: u32, page_bits: u32, backing: Backing) -> Self {
        let shape = Shape { nr_bits: Bits::new(nr_bits), page_bits: Bits::new(page_bits) };
        let needs = MapNeeds::of(shape, backing);
        Self {
            words: vec![0; needs.words],
            records: vec![Runs::FULL; needs.records],
            shape,
            backing,
        }
    }

    fn map(&mut self) -> Map<'_> {
        Map::new(self.shape, self.backing, &mut self.words, &mut self.records)
    }
}

fn span(start: u32, end: u32) -> Span<Bits> {
    Span::new(Bits::new(start), Bits::new(end))
}

fn pages(start: usize, end: usize) -> Span<PageCount> {
    Span::new(PageCount::new(start), PageCount::new(end))
}

fn find(map: &Map<'_>, len: u32, align: u32) -> Option<u32> {
    map.find(Bits::new(len), Bits::new(align), Within::Anywhere).map(Bits::get)
}

/// Lowest aligned fit in a picture of the bits, read one by one.
fn naive_fit(taken: u32, nr_bits: u32, len: u32, align: u32) -> Option<u32> {
    let mask = |at: u32| ((1_u32 << len) - 1) << at;
    (0..nr_bits).step_by(align as usize).find(|&at| at + len <= nr_bits && taken & mask(at) == 0)
}

/// Takes the set runs of a picture as areas.
fn draw(map: &mut Map<'_>, taken: u32, nr_bits: u32) {
    let mut at = 0;
    while at < nr_bits {
        let run = (taken >> at).trailing_ones();
        if run > 0 {
            let _ = map.take(span(at, at + run));
        }
        at += run.max(1);
    }
}

/// Every bitmap of `nr_bits` bits, every size and alignment: the answer is the naive one.
fn every_bitmap(nr_bits: u32, page_bits: u32) {
    let mut memory = Owned::new(nr_bits, page_bits, Backing::Always);
    for taken in 0..1_u32 << nr_bits {
        let mut map = memory.map();
        draw(&mut map, taken, nr_bits);
        for len in 1..=nr_bits {
            for align in [1, 2, 4, 8, 16].into_iter().filter(|&align| align <= page_bits) {
                let expected = naive_fit(taken, nr_bits, len, align);
                assert_eq!(find(&map, len, align), expected, "{taken:#b} {len}/{align}");
            }
        }
    }
}

#[test]
fn every_bitmap_of_twelve_bits_is_searched_as_bit_by_bit() {
    for page_bits in [1, 2, 4, 8, 16] {
        let nr_bits = if cfg!(miri) { 6 } else { 12 };
        every_bitmap(nr_bits, page_bits);
    }
}

/// The long form of the test above: 80 million searches.
#[test]
#[cfg(not(miri))]
fn every_bitmap_of_twenty_bits_is_searched_as_bit_by_bit() {
    every_bitmap(20, 4);
}

/// A state of a small map: where areas begin, which granules are taken, which pages backed.
type State = (u32, u32, u32);

fn state_of(map: &Map<'_>) -> State {
    let fold = |words: &[Word]| {
        (0..map.blocks.nr_bits).fold(0, |all, bit| all | u32::from(bits::test(words, bit)) << bit)
    };
    let populated = map.on_demand.as_ref().map_or(0, |on_demand| {
        (0..map.blocks.count())
            .fold(0, |all, page| all | u32::from(bits::test(on_demand.populated, page)) << page)
    });
    (fold(map.starts), fold(map.alloc), populated)
}

fn restore(map: &mut Map<'_>, (starts, alloc, populated): State) {
    let nr_bits = map.blocks.nr_bits;
    for start in (0..nr_bits).filter(|bit| starts >> bit & 1 == 1) {
        let inside = |&bit: &u32| alloc >> bit & 1 == 1 && starts >> bit & 1 == 0;
        let end = start + 1 + (start + 1..nr_bits).take_while(inside).count() as u32;
        let _ = map.take(span(start, end));
    }
    for page in (0..map.blocks.count() as usize).filter(|page| populated >> page & 1 == 1) {
        let _ = map.populate(pages(page, page + 1));
    }
}

/// Every state that allocation, free, populate and depopulate can reach: all invariants hold in
/// each, and each step changes the state as a reader of the bits would expect.
fn every_reachable_state(nr_bits: u32, page_bits: u32, backing: Backing) -> usize {
    let mut memory = Owned::new(nr_bits, page_bits, backing);
    let first = state_of(&memory.map());
    let (mut seen, mut queue) = (HashSet::from([first]), VecDeque::from([first]));
    while let Some(state) = queue.pop_front() {
        let mut visit = |map: &Map<'_>| {
            map.check().unwrap_or_else(|broken| panic!("{broken} after {state:?}"));
            let next = state_of(map);
            if seen.insert(next) {
                queue.push_back(next);
            }
        };
        for len in 1..=nr_bits {
            for align in [1, 2, 4].into_iter().filter(|&align| align <= page_bits) {
                for within in [Within::Backed, Within::Anywhere] {
                    let mut map = memory.map();
                    restore(&mut map, state);
                    if let Some(at) = map.find(Bits::new(len), Bits::new(align), within) {
                        let _ = map.take(Span::new(at, at + Bits::new(len)));
                        visit(&map);
                    }
                }
            }
        }
        for start in (0..nr_bits).filter(|bit| state.0 >> bit & 1 == 1) {
            let mut map = memory.map();
            restore(&mut map, state);
            let given = map.give(Bits::new(start)).unwrap();
            assert_eq!(given.area.start, Bits::new(start));
            visit(&map);
        }
        for page in 0..nr_bits.div_ceil(page_bits) as usize {
            let mut map = memory.map();
            restore(&mut map, state);
            if !map.is_populated(PageCount::new(page)) {
                let _ = map.populate(pages(page, page + 1));
                visit(&map);
            } else if backing == Backing::OnDemand && map.is_free(PageCount::new(page)) {
                let _ = map.depopulate(pages(page, page + 1));
                visit(&map);
            }
        }
    }
    seen.len()
}

#[test]
fn all_invariants_hold_in_every_reachable_state_of_two_pages() {
    assert!(every_reachable_state(8, 4, Backing::Always) > 800);
    assert!(every_reachable_state(6, 2, Backing::OnDemand) > 800);
}

#[test]
#[cfg(not(miri))]
fn all_invariants_hold_in_every_reachable_state_of_three_pages() {
    assert!(every_reachable_state(12, 4, Backing::Always) > 50_000);
    assert!(every_reachable_state(8, 4, Backing::OnDemand) > 3_000);
}

/// Three frees in one block that break the scan-hint invariant of Linux up to 6.12 at least.
#[test]
fn three_frees_that_break_a_scan_hint_leave_exact_records() {
    let mut memory = Owned::new(32, 32, Backing::Always);
    let mut map = memory.map();
    for (start, end) in [(0, 6), (6, 8), (8, 10), (10, 12), (12, 16), (16, 18), (18, 32)] {
        let _ = map.take(span(start, end));
    }
    for start in [6, 10, 16] {
        let _ = map.give(Bits::new(start)).unwrap();
        map.check().unwrap();
    }
    assert_eq!(map.longest(), Bits::new(2));
    assert_eq!(find(&map, 2, 1), Some(6));
    assert_eq!(find(&map, 2, 4), Some(16));
}

#[test]
fn an_area_ends_where_the_next_begins() {
    let mut memory = Owned::new(300, 64, Backing::Always);
    let mut map = memory.map();
    let _ = map.take(span(10, 130));
    let _ = map.take(span(130, 131));
    assert_eq!(map.area_at(Bits::new(10)), Ok(span(10, 130)));
    assert_eq!(map.area_at(Bits::new(130)), Ok(span(130, 131)));
    assert_eq!(map.area_at(Bits::new(11)), Err(GiveError::Inside));
    assert_eq!(map.area_at(Bits::new(131)), Err(GiveError::Free));
    assert_eq!(map.area_at(Bits::new(300)), Err(GiveError::OutOfRange));
}

#[test]
fn a_refused_give_changes_nothing() {
    let mut memory = Owned::new(300, 64, Backing::Always);
    let mut map = memory.map();
    let _ = map.take(span(10, 130));
    assert_eq!(map.give(Bits::new(12)), Err(GiveError::Inside));
    assert_eq!((map.free(), map.nr_areas()), (Bits::new(180), 1));
    map.check().unwrap();
}

#[test]
#[should_panic(expected = "M1")]
fn taking_a_taken_granule_is_caught() {
    let mut memory = Owned::new(300, 64, Backing::Always);
    let mut map = memory.map();
    let _ = map.take(span(10, 20));
    let _ = map.take(span(19, 21));
}

#[test]
fn hidden_ends_are_neither_free_nor_areas() {
    let mut memory = Owned::new(256, 64, Backing::Always);
    let mut map = memory.map();
    map.hide(span(0, 70));
    map.hide(span(250, 256));
    assert_eq!((map.free(), map.nr_areas()), (Bits::new(180), 0));
    assert_eq!((map.first_free(), map.nr_empty()), (Bits::new(70), PageCount::new(1)));
    map.check().unwrap();
}

#[test]
fn fragments_tile_the_map() {
    let mut memory = Owned::new(100, 64, Backing::Always);
    let mut map = memory.map();
    let _ = map.take(span(3, 5));
    let _ = map.take(span(5, 9));
    let all: Vec<_> = map.fragments(span(0, 100)).collect();
    let expected = [
        Fragment::Free(span(0, 3)),
        Fragment::Area(span(3, 5)),
        Fragment::Area(span(5, 9)),
        Fragment::Free(span(9, 100)),
    ];
    assert_eq!(all, expected);
    assert_eq!(map.areas_in(span(0, 100)).count(), 2);
}

#[test]
fn reclaim_sees_the_last_empty_range_first() {
    let mut memory = Owned::new(8 * 16, 16, Backing::OnDemand);
    let mut map = memory.map();
    let _ = map.populate(pages(0, 7));
    let _ = map.take(span(3 * 16, 3 * 16 + 1));
    assert_eq!(map.last_empty(PageCount::new(8)), Some(pages(4, 7)));
    assert_eq!(map.last_empty(PageCount::new(4)), Some(pages(0, 3)));
    let changed = map.depopulate(pages(4, 7));
    assert_eq!(changed.empty, PageCount::new(3));
    assert_eq!(map.longest_backed(), Bits::new(48));
}

#[derive(Clone, Debug)]
enum Step {
    Take { len: u32, align_log: u32, backed: bool },
    Give { nth: usize },
    Populate { page: usize },
    Depopulate { page: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..400_u32, 0..7_u32, any::<bool>())
            .prop_map(|(len, align_log, backed)| Step::Take { len, align_log, backed }),
        3 => any::<usize>().prop_map(|nth| Step::Give { nth }),
        1 => (0..23_usize).prop_map(|page| Step::Populate { page }),
        1 => (0..23_usize).prop_map(|page| Step::Depopulate { page }),
    ]
}

/// The oracle: areas by start, and the set of backed pages.
#[derive(Default)]
struct Model {
    areas: BTreeMap<u32, u32>,
    backed: HashSet<u32>,
}

const MODEL_BITS: u32 = 23 * 64 - 10;

impl Model {
    fn free(&self, from: u32, end: u32) -> bool {
        self.areas.range(..end).next_back().is_none_or(|(_, &stop)| stop <= from)
    }

    fn fit(&self, len: u32, align: u32, backed: bool) -> Option<u32> {
        (0..MODEL_BITS).step_by(align as usize).find(|&at| {
            let end = at + len;
            let backed_there =
                || (at / 64..=(end - 1) / 64).all(|page| self.backed.contains(&page));
            end <= MODEL_BITS && self.free(at, end) && (!backed || backed_there())
        })
    }

    fn page_is_free(&self, page: u32) -> bool {
        self.free(page * 64, (page * 64 + 64).min(MODEL_BITS))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 200 }))]

    #[test]
    fn a_map_of_many_pages_agrees_with_a_naive_oracle(steps in prop::collection::vec(step(), 1..150)) {
        let mut memory = Owned::new(MODEL_BITS, 64, Backing::OnDemand);
        let (mut map, mut model) = (memory.map(), Model::default());
        for step in steps {
            match step {
                Step::Take { len, align_log, backed } => {
                    let align = 1 << align_log;
                    let within = if backed { Within::Backed } else { Within::Anywhere };
                    let found = map.find(Bits::new(len), Bits::new(align), within).map(Bits::get);
                    prop_assert_eq!(found, model.fit(len, align, backed));
                    if let Some(at) = found {
                        let _ = map.take(span(at, at + len));
                        model.areas.insert(at, at + len);
                    }
                }
                Step::Give { nth } => {
                    let count = model.areas.len().max(1);
                    if let Some((&at, &end)) = model.areas.iter().nth(nth % count) {
                        prop_assert_eq!(map.give(Bits::new(at)).unwrap().area, span(at, end));
                        model.areas.remove(&at);
                    }
                }
                Step::Populate { page } => {
                    if model.backed.insert(page as u32) {
                        let _ = map.populate(pages(page, page + 1));
                    }
                }
                Step::Depopulate { page } => {
                    if model.page_is_free(page as u32) && model.backed.remove(&(page as u32)) {
                        let _ = map.depopulate(pages(page, page + 1));
                    }
                }
            }
            prop_assert_eq!(map.check(), Ok(()));
            prop_assert_eq!(map.nr_areas(), model.areas.len());
        }
    }
}

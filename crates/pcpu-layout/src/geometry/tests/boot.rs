// SPDX-License-Identifier: MIT OR Apache-2.0
//! The first chunk's regions and windows (docs/behaviours.md, B50, B51).

use super::{Machine, TINY, plan, regions};
use crate::geometry::{BootChunk, Setup};
use crate::{Bits, Config, PageCount, Span, UnitOffset};

fn span(start: usize, end: usize) -> Span<UnitOffset> {
    Span::new(UnitOffset::new(start), UnitOffset::new(end))
}

#[test]
fn page_aligned_regions_hide_nothing() {
    // S2 of docs/behaviours.md.
    let config = regions(16384, 0, 28672, 4096);
    plan(Setup::Embed, &config, &Machine::flat(2), |geometry| {
        let geometry = geometry.unwrap();
        let regions = geometry.regions();
        assert_eq!(regions.statics, span(0, 16384));
        assert!(regions.reserved.is_empty());
        assert_eq!(regions.dynamic, span(16384, 45056));
        let chunk = geometry.boot_chunk(regions.dynamic);
        assert_eq!(chunk.base, UnitOffset::new(16384));
        assert_eq!(chunk.nr_pages, PageCount::new(7));
        assert_eq!((chunk.head, chunk.tail), (Bits::ZERO, Bits::ZERO));
        assert_eq!(geometry.nr_boot_pages(), PageCount::new(11));
    });
}

#[test]
fn a_region_that_starts_inside_a_page_hides_the_front_of_it() {
    // K210 of docs/behaviours.md.
    let config = regions(15520, 0, 28672, 4096);
    plan(Setup::Embed, &config, &Machine::flat(2), |geometry| {
        let geometry = geometry.unwrap();
        let expected = BootChunk {
            base: UnitOffset::new(12288),
            start_offset: UnitOffset::new(3232),
            end_offset: UnitOffset::ZERO,
            nr_pages: PageCount::new(8),
            nr_bits: Bits::new(8192),
            head: Bits::new(808),
            tail: Bits::ZERO,
        };
        assert_eq!(geometry.boot_chunk(geometry.regions().dynamic), expected);
        assert_eq!(geometry.nr_boot_pages(), PageCount::new(11));
    });
}

#[test]
fn a_reserved_region_inside_pages_hides_front_and_back() {
    let config = regions(15520, 1000, 28672, 4096);
    plan(Setup::Embed, &config, &Machine::flat(2), |geometry| {
        let geometry = geometry.unwrap();
        let regions = geometry.regions();
        assert_eq!(regions.reserved, span(15520, 16520));
        assert_eq!(regions.dynamic, span(16520, 49152));
        let chunk = geometry.boot_chunk(regions.reserved);
        assert_eq!(chunk.base, UnitOffset::new(12288));
        assert_eq!(chunk.nr_pages, PageCount::new(2));
        assert_eq!(chunk.start_offset, UnitOffset::new(3232));
        assert_eq!(chunk.end_offset, UnitOffset::new(20480 - 16520));
        assert_eq!(chunk.nr_bits - chunk.head - chunk.tail, Bits::new(250));
    });
}

#[test]
fn a_static_size_that_is_no_multiple_of_the_granule_shrinks_the_dynamic_region() {
    for static_size in 4093..=4099 {
        for granule in [4, 16] {
            let config = Config { granule, ..regions(static_size, 32, 28672, 4096) };
            plan(Setup::Embed, &config, &Machine::flat(2), |geometry| {
                let geometry = geometry.unwrap();
                let regions = geometry.regions();
                let rounded = static_size.next_multiple_of(granule);
                assert_eq!(regions.statics, span(0, rounded));
                assert_eq!(regions.dynamic.start.get(), rounded + 32);
                let lost = rounded - static_size;
                assert_eq!(regions.dynamic.len().get(), geometry.dyn_size() - lost);
            });
        }
    }
}

#[test]
fn with_nothing_static_and_one_cpu_the_chunk_is_the_unit() {
    plan(Setup::Up, &Config::LINUX, &Machine::flat(1), |geometry| {
        let geometry = geometry.unwrap();
        let chunk = geometry.boot_chunk(geometry.regions().dynamic);
        assert_eq!((chunk.base, chunk.nr_pages), (UnitOffset::ZERO, PageCount::new(8)));
        assert_eq!(chunk.nr_bits, Bits::new(8192));
    });
}

#[test]
fn a_pool_that_asks_for_no_dynamic_region_has_an_empty_one() {
    plan(Setup::Embed, &TINY, &Machine::flat(2), |geometry| {
        let geometry = geometry.unwrap();
        let chunk = geometry.boot_chunk(geometry.regions().dynamic);
        assert_eq!((chunk.nr_pages, chunk.nr_bits), (PageCount::ZERO, Bits::ZERO));
        assert_eq!(geometry.nr_boot_pages(), PageCount::ZERO);
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The search against brute force on spaces small enough to try every base.

use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::{CongruentArea, CongruentError, CongruentRequest, highest_base};
use crate::Span;

const PAGE: usize = 4096;

fn area(offset: usize, size: usize) -> CongruentArea {
    CongruentArea { offset: offset * PAGE, size: size * PAGE }
}

fn request(areas: &[CongruentArea], align: usize) -> CongruentRequest<'_> {
    CongruentRequest { areas, align: align * PAGE, page_size: PAGE }
}

fn pages(start: usize, end: usize) -> Span<usize> {
    Span::new(start * PAGE, end * PAGE)
}

/// The runs of set bits of a pattern, as spans of pages from `first` on.
fn runs(pattern: u64, first: usize) -> Vec<Span<usize>> {
    let mut runs: Vec<Span<usize>> = Vec::new();
    for bit in (0..64).filter(|bit| pattern >> bit & 1 == 1) {
        let page = pages(first + bit, first + bit + 1);
        match runs.last_mut() {
            Some(last) if last.end == page.start => last.end = page.end,
            _ => runs.push(page),
        }
    }
    runs
}

/// Tries every base from the top down.
fn by_brute_force(
    space: Span<usize>,
    busy: &[Span<usize>],
    request: &CongruentRequest<'_>,
) -> Option<usize> {
    let fits = |base: usize| {
        request.areas.iter().all(|area| {
            let at = Span::new(base + area.offset, base + area.offset + area.size);
            let inside = space.start <= at.start && at.end <= space.end;
            inside && !busy.iter().any(|span| span.overlaps(&at))
        })
    };
    (0..=space.end / request.align).rev().map(|step| step * request.align).find(|&base| fits(base))
}

fn assert_agrees(space: Span<usize>, busy: &[Span<usize>], request: &CongruentRequest<'_>) {
    let found = highest_base(space, busy, request);
    match found {
        // More than the space is refused before looking; see `WiderThanSpace`.
        Err(CongruentError::WiderThanSpace { extent, space }) => assert!(extent > space),
        Err(CongruentError::NoRoom { .. }) => {
            assert_eq!(None, by_brute_force(space, busy, request), "{busy:?} {request:?}");
        }
        Err(other) => panic!("{other}"),
        Ok(base) => {
            let expected = by_brute_force(space, busy, request);
            assert_eq!(Some(base), expected, "{busy:?} {request:?}");
        }
    }
}

#[test]
fn every_pattern_of_12_pages_agrees_with_brute_force() {
    let shapes: [&[CongruentArea]; 9] = [
        &[area(0, 1)],
        &[area(0, 5)],
        &[area(0, 12)],
        &[area(0, 1), area(2, 1)],
        &[area(0, 2), area(2, 1)],
        &[area(5, 2), area(0, 1)],
        &[area(0, 1), area(3, 2), area(8, 1)],
        &[area(8, 3), area(3, 1), area(0, 2)],
        &[area(2, 1), area(5, 2)],
    ];
    for pattern in 0..1 << 12 {
        for first in [0, 3] {
            let busy = runs(pattern, first);
            for areas in shapes {
                assert_agrees(pages(first, first + 12), &busy, &request(areas, 1));
            }
            for areas in [&[area(0, 2)][..], &[area(0, 2), area(4, 4)]] {
                assert_agrees(pages(first, first + 12), &busy, &request(areas, 2));
            }
        }
    }
}

/// Disjoint areas in any order: lengths and the gaps before them, in alignments.
fn areas(align: usize) -> impl Strategy<Value = Vec<CongruentArea>> {
    let lengths_and_gaps = prop::collection::vec((1..6_usize, 0..8_usize), 1..6);
    let ordered = lengths_and_gaps.prop_map(move |list| {
        let mut end = 0;
        let place = |(size, gap): (usize, usize)| {
            let offset = end + gap;
            end = offset + size;
            area(offset * align, size * align)
        };
        list.into_iter().map(place).collect::<Vec<_>>()
    });
    ordered.prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn any_pattern_of_64_pages_agrees_with_brute_force(
        pattern in prop_oneof![any::<u64>(), (any::<u64>(), any::<u64>(), any::<u64>())
            .prop_map(|(a, b, c)| a & b & c)],
        (align, areas) in (0..3_u32).prop_flat_map(|shift| {
            (Just(1_usize << shift), areas(1 << shift))
        }),
        (first, cut) in (0..5_usize, 0..5_usize),
    ) {
        let space = pages(first, first + 64 - cut);
        assert_agrees(space, &runs(pattern, first), &request(&areas, align));
    }
}

#[test]
fn an_empty_space_is_used_from_the_top() {
    let areas = [area(0, 2), area(6, 1)];
    let base = highest_base(pages(10, 100), &[], &request(&areas, 1));
    assert_eq!(base, Ok(93 * PAGE));
}

#[test]
fn a_space_that_just_fits_is_used_wholly() {
    // The mistake of Linux 5.3: the wrong end of the free range was compared.
    let areas = [area(0, 4)];
    let busy = [pages(0, 4), pages(8, 12)];
    assert_eq!(highest_base(pages(0, 12), &busy, &request(&areas, 1)), Ok(4 * PAGE));
    let busy = [pages(0, 5), pages(8, 12)];
    let refused = highest_base(pages(0, 12), &busy, &request(&areas, 1));
    assert_eq!(refused, Err(CongruentError::NoRoom { extent: 4 * PAGE }));
}

#[test]
fn an_interleaved_chunk_fits_into_the_gaps_of_another() {
    let areas = [area(0, 1), area(2, 1)];
    let busy = [pages(5, 6), pages(7, 8)];
    let base = highest_base(pages(4, 8), &busy, &request(&areas, 1));
    assert_eq!(base, Ok(4 * PAGE));
}

#[test]
fn the_ends_of_the_space_that_are_not_aligned_are_not_used() {
    let areas = [area(0, 4)];
    let request = request(&areas, 4);
    assert_eq!(highest_base(pages(1, 11), &[], &request), Ok(4 * PAGE));
    let refused = highest_base(pages(1, 7), &[], &request);
    let expected = CongruentError::WiderThanSpace { extent: 4 * PAGE, space: 0 };
    assert_eq!(refused, Err(expected));
}

#[cfg(target_pointer_width = "64")]
#[test]
fn the_whole_address_space_can_be_searched() {
    let space = Span::new(0, usize::MAX);
    let areas = [area(0, 1), area(1 << 40, 1)];
    let base = highest_base(space, &[], &request(&areas, 1)).unwrap();
    assert_eq!(base, usize::MAX - (PAGE - 1) - ((1 << 40) + 1) * PAGE);
}

#[test]
fn each_contradiction_of_a_request_is_refused_by_name() {
    use CongruentError as E;
    let refused = |areas: &[CongruentArea], align| {
        highest_base(pages(0, 64), &[], &request(areas, align)).unwrap_err()
    };
    let one = [area(0, 1)];
    assert_eq!(refused(&[], 1), E::NoAreas);
    assert_eq!(refused(&one, 3), E::AlignNotPowerOfTwo { align: 3 * PAGE });
    assert_eq!(refused(&one, 0), E::AlignNotPowerOfTwo { align: 0 });
    assert_eq!(refused(&[area(3, 0)], 1), E::EmptyArea { area: 0 });
    let (offset, align) = (3 * PAGE, 2 * PAGE);
    assert_eq!(refused(&[area(3, 2)], 2), E::OffsetMisaligned { offset, align });
    assert_eq!(refused(&one, 2), E::SizeMisaligned { size: PAGE, align });
    let three = [area(4, 2), area(0, 3), area(2, 2)];
    assert_eq!(refused(&three, 1), E::AreasOverlap { first: 1, second: 2 });
    let (extent, space) = (65 * PAGE, 64 * PAGE);
    assert_eq!(refused(&[area(64, 1)], 1), E::WiderThanSpace { extent, space });
    let far = CongruentArea { offset: usize::MAX - (PAGE - 1), size: PAGE };
    let extent = usize::MAX;
    assert_eq!(refused(&[far], 1), E::WiderThanSpace { extent, space });

    let finer = CongruentRequest { areas: &one, align: 2048, page_size: PAGE };
    let expected = E::AlignNotPages { align: 2048, page_size: PAGE };
    assert_eq!(highest_base(pages(0, 64), &[], &finer), Err(expected));
    let no_page = CongruentRequest { page_size: 0, ..finer };
    let expected = E::AlignNotPages { align: 2048, page_size: 0 };
    assert_eq!(highest_base(pages(0, 64), &[], &no_page), Err(expected));
}

#[test]
fn busy_spans_out_of_order_are_refused() {
    let areas = [area(0, 1)];
    for busy in [[pages(5, 6), pages(3, 4)], [pages(0, 4), pages(3, 5)], [pages(0, 4), pages(4, 4)]]
    {
        let refused = highest_base(pages(0, 64), &busy, &request(&areas, 1));
        assert_eq!(refused, Err(CongruentError::BusyOutOfOrder { index: 1 }));
    }
}

#[test]
fn a_refusal_reads_as_one_lower_case_sentence() {
    let error = CongruentError::WiderThanSpace { extent: 3, space: 2 };
    let expected = "areas extend over 3 bytes, the address space has 2";
    assert_eq!(error.to_string(), expected);
}

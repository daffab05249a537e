// SPDX-License-Identifier: MIT OR Apache-2.0
//! The promises of [`Mapper`]: address ranges apart, pages that show their frames, and no way
//! back to a page that was unmapped and flushed.

use core::array;

use pcpu_layout::{PageCount, Span};
use pcpu_platform::{Addr, Effort, Mapper, Memory, NoPages};

use crate::bytes;

/// Pages mapped at once.
const NR: usize = 4;

/// Checks the promises of [`Mapper`], all but those of [`frames_keep_content`].
///
/// # Panics
/// When one is not kept; the message says which.
pub fn mapper<P: Mapper + Memory>(platform: &P) {
    reservations_are_congruent_and_apart(platform);
    what_cannot_be_had_is_refused(platform);
    mapped_pages_are_usable_and_apart(platform);
    unmapping_passes_over_holes(platform);
    fresh_frames_replace_flushed_ones(platform);
}

/// Checks that a frame keeps its content when it is unmapped and mapped elsewhere, and that
/// [`Mapper::frame_at`] names that very frame. For platforms whose frames are memory; one that
/// backs pages where they are cannot promise it.
///
/// # Panics
/// When it does not hold.
pub fn frames_keep_content<P: Mapper + Memory>(platform: &P) {
    let page = platform.page_size();
    let area = [Span::new(0, NR * page)];
    let (here, there) = (reserve(platform, &area, page), reserve(platform, &area, page));
    let frames = take_frames(platform);
    map(platform, here, &frames);
    for (i, seed) in (0..NR).zip(1..) {
        bytes::fill(platform, here.offset(i * page), page, seed);
    }
    let named: [P::Frame; NR] = array::from_fn(|i| named_at(platform, here.offset(i * page)));
    unmap(platform, here, NR);

    // Writing to their old place goes to other frames, unless a translation is stale.
    let others = take_frames(platform);
    map(platform, here, &others);
    bytes::fill(platform, here, NR * page, 99);
    unmap(platform, here, NR);
    give_frames(platform, others);

    // In reverse order, so that a mapper which goes by addresses shows the wrong content.
    let reversed: [P::Frame; NR] = array::from_fn(|i| named[NR - 1 - i]);
    map(platform, there, &reversed);
    for (i, seed) in (0..NR).rev().zip(1..) {
        assert!(
            bytes::holds(platform, there.offset(i * page), 0, page, seed),
            "Mapper, map and frame_at: a page shows the content of its frame, wherever it was \
             mapped before"
        );
    }
    unmap(platform, there, NR);
    give_frames(platform, frames);
    release(platform, here, &area);
    release(platform, there, &area);
}

fn reservations_are_congruent_and_apart<P: Mapper>(platform: &P) {
    let page = platform.page_size();
    for align in [page, 4 * page] {
        let areas = |first: usize| {
            [(0, 4), (8, 8), (40, 4)]
                .map(|(at, nr)| Span::new(first + at * page, first + (at + nr) * page))
        };
        // The second set does not begin at 0.
        let sets = [areas(0), areas(16 * page), areas(0)];
        let bases = array::from_fn::<_, 3, _>(|i| reserve(platform, &sets[i], align));
        let ranges = || {
            bases.iter().zip(&sets).flat_map(|(base, set)| {
                set.map(|area| {
                    Span::new(base.offset(area.start).get(), base.offset(area.end).get())
                })
            })
        };
        for (i, range) in ranges().enumerate() {
            assert!(
                range.start < range.end,
                "Mapper, reserve: a reserved range does not wrap around"
            );
            assert!(
                ranges().skip(i + 1).all(|other| !range.overlaps(&other)),
                "Mapper, reserve: reserved ranges overlap nothing else that is in use"
            );
        }
        for base in bases {
            assert!(
                base.get().is_multiple_of(align),
                "Mapper, reserve: the base is a multiple of the alignment ({align} bytes)"
            );
        }
        for (base, set) in bases.into_iter().zip(&sets) {
            release(platform, base, set);
        }
    }
}

fn what_cannot_be_had_is_refused<P: Mapper>(platform: &P) {
    let page = platform.page_size();
    let far = usize::MAX / page / 16 * 15 * page;
    let areas = [Span::new(0, page), Span::new(far, far + page)];
    assert!(
        platform.reserve(&areas, page).is_err(),
        "Mapper, reserve: areas farther apart than the machine has addresses are refused"
    );
}

fn mapped_pages_are_usable_and_apart<P: Mapper + Memory>(platform: &P) {
    let page = platform.page_size();
    // Two units of a group, with a hole between them.
    let areas = [Span::new(0, NR * page), Span::new(8 * page, (8 + NR) * page)];
    let base = reserve(platform, &areas, page);
    let units = areas.map(|area| base.offset(area.start));
    for unit in units {
        for i in 0..NR {
            assert!(
                platform.frame_at(unit.offset(i * page)).is_none(),
                "Mapper, reserve: nothing is mapped in a fresh reservation"
            );
        }
    }
    let frames = units.map(|_| take_frames(platform));
    for (unit, frames) in units.into_iter().zip(&frames) {
        map(platform, unit, frames);
        for i in 0..NR {
            assert!(
                platform.frame_at(unit.offset(i * page)).is_some(),
                "Mapper, map and frame_at: every frame is mapped, page {i} of {NR} is not"
            );
        }
    }
    // Across the page borders of a unit, as areas lie.
    for (unit, seed) in units.into_iter().zip(1..) {
        bytes::fill(platform, unit, NR * page, seed);
    }
    for (unit, seed) in units.into_iter().zip(1..) {
        assert!(
            bytes::holds(platform, unit, 0, NR * page, seed),
            "Mapper, map: every mapped page is valid for reads and writes, and is its own frame"
        );
        unmap(platform, unit, NR);
    }
    for unit in units {
        for i in 0..NR {
            assert!(
                platform.frame_at(unit.offset(i * page)).is_none(),
                "Mapper, unmap: page {i} of {NR} is still mapped"
            );
        }
    }
    for frames in frames {
        give_frames(platform, frames);
    }
    release(platform, base, &areas);
}

/// What a caller does after a mapping that failed half way.
fn unmapping_passes_over_holes<P: Mapper + Memory>(platform: &P) {
    let page = platform.page_size();
    let area = [Span::new(0, NR * page)];
    let base = reserve(platform, &area, page);
    let frames = take_frames(platform);
    map(platform, base.offset(page), &frames[..1]);
    map(platform, base.offset(3 * page), &frames[1..2]);
    unmap(platform, base, NR);
    for i in 0..NR {
        assert!(
            platform.frame_at(base.offset(i * page)).is_none(),
            "Mapper, unmap: pages that are not mapped are passed over, the others unmapped"
        );
    }
    give_frames(platform, frames);
    release(platform, base, &area);
}

fn fresh_frames_replace_flushed_ones<P: Mapper + Memory>(platform: &P) {
    let page = platform.page_size();
    let area = [Span::new(0, NR * page)];
    let base = reserve(platform, &area, page);
    let first = take_frames(platform);
    map(platform, base, &first);
    bytes::fill(platform, base, NR * page, 1);
    unmap(platform, base, NR);

    // The first frames are kept, so that the second are others.
    let second = take_frames(platform);
    map(platform, base, &second);
    bytes::fill(platform, base, NR * page, 2);
    assert!(
        bytes::holds(platform, base, 0, NR * page, 2),
        "Mapper, flush_tlb: afterwards the pages show what is mapped there now"
    );
    unmap(platform, base, NR);
    give_frames(platform, first);
    give_frames(platform, second);
    release(platform, base, &area);
}

fn reserve<P: Mapper>(platform: &P, areas: &[Span<usize>], align: usize) -> Addr {
    match platform.reserve(areas, align) {
        Ok(base) => base,
        Err(_) => panic!("Mapper, reserve: a few dozen pages of addresses were refused"),
    }
}

fn release<P: Mapper>(platform: &P, base: Addr, areas: &[Span<usize>]) {
    // SAFETY: reserved by the caller in one call with these areas; all is unmapped again.
    unsafe { platform.release(base, areas) };
}

fn take_frames<P: Mapper>(platform: &P) -> [P::Frame; NR] {
    array::from_fn(|_| match platform.take_frame(None, Effort::Normal) {
        Ok(frame) => frame,
        Err(NoPages) => panic!("Mapper, take_frame: a frame was refused, the suite needs 12"),
    })
}

fn give_frames<P: Mapper>(platform: &P, frames: [P::Frame; NR]) {
    for frame in frames {
        // SAFETY: taken by the caller, unmapped and flushed since, given once.
        unsafe { platform.give_frame(frame) };
    }
}

fn map<P: Mapper>(platform: &P, at: Addr, frames: &[P::Frame]) {
    // SAFETY: the pages lie in a reservation of the caller's and are unmapped; the frames are its
    // own and mapped nowhere.
    let mapped = unsafe { platform.map(at, frames) };
    assert!(mapped.is_ok(), "Mapper, map: {} pages were refused", frames.len());
    platform.flush_cache_after_map(range(platform, at, frames.len()));
}

/// Unmaps and flushes.
fn unmap<P: Mapper>(platform: &P, at: Addr, pages: usize) {
    let range = range(platform, at, pages);
    platform.flush_cache_before_unmap(range);
    // SAFETY: the pages lie in a reservation of the caller's, who does not use them any more.
    unsafe { platform.unmap(at, PageCount::new(pages)) };
    platform.flush_tlb(range);
}

fn named_at<P: Mapper>(platform: &P, at: Addr) -> P::Frame {
    match platform.frame_at(at) {
        Some(frame) => frame,
        None => panic!("Mapper, frame_at: a mapped page has a frame"),
    }
}

fn range<P: Mapper>(platform: &P, at: Addr, pages: usize) -> Span<Addr> {
    Span { start: at, end: at.offset(pages * platform.page_size()) }
}

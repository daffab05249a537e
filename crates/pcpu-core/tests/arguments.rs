// SPDX-License-Identifier: MIT OR Apache-2.0
//! B1-B12: which sizes and alignments are served, how they are rounded, and what is said about
//! the rest.

mod common;

use common::{Pool, s2, up1};
use pcpu_core::{AllocError, Machine as Backed, OnFailure, Request};
use pcpu_platform::{Event, Observer, Warning};

/// A request that must be refused for its arguments: the reason, and what the observer heard.
fn refused<P: Backed + Observer>(pool: &mut Pool<P>, request: Request) -> (AllocError, Vec<Event>) {
    let before = pool.pool.stats();
    pool.machine.record_events();
    let error = pool.request(request).unwrap_err();
    assert!(error.is_invalid(), "{error}");
    assert_eq!(pool.pool.stats(), before, "nothing was taken");
    (error, pool.machine.take_events())
}

/// The size and alignment of the "illegal size" warning, which must be all that was heard.
fn illegal(events: &[Event]) -> (usize, usize) {
    match *events {
        [Event::Warning(Warning::IllegalRequest { size, align })] => (size, align),
        _ => panic!("one warning of an illegal size or alignment was due: {events:?}"),
    }
}

/// B1: size 0 is refused with an "illegal size" warning and without a failure event. pcpu: the
/// reason is in the value too.
#[test]
fn size_0_is_refused_with_a_warning_and_no_failure_event() {
    let (error, events) = refused(&mut up1(), Request::new(0, 4));
    assert_eq!(error, AllocError::ZeroSize);
    assert_eq!(illegal(&events), (0, 4));
    let Event::Warning(warning) = events[0] else { unreachable!("checked by `illegal`") };
    assert_eq!(warning.to_string(), "illegal size (0) or align (4) for percpu allocation");
}

/// B2: UP1: 32769/4 is refused, and the message speaks of the size after rounding. pcpu: the
/// value names the size that was asked for.
#[test]
fn a_size_above_the_largest_area_is_refused_and_warned_of_as_rounded() {
    let (error, events) = refused(&mut up1(), Request::new(32769, 4));
    assert_eq!(error, AllocError::TooLarge { size: 32769, limit: 32768 });
    assert_eq!(illegal(&events), (32772, 4));
}

/// B3: UP1: 32768/4096 → 0, and 32768/4 → 0.
#[test]
fn the_largest_area_is_served_with_the_largest_and_the_smallest_alignment() {
    assert_eq!(up1().a(32768, 4096), 0);
    assert_eq!(up1().a(32768, 4), 0);
}

/// B4: UP1: 32765/4 is served as 32768.
#[test]
fn a_size_that_rounds_up_to_the_largest_area_is_served() {
    let mut pool = up1();
    assert_eq!(pool.a(32765, 4), 0);
    assert_eq!(pool.pool.stats().max_alloc_size, 32768);
    assert_eq!(pool.chunk(0).free_bytes, 0);
}

/// B5: 8/8192 is refused.
#[test]
fn an_alignment_above_the_page_size_is_refused() {
    let (error, events) = refused(&mut s2(), Request::new(8, 8192));
    assert_eq!(error, AllocError::AlignTooLarge { align: 8192, limit: 4096 });
    assert_eq!(illegal(&events), (8, 8192));
}

/// B6: alignments 5, 6 and 12 are refused; 0, 1, 2 and 3 act as 4 (Q13).
#[test]
fn alignments_up_to_the_granule_act_as_the_granule_and_others_are_powers_of_two() {
    for align in [5, 6, 12] {
        let (error, events) = refused(&mut up1(), Request::new(8, align));
        assert_eq!(error, AllocError::BadAlign { align });
        assert_eq!(illegal(&events), (8, align));
    }
    for align in 0..=3 {
        let mut pool = up1();
        assert_eq!((pool.a(4, 4), pool.a(4, align)), (0, 4));
    }
}

/// B7: a refused argument from a caller who asked for silence is refused silently. pcpu: the
/// reason is in the value.
#[test]
fn a_caller_who_asked_for_silence_is_refused_silently() {
    for (size, align) in [(0, 4), (32769, 4), (8, 8192), (8, 12), (usize::MAX, 4)] {
        let request = Request::new(size, align).on_failure(OnFailure::Quiet);
        let (_, events) = refused(&mut up1(), request);
        assert!(events.is_empty(), "{size}/{align}: {events:?}");
    }
}

/// B8: the largest integer as a size, which wraps to 0 when rounded, is refused; the message
/// shows it as 0.
#[test]
fn the_largest_integer_as_a_size_is_refused() {
    let (error, events) = refused(&mut up1(), Request::new(usize::MAX, 4));
    assert_eq!(error, AllocError::TooLarge { size: usize::MAX, limit: 32768 });
    assert_eq!(illegal(&events), (0, 4));
}

/// B9: UP1: sizes 1, 2, … 8 with alignment 1.
#[test]
fn sizes_are_rounded_up_to_the_granule() {
    let mut pool = up1();
    let offsets: Vec<_> = (1..=8).map(|size| pool.a(size, 1)).collect();
    assert_eq!(offsets, [0, 4, 8, 12, 16, 24, 32, 40]);
    let chunk = pool.chunk(0);
    assert_eq!(chunk.free_bytes, 32720);
    assert_eq!(chunk.contig_bytes, 8180 * 4);
    assert_eq!(chunk.first_bit, 12);
    assert_eq!(chunk.empty_pop_pages, 7);
}

/// B10: an area aligned to 4096 begins on a page edge in every unit of every chunk.
#[test]
fn an_area_aligned_to_a_page_begins_on_a_page_edge_on_every_cpu() {
    let mut pool = s2();
    pool.a(8, 8);
    for _ in 0..20 {
        let (chunk, offset) = pool.at(4096, 4096);
        assert!(offset.is_multiple_of(4096));
        for cpu in 0..2 {
            assert!(pool.address(chunk, offset, cpu).get().is_multiple_of(4096));
        }
    }
    assert!(pool.chunks() > 1);
}

/// B11: UP1 has no reserved region: a reserved request is served like any other.
#[test]
fn without_a_reserved_region_a_reserved_request_is_served_like_any_other() {
    let mut pool = up1();
    assert_eq!(pool.reserved(8, 8), Ok(0));
    assert_eq!(pool.chunk(0).nr_alloc, 1);
}

/// B12: freeing null does nothing and traces nothing. pcpu: a cookie is never zero, so null can
/// only come as a number.
#[test]
fn freeing_null_does_nothing_and_traces_nothing() {
    let mut pool = up1();
    pool.a(8, 8);
    let before = pool.pool.stats();
    pool.machine.record_events();
    assert_eq!(pool.pool.free_raw(0), Ok(()));
    assert_eq!(pool.pool.stats(), before);
    assert!(pool.machine.take_events().is_empty());
}

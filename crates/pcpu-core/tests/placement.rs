// SPDX-License-Identifier: MIT OR Apache-2.0
//! B13-B36 and B83: where areas go, and how long the longest free run is afterwards.
//!
//! All on UP1, a fresh pool each. Longest runs are read from the statistics; where one starts is
//! learnt from the next request. pcpu keeps no hints, so what the document says of scan hints and
//! of single blocks is seen here only by what is served.

mod common;

use common::{Pool, up1};
use pcpu_sim::Uni;

/// UP1 with areas of these sizes, which must follow each other from offset 0.
fn packed(sizes: &[usize]) -> Pool<Uni> {
    let mut pool = up1();
    let mut next = 0;
    for &size in sizes {
        assert_eq!(pool.a(size, 4), next);
        next += size;
    }
    pool
}

/// The longest free run in bits, after freeing the area at an offset.
fn contig_after_free(pool: &mut Pool<Uni>, offset: usize) -> u64 {
    pool.free(offset);
    pool.contig()
}

/// B13.
#[test]
fn small_areas_fill_the_gap_that_an_alignment_left() {
    let mut pool = up1();
    assert_eq!(pool.a(4, 4), 0);
    assert_eq!(pool.a(64, 64), 64);
    assert_eq!(pool.a(4, 4), 4);
    assert_eq!(pool.a(56, 4), 8);
    assert_eq!(pool.a(60, 4), 128);
    let chunk = pool.chunk(0);
    assert_eq!((chunk.free_bytes, chunk.contig_bytes), (32580, 8145 * 4));
    assert_eq!(chunk.first_bit, 47);
}

/// B14.
#[test]
fn the_hole_that_alignment_left_is_used() {
    let mut pool = up1();
    assert_eq!([pool.a(4, 4), pool.a(8, 8), pool.a(4, 4)], [0, 8, 4]);
}

/// B15. pcpu: no scan hint; the same places.
#[test]
fn a_hole_passed_over_once_is_found_by_the_requests_that_fit() {
    let mut pool = up1();
    assert_eq!([pool.a(12, 4), pool.a(128, 128)], [0, 128]);
    assert_eq!(pool.chunk(0).first_bit, 3);
    assert_eq!([pool.a(100, 4), pool.a(16, 4)], [12, 112]);
    assert_eq!(pool.chunk(0).first_bit, 64);
    assert_eq!(pool.contig(), 8192 - 64);
}

/// B16.
#[test]
fn the_first_of_several_equal_gaps_is_taken() {
    let mut pool = up1();
    let offsets: Vec<_> = (0..5).map(|_| pool.a(100, 256)).collect();
    assert_eq!(offsets, [0, 256, 512, 768, 1024]);
    assert_eq!(pool.a(156, 4), 100);
}

/// B17.
#[test]
fn an_area_may_cross_a_page_edge() {
    let mut pool = packed(&[4092, 8]);
    let chunk = pool.chunk(0);
    assert_eq!((chunk.free_bytes, chunk.empty_pop_pages), (28668, 6));
    assert_eq!((chunk.contig_bytes, chunk.first_bit), (7167 * 4, 1025));
    pool.free(4092);
    let chunk = pool.chunk(0);
    assert_eq!((chunk.free_bytes, chunk.empty_pop_pages), (28676, 7));
    assert_eq!((chunk.contig_bytes, chunk.first_bit), (7169 * 4, 1023));
}

/// B18.
#[test]
fn a_request_too_long_for_the_room_before_a_crossing_area_goes_behind_it() {
    let mut pool = up1();
    assert_eq!([pool.a(4000, 4), pool.a(200, 64)], [0, 4032]);
    assert_eq!([pool.a(96, 4), pool.a(32, 4)], [4232, 4000]);
}

/// B19.
#[test]
fn the_rest_of_a_page_is_used_before_the_next_page() {
    let mut pool = up1();
    assert_eq!([pool.a(4, 4), pool.a(4096, 4096)], [0, 4096]);
    assert_eq!([pool.a(4092, 4), pool.a(4, 4)], [4, 8192]);
}

/// B20.
#[test]
fn an_area_over_three_pages_fills_them_and_empties_them() {
    let mut pool = packed(&[2048, 8192]);
    let chunk = pool.chunk(0);
    assert_eq!((chunk.empty_pop_pages, chunk.contig_bytes), (5, 5632 * 4));
    pool.free(2048);
    let chunk = pool.chunk(0);
    assert_eq!((chunk.empty_pop_pages, chunk.contig_bytes), (7, 7680 * 4));
    assert_eq!(chunk.first_bit, 512);
    assert_eq!(pool.atomic(8192, 4096), Some(4096), "pages 1 and 2 are free");
}

/// B21. The slots are seen by what is reached: a full chunk serves nothing.
#[test]
fn one_area_fills_the_whole_chunk_and_frees_it_again() {
    let mut pool = up1();
    assert_eq!(pool.a(32768, 4096), 0);
    let chunk = pool.chunk(0);
    assert_eq!((chunk.free_bytes, chunk.contig_bytes), (0, 0));
    assert_eq!((chunk.first_bit, chunk.empty_pop_pages), (8192, 0));
    assert_eq!(pool.atomic(4, 4), None);
    pool.free(0);
    let chunk = pool.chunk(0);
    assert_eq!((chunk.contig_bytes, chunk.empty_pop_pages), (8192 * 4, 8));
    assert_eq!(chunk.first_bit, 0);
}

/// The state of B22: the longest run begins at 4 and is of no use for a page's alignment.
fn longest_run_misaligned() -> Pool<Uni> {
    let mut pool = up1();
    assert_eq!([pool.a(4, 4), pool.a(4100, 4), pool.a(4088, 4)], [0, 4, 4104]);
    assert_eq!([pool.a(4096, 4096), pool.a(20480, 4)], [8192, 12288]);
    pool.free(4);
    pool.free(8192);
    let chunk = pool.chunk(0);
    assert_eq!((chunk.contig_bytes, chunk.free_bytes, chunk.first_bit), (1025 * 4, 8196, 1));
    pool
}

/// B22. pcpu: the shorter run is found at once, by the atomic request and by the blocking one.
#[test]
fn a_shorter_run_serves_where_the_longest_is_misaligned() {
    let mut pool = longest_run_misaligned();
    assert_eq!(pool.atomic(4096, 4096), Some(8192));
    assert_eq!(pool.atomic(4096, 4), Some(4));

    let mut pool = longest_run_misaligned();
    assert_eq!(pool.at(4096, 4096), (0, 8192));
    assert_eq!(pool.chunks(), 1, "no new chunk");
}

/// B23. pcpu: contig is a length, 64 after both frees; the same places.
#[test]
fn of_two_equally_long_runs_the_aligned_one_serves_the_aligned_request() {
    let mut pool = up1();
    assert_eq!([pool.a(4, 4), pool.a(256, 4), pool.a(4, 4)], [0, 4, 260]);
    assert_eq!([pool.a(248, 4), pool.a(256, 4), pool.a(32000, 4)], [264, 512, 768]);
    assert_eq!(contig_after_free(&mut pool, 4), 64);
    assert_eq!(contig_after_free(&mut pool, 512), 64);
    assert_eq!(pool.atomic(256, 256), Some(512));
    assert_eq!(pool.atomic(256, 4), Some(4));
}

/// B24. pcpu: no scan hint; the same places and lengths.
#[test]
fn the_next_longest_run_is_known_when_the_longest_is_taken() {
    let mut pool = packed(&[64, 64, 96, 32, 160, 3680, 28672]);
    assert_eq!(contig_after_free(&mut pool, 0), 16);
    assert_eq!(contig_after_free(&mut pool, 128), 24);
    assert_eq!(contig_after_free(&mut pool, 256), 40);
    assert_eq!((pool.a(160, 4), pool.contig()), (256, 24));
    assert_eq!((pool.a(96, 4), pool.contig()), (128, 16));
    assert_eq!((pool.a(64, 4), pool.contig()), (0, 0));
    assert_eq!(pool.chunk(0).first_bit, 8192, "the whole chunk is full");
}

/// B25. pcpu: no scan hint; the same places.
#[test]
fn a_smaller_hole_behind_a_larger_run_is_used() {
    let mut pool = packed(&[64, 64, 256, 64]);
    pool.free(0);
    pool.free(128);
    assert_eq!(pool.atomic(128, 4), Some(128));
    assert_eq!(pool.atomic(64, 4), Some(0));
}

/// B26 (Q3). pcpu: no run is forgotten, and placement is first fit.
#[test]
fn no_run_is_forgotten_and_placement_is_first_fit() {
    let mut pool = packed(&[400, 400, 80, 1120, 2000, 96, 28672]);
    assert_eq!(contig_after_free(&mut pool, 2000), 500);
    assert_eq!(contig_after_free(&mut pool, 0), 500);
    assert_eq!(pool.a(40, 4), 0);
    assert_eq!(contig_after_free(&mut pool, 800), 500);
    assert_eq!(pool.atomic(200, 4), Some(40));
    assert_eq!((pool.atomic(1800, 4), pool.contig()), (Some(2000), 50));
    assert_eq!(pool.atomic(200, 4), Some(3800));
    assert_eq!(pool.atomic(80, 4), Some(240));
}

/// B27. pcpu: no scan hint; contig 16, then 48.
#[test]
fn a_free_between_two_free_runs_joins_all_three() {
    let mut pool = packed(&[64, 64, 64, 3904, 28672]);
    assert_eq!(contig_after_free(&mut pool, 0), 16);
    assert_eq!(contig_after_free(&mut pool, 128), 16);
    assert_eq!(contig_after_free(&mut pool, 64), 48);
    assert_eq!(pool.atomic(192, 4), Some(0));
}

/// B28.
#[test]
fn runs_join_over_a_page_edge() {
    let mut pool = packed(&[2048, 4096, 2048, 24576]);
    assert_eq!(contig_after_free(&mut pool, 0), 512);
    assert_eq!(contig_after_free(&mut pool, 6144), 512);
    assert_eq!(contig_after_free(&mut pool, 2048), 2048);
    assert_eq!(pool.chunk(0).empty_pop_pages, 2);
    assert_eq!(pool.atomic(8192, 4), Some(0));
}

/// B29. pcpu: the two runs are one of 49 bits.
#[test]
fn runs_that_meet_at_a_page_edge_are_one_run() {
    let mut pool = packed(&[4000, 96, 100, 3996, 24576]);
    pool.free(4000);
    assert_eq!(contig_after_free(&mut pool, 4096), 49);
    assert_eq!(pool.atomic(196, 4), Some(4000));
}

/// B30.
#[test]
fn a_free_inside_the_first_page_is_seen() {
    let mut pool = packed(&[2048, 2048, 28672]);
    assert_eq!(contig_after_free(&mut pool, 2048), 512);
    assert_eq!(pool.chunk(0).first_bit, 512);
    assert_eq!(pool.atomic(2048, 4), Some(2048));
}

/// B31 (Q1). pcpu: a free inside any page is seen.
#[test]
fn a_free_inside_any_other_page_is_seen() {
    let mut pool = packed(&[4096, 2048, 2048, 24576]);
    assert_eq!(contig_after_free(&mut pool, 4096), 512);
    assert_eq!(pool.atomic(2048, 4), Some(4096));

    let mut pool = packed(&[4096, 2048, 2048, 24576]);
    pool.free(4096);
    assert_eq!(contig_after_free(&mut pool, 6144), 1024);
    assert_eq!(pool.atomic(2048, 4), Some(4096));
}

/// B32. pcpu: no scan hint; the same places and lengths.
#[test]
fn holes_in_the_middle_serve_what_fits() {
    let mut pool = packed(&[100, 200, 100, 300, 100]);
    assert_eq!(contig_after_free(&mut pool, 400), 7992);
    assert_eq!(pool.chunk(0).first_bit, 100);
    assert_eq!(contig_after_free(&mut pool, 100), 7992);
    assert_eq!(pool.chunk(0).first_bit, 25);
    assert_eq!(pool.a(300, 4), 400);
    assert_eq!(pool.a(200, 4), 100);
}

/// Says whether two chunks with longest runs of these bytes, `small` < `large`, share a slot. In
/// one slot the chunk that moved up last comes first; else the lower slot does.
fn share_a_slot(small: usize, large: usize) -> bool {
    let mut pool = up1();
    for (chunk, hole) in [(0, small), (1, large)] {
        assert_eq!(pool.at(hole, 4), (chunk, 0));
        if hole < 32768 {
            assert_eq!(pool.at(32768 - hole, 4), (chunk, hole));
        }
    }
    pool.free_in(0, 0);
    pool.free_in(1, 0);
    pool.chunk(0).contig_bytes == large as u64
}

/// B33. A slot's number is not to be seen; which sizes share one is.
#[test]
fn slots_begin_at_16_bytes_and_at_every_power_of_two_above() {
    assert!(share_a_slot(4, 12));
    assert!(share_a_slot(16, 28));
    for power in (4..15).map(|shift| 1 << shift) {
        assert!(!share_a_slot(power - 4, power), "{power} begins a slot");
        assert!(power == 16 || share_a_slot(power, 2 * power - 4), "{power} and above share one");
    }
    assert!(!share_a_slot(32764, 32768), "a completely free chunk is in the free slot");
}

/// B34 (Q6). pcpu: a chunk of crumbs is never parked.
#[test]
fn a_hole_is_found_as_soon_as_it_fits_among_crumbs() {
    let mut pool = packed(&[4; 8192]);
    for offset in (0..4096).step_by(8) {
        pool.free(offset);
    }
    assert_eq!(pool.contig(), 1);
    assert_eq!(pool.atomic(8, 4), None);
    assert_eq!(pool.atomic(4, 4), Some(0));

    pool.free(4);
    assert_eq!(pool.contig(), 2);
    pool.free(0);
    assert_eq!(pool.contig(), 3, "a hole of 12 bytes");
    assert_eq!(pool.atomic(8, 4), Some(0));
}

/// B35.
#[test]
fn marks_of_old_areas_do_not_matter() {
    let mut pool = packed(&[40, 60]);
    pool.free(0);
    pool.free(40);
    assert_eq!(pool.a(100, 4), 0);
    assert_eq!(pool.chunk(0).free_bytes, 32668);
    pool.free(0);
    assert_eq!((pool.chunk(0).free_bytes, pool.contig()), (32768, 8192));
}

/// B36.
#[test]
fn taking_an_area_and_freeing_it_leaves_everything_as_it_was() {
    let mut pool = packed(&[100, 200, 5000, 300]);
    pool.free(100);
    let figures = |pool: &Pool<Uni>| {
        let chunk = pool.chunk(0);
        (chunk.free_bytes, chunk.empty_pop_pages, chunk.first_bit, chunk.contig_bytes)
    };
    let before = figures(&pool);
    for (size, align) in [(4, 4), (200, 4), (204, 4), (4096, 4096), (20000, 4)] {
        let offset = pool.a(size, align);
        assert_ne!(figures(&pool), before);
        pool.free(offset);
        assert_eq!(figures(&pool), before, "{size}/{align}");
    }
}

/// B83 (Q21). pcpu: after both frees the run is one of 1100 bits, and served from its start.
#[test]
fn freeing_in_front_of_the_longest_run_makes_it_longer() {
    for size in [4000, 3200] {
        let mut pool = packed(&[1600, 400, 4000, 26768]);
        assert_eq!(contig_after_free(&mut pool, 2000), 1000);
        assert_eq!(contig_after_free(&mut pool, 1600), 1100);
        assert_eq!(pool.atomic(size, 4), Some(1600));
    }
}

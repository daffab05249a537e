// SPDX-License-Identifier: MIT OR Apache-2.0
//! The promises of [`Frames`]: runs that are aligned, whole, one's own, and as long as asked.

use pcpu_layout::{CpuId, PageCount};
use pcpu_platform::{Addr, Cpus, Effort, Frames, Memory, NoPages};

use crate::bytes;

/// Lengths of the runs, in pages: none but the first is a power of two.
const RUNS: [usize; 4] = [1, 3, 11, 22];

/// Checks the promises of [`Frames`].
///
/// # Panics
/// When one is not kept; the message says which.
pub fn frames<P: Frames + Memory + Cpus>(platform: &P) {
    the_page_size_is_sound(platform);
    for align_pages in [1, 4] {
        runs_are_whole_and_apart(platform, align_pages);
    }
    a_run_can_be_given_back_in_parts(platform);
    every_node_can_be_named(platform);
    what_cannot_be_had_is_refused(platform);
}

/// Checks that a run costs exactly the pages asked for. `pages_in_use` returns how many pages the
/// platform has handed out; only its changes matter.
///
/// # Panics
/// When a run of some length costs more or less, or giving it back returns more or less.
pub fn exact_runs<P: Frames>(platform: &P, pages_in_use: impl Fn() -> usize) {
    for nr in RUNS {
        let before = pages_in_use();
        let run = take(platform, nr, platform.page_size());
        assert_eq!(
            pages_in_use() - before,
            nr,
            "Frames, take_run: a run of {nr} pages takes exactly {nr} pages"
        );
        give(platform, run, nr);
        assert_eq!(
            pages_in_use(),
            before,
            "Frames, give_run: giving back {nr} pages returns exactly {nr} pages"
        );
    }
}

/// Takes a run of `nr` pages, which must be there for the suite to run at all.
pub(crate) fn take<P: Frames>(platform: &P, nr: usize, align: usize) -> Addr {
    match platform.take_run(PageCount::new(nr), align, None, Effort::Normal) {
        Ok(run) => run,
        Err(NoPages) => panic!(
            "Frames, take_run: {nr} pages aligned to {align} bytes were refused; \
             the suite needs about 40 free pages"
        ),
    }
}

/// Gives back `nr` pages of a run.
pub(crate) fn give<P: Frames>(platform: &P, run: Addr, nr: usize) {
    // SAFETY: the suite took these pages, gives each back once, and does not touch them again.
    unsafe { platform.give_run(run, PageCount::new(nr)) };
}

fn the_page_size_is_sound<P: Frames>(platform: &P) {
    let size = platform.page_size();
    assert!(size.is_power_of_two(), "Frames, page_size: {size} is not a power of two");
    assert!(size == platform.page_size(), "Frames, page_size: it never changes");
}

/// All lengths at once, each with a pattern of its own: a run that is shorter than asked for, or
/// shares a page with another, loses part of its pattern.
fn runs_are_whole_and_apart<P: Frames + Memory>(platform: &P, align_pages: usize) {
    let page = platform.page_size();
    let align = align_pages * page;
    let runs = RUNS.map(|nr| (take(platform, nr, align), nr));
    for (run, nr) in runs {
        assert!(
            run.get().is_multiple_of(align),
            "Frames, take_run: a run starts at a multiple of the alignment asked for \
             ({nr} pages, {align} bytes)"
        );
        assert!(
            run.get().checked_add(nr * page).is_some(),
            "Frames, take_run: a run ends within the address range"
        );
    }
    for (i, &(run, nr)) in runs.iter().enumerate() {
        for &(other, other_nr) in &runs[..i] {
            let apart =
                run.get() + nr * page <= other.get() || other.get() + other_nr * page <= run.get();
            assert!(
                apart,
                "Frames, take_run: a run belongs to the caller alone, \
                 but runs of {nr} and {other_nr} pages overlap"
            );
        }
    }
    for (seed, &(run, nr)) in (1..).zip(&runs) {
        bytes::fill(platform, run, nr * page, seed);
    }
    for (seed, &(run, nr)) in (1..).zip(&runs) {
        assert!(
            bytes::holds(platform, run, 0, nr * page, seed),
            "Frames, take_run: a run is readable and writable in full, and is the caller's alone \
             ({nr} pages lost what was written to them)"
        );
    }
    for (run, nr) in runs.into_iter().rev() {
        give(platform, run, nr);
    }
}

fn a_run_can_be_given_back_in_parts<P: Frames + Memory>(platform: &P) {
    let page = platform.page_size();
    let run = take(platform, 22, page);
    bytes::fill(platform, run, 22 * page, 1);
    give(platform, run.offset(11 * page), 11);
    let other = take(platform, 11, page);
    bytes::fill(platform, other, 11 * page, 2);
    assert!(
        bytes::holds(platform, run, 0, 11 * page, 1),
        "Frames, give_run: the rest of a run stays the caller's when a part is given back"
    );
    // From the front and the middle as well.
    give(platform, run, 4);
    give(platform, run.offset(5 * page), 6);
    assert!(
        bytes::holds(platform, run, 4 * page, 5 * page, 1),
        "Frames, give_run: a page between two parts given back stays the caller's"
    );
    give(platform, run.offset(4 * page), 1);
    give(platform, other, 11);
}

fn every_node_can_be_named<P: Frames + Cpus>(platform: &P) {
    let page = platform.page_size();
    let possible = (0..platform.nr_cpu_ids().min(64)).map(CpuId::new);
    for cpu in possible.filter(|&cpu| platform.is_possible(cpu)) {
        let node = platform.node_of(cpu);
        match platform.take_run(PageCount::new(1), page, node, Effort::Normal) {
            Ok(run) => give(platform, run, 1),
            Err(NoPages) => panic!(
                "Frames, take_run: a full node is no reason to refuse, it is only a wish \
                 (the node of CPU {cpu})"
            ),
        }
    }
    // Giving up early is allowed, so only what was had is looked at.
    if let Ok(run) = platform.take_run(PageCount::new(1), page, None, Effort::Low) {
        give(platform, run, 1);
    }
}

fn what_cannot_be_had_is_refused<P: Frames>(platform: &P) {
    let page = platform.page_size();
    let most_of_all = PageCount::new(usize::MAX / page / 4 * 3);
    let refused = platform.take_run(most_of_all, page, None, Effort::Normal).is_err();
    assert!(refused, "Frames, take_run: three quarters of all addresses cannot be had");
    give(platform, take(platform, 1, page), 1);
}

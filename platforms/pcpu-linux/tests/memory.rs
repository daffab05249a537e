// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pages cost memory from populating to giving back, and mappings do not multiply.
#![cfg(target_os = "linux")]

mod common;

use std::path::Path;

use common::{backed_bytes, give, map, mappings, system_page, unmap};
use pcpu_layout::{PageCount, Span};
use pcpu_linux::{Backing, Linux, NoMmu};
use pcpu_platform::{Effort, Frames, Mapper, Memory, NoPages, NoSpace};

const MIB: usize = 1 << 20;

fn small(backing: Backing) -> Linux {
    Linux::builder().cpus(64).address_space(64 * MIB).backing(backing).build().unwrap()
}

fn no_mmu(page_size: usize) -> NoMmu {
    Linux::builder().cpus(4).address_space(MIB).page_size(page_size).build_no_mmu().unwrap()
}

fn take<P: Frames>(
    machine: &P,
    pages: usize,
    align: usize,
) -> Result<pcpu_platform::Addr, NoPages> {
    machine.take_run(PageCount::new(pages), align, None, Effort::Normal)
}

#[test]
fn memory_rises_with_map_and_falls_with_unmap_in_both_backings() {
    for backing in [Backing::Overcommitted, Backing::Accounted] {
        let machine = small(backing);
        let page = machine.page_size();
        let base = machine.reserve(&[Span::new(0, 64 * page)], page).unwrap();
        assert_eq!(backed_bytes(&machine), 0, "{backing:?}");

        map(&machine, base.offset(3 * page), 10);
        assert_eq!(backed_bytes(&machine), 10 * page, "{backing:?}");
        assert_eq!(machine.backed_pages(), PageCount::new(10));

        unmap(&machine, base.offset(4 * page), 5);
        assert_eq!(backed_bytes(&machine), 5 * page, "{backing:?}");
        // Pages that are not mapped are passed over.
        unmap(&machine, base, 64);
        assert_eq!(backed_bytes(&machine), 0, "{backing:?}");
        assert_eq!(machine.backed_pages(), PageCount::ZERO);
    }
}

#[test]
fn a_machine_is_one_mapping_however_many_units_are_mapped() {
    let machine = small(Backing::Overcommitted);
    let (page, unit) = (machine.page_size(), 32 * machine.page_size());
    for _ in 0..4 {
        let base = machine.reserve(&[Span::new(0, 64 * unit)], page).unwrap();
        for cpu in 0..64 {
            map(&machine, base.offset(cpu * unit + cpu % 8 * page), 2);
        }
    }
    take(&machine, 100, page).unwrap();
    assert_eq!(mappings(&machine).nr, 1);
    assert_eq!(backed_bytes(&machine), (4 * 64 * 2 + 100) * page);
}

#[test]
fn accounted_memory_is_off_the_account_when_it_is_given_back() {
    let machine = small(Backing::Accounted);
    let page = machine.page_size();
    let base = machine.reserve(&[Span::new(0, 64 * page)], page).unwrap();
    assert_eq!((mappings(&machine).nr, mappings(&machine).with_flag("ac")), (1, 0));

    map(&machine, base, 4);
    map(&machine, base.offset(32 * page), 4);
    let run = take(&machine, 4, page).unwrap();
    assert_eq!(mappings(&machine).with_flag("ac"), 3);
    // SAFETY: the pages are mapped, and the test's own.
    unsafe { machine.zero(base, 4 * page) };

    unmap(&machine, base, 64);
    give(&machine, run, 4);
    assert_eq!((mappings(&machine).nr, mappings(&machine).with_flag("ac")), (1, 0));
    assert_eq!(backed_bytes(&machine), 0);
}

#[test]
fn one_page_costs_one_page_where_huge_pages_would_fit() {
    let machine = small(Backing::Overcommitted);
    if Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
        assert_eq!(mappings(&machine).with_flag("nh"), 1);
    }
    let page = machine.page_size();
    let base = machine.reserve(&[Span::new(0, 16 * MIB)], page).unwrap();
    for unit in 0..64 {
        map(&machine, base.offset(unit * 256 * 1024), 1);
    }
    assert_eq!(backed_bytes(&machine), 64 * page);
}

#[test]
fn core_dumps_do_not_contain_the_reservation() {
    for backing in [Backing::Overcommitted, Backing::Accounted] {
        let machine = small(backing);
        let page = machine.page_size();
        let run = take(&machine, 9, page).unwrap();
        give(&machine, run.offset(3 * page), 3);
        let now = mappings(&machine);
        assert_eq!(now.with_flag("dd"), now.nr, "{backing:?}");
    }
}

#[test]
fn a_page_of_the_machine_may_be_several_of_the_system() {
    let page = 4 * system_page();
    let machine = Linux::builder().page_size(page).address_space(16 * MIB).build().unwrap();
    let areas = [Span::new(page, 3 * page), Span::new(8 * page, 9 * page)];
    let base = machine.reserve(&areas, page).unwrap();
    assert!(base.get().is_multiple_of(page));
    map(&machine, base.offset(2 * page), 1);
    assert_eq!(backed_bytes(&machine), page);
    assert!(machine.frame_at(base.offset(2 * page)).is_some());
    assert!(machine.frame_at(base.offset(page)).is_none());
    unmap(&machine, base.offset(page), 2);
    unmap(&machine, base.offset(8 * page), 1);
    // SAFETY: reserved above, and nothing is mapped.
    unsafe { machine.release(base, &areas) };
    assert_eq!(machine.reserve(&areas, page), Ok(base));
}

#[test]
fn a_frame_is_found_where_a_page_is_mapped_and_nowhere_else() {
    let machine = small(Backing::Overcommitted);
    let page = machine.page_size();
    let base = machine.reserve(&[Span::new(0, 8 * page)], page).unwrap();
    map(&machine, base.offset(2 * page), 2);
    let found: Vec<_> =
        (0..8).map(|idx| machine.frame_at(base.offset(idx * page)).is_some()).collect();
    assert_eq!(found, [false, false, true, true, false, false, false, false]);
    unmap(&machine, base.offset(2 * page), 1);
    assert!(machine.frame_at(base.offset(2 * page)).is_none());
    assert!(machine.frame_at(machine.address_space().start).is_none());
    assert!(machine.frame_at(machine.address_space().end).is_none());
}

#[test]
fn mapped_pages_keep_what_is_written_until_they_are_unmapped() {
    for backing in [Backing::Overcommitted, Backing::Accounted] {
        let machine = small(backing);
        let page = machine.page_size();
        let base = machine.reserve(&[Span::new(0, 4 * page)], page).unwrap();
        map(&machine, base, 4);
        let text = *b"across a page edge";
        let at = base.offset(page - 7);
        let mut back = [0; 18];
        // SAFETY: mapped, and the test's own.
        unsafe { machine.write(at, &text) };
        unmap(&machine, base.offset(2 * page), 2);
        // SAFETY: the first two pages still are.
        unsafe { machine.read(at, &mut back) };
        assert_eq!(back, text, "{backing:?}");
    }
}

#[test]
fn a_reservation_that_does_not_fit_is_refused() {
    let machine = small(Backing::Overcommitted);
    let page = machine.page_size();
    assert_eq!(machine.reserve(&[Span::new(0, 65 * MIB)], page), Err(NoSpace));
    let half = [Span::new(0, 24 * MIB)];
    machine.reserve(&half, page).unwrap();
    machine.reserve(&half, page).unwrap();
    assert_eq!(machine.reserve(&half, page), Err(NoSpace));
    assert_eq!(take(&machine, 17 * MIB / page, page), Err(NoPages));
}

#[test]
fn a_run_has_the_alignment_and_exactly_the_pages_asked_for() {
    let machine = small(Backing::Overcommitted);
    let page = machine.page_size();
    let odd = take(&machine, 5, page).unwrap();
    let wide = take(&machine, 3, MIB).unwrap();
    assert!(odd.get().is_multiple_of(page) && wide.get().is_multiple_of(MIB));
    assert_eq!(backed_bytes(&machine), 8 * page);
    give(&machine, wide, 3);
    assert_eq!(backed_bytes(&machine), 5 * page);
}

#[test]
fn the_tails_of_units_can_be_given_back_one_by_one() {
    for backing in [Backing::Overcommitted, Backing::Accounted] {
        let machine = small(backing);
        let page = machine.page_size();
        let run = take(&machine, 64, page).unwrap();
        for unit in 0..8 {
            give(&machine, run.offset((unit * 8 + 5) * page), 3);
        }
        assert_eq!(backed_bytes(&machine), 40 * page, "{backing:?}");
        // SAFETY: what was not given back can be used.
        unsafe { machine.zero(run.offset(8 * page), 5 * page) };
        // The addresses are not reused while a part of the run is held.
        assert!(take(&machine, 1, page).unwrap() >= run.offset(64 * page));
        for unit in 0..8 {
            give(&machine, run.offset(unit * 8 * page), 5);
        }
        assert_eq!(take(&machine, 64, page).unwrap(), run);
    }
}

#[test]
fn pages_smaller_than_the_system_s_are_given_back_in_whole_ones() {
    let machine = no_mmu(256);
    let (page, per) = (system_page(), system_page() / 256);
    let run = take(&machine, 2 * per + 1, 256).unwrap();
    assert_eq!(backed_bytes(&machine), 3 * page);
    // SAFETY: the run is the test's own, to its last byte.
    unsafe { machine.zero(run, (2 * per + 1) * 256) };
    give(&machine, run, per - 1);
    assert_eq!(backed_bytes(&machine), 3 * page);
    give(&machine, run.offset((per - 1) * 256), 2);
    assert_eq!(backed_bytes(&machine), 2 * page);
    give(&machine, run.offset((per + 1) * 256), per);
    assert_eq!(backed_bytes(&machine), 0);
    assert_eq!(take(&machine, 1, 256), Ok(run));
}

#[test]
fn a_page_may_be_far_larger_than_the_system_s() {
    let machine = no_mmu(64 * 1024);
    let run = take(&machine, 3, 64 * 1024).unwrap();
    assert_eq!(backed_bytes(&machine), 3 * 64 * 1024);
    assert!(run.get().is_multiple_of(64 * 1024));
}

#[test]
fn all_address_space_of_a_machine_can_become_runs() {
    let machine = no_mmu(1024);
    let mut taken = 0;
    while take(&machine, 48, 1024).is_ok() {
        taken += 1;
    }
    let rounded = (48 * 1024_usize).next_multiple_of(system_page());
    assert_eq!(taken, MIB / rounded);
}

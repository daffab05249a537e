// SPDX-License-Identifier: MIT OR Apache-2.0
//! References to statics, for an interpreter that checks every access and every alias.
//!
//! There is no linker under Miri and so no section: templates lie in a structure of the test's
//! own, and what the macro would say of them is said by hand.

mod common {
    pub mod board;
}

use core::cell::{Cell, RefCell};
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::panic;
use std::rc::Rc;

use common::board::{Board, PAGE};
use pcpu::__statics::{Definition, Initial, Template};
use pcpu::layout::CpuId;
use pcpu::platform::{Platform, SmpNoMmu, Up};
use pcpu::{AccessError, Config, Image, Pcpu, RegisterError, SetupError, Static};

/// This program's image, without padding.
#[repr(C)]
struct Own {
    text: Template<&'static str>,
    count: Template<Cell<usize>>,
    shared: Template<AtomicU32>,
    flag: Template<Cell<u32>>,
}

static OWN: Own = Own {
    text: Template::new(TEXT::VALUE),
    count: Template::new(COUNT::VALUE),
    shared: Template::new(SHARED::VALUE),
    flag: Template::new(FLAG::VALUE),
};

/// What another object would bring.
static LATER: Template<RefCell<[usize; 2]>> = Template::new(LIST::VALUE);

macro_rules! by_hand {
    ($($name:ident: $type:ty = $value:expr, at $at:expr;)*) => {$(
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        struct $name {}

        impl Initial for $name {
            type Value = $type;
            const VALUE: $type = $value;
        }

        // SAFETY: the address of one static, initialised from a constant, in whole in its image.
        unsafe impl Definition for $name {
            fn template() -> *const Template<$type> {
                $at
            }
        }

        static $name: Static<$name> = Static::new();
    )*};
}

by_hand! {
    TEXT: &'static str = "own", at &raw const OWN.text;
    COUNT: Cell<usize> = Cell::new(3), at &raw const OWN.count;
    SHARED: AtomicU32 = AtomicU32::new(5), at &raw const OWN.shared;
    FLAG: Cell<u32> = Cell::new(1), at &raw const OWN.flag;
    LIST: RefCell<[usize; 2]> = RefCell::new([7, 8]), at &raw const LATER;
}

fn own() -> Image {
    // SAFETY: a static without padding, which nobody changes; its templates are whole.
    unsafe { Image::from_raw((&raw const OWN).cast(), size_of::<Own>()) }
}

fn later() -> Image {
    // SAFETY: as in `own`.
    unsafe { Image::from_raw((&raw const LATER).cast(), size_of_val(&LATER)) }
}

fn config() -> Config {
    Config {
        page_size: PAGE,
        min_unit_size: 1024,
        reserved_size: 128,
        dyn_size: 256,
        early_size: 0,
        atom_size: PAGE,
        ..Config::default()
    }
}

fn pool<C>(nr_cpus: u32) -> Pcpu<Board<C>>
where
    Board<C>: Platform + pcpu::Machine,
{
    Pcpu::<_>::with_image(Board::new(nr_cpus), &config(), own(), |cpu| cpu.get() != 1).unwrap()
}

/// percpu's `with_current`: nested, it made two `&mut` to one value, which this interpreter saw.
#[test]
fn nested_pins_alias_soundly() {
    let pcpu = pool::<SmpNoMmu>(3);
    pcpu.pinned(|outer| {
        let count = COUNT.get(outer);
        count.set(10);
        let inner = pcpu.pinned(|inner| {
            let again = COUNT.get(inner);
            again.set(again.get() + count.get());
            COUNT.get(outer).get()
        });
        assert_eq!((inner, count.get()), (20, 20));
    });
}

#[test]
fn every_cpu_has_a_copy_and_others_may_look_at_what_is_sync() {
    let pcpu = pool::<SmpNoMmu>(3);
    for cpu in [0, 2] {
        pcpu.platform().run_on(cpu);
        pcpu.pinned(|here| {
            assert_eq!(
                (*TEXT.get(here), COUNT.get(here).get(), FLAG.get(here).get()),
                ("own", 3, 1)
            );
            COUNT.get(here).set(cpu as usize);
            SHARED.get(here).store(cpu, Relaxed);
            assert_eq!(SHARED.on(&pcpu, CpuId::new(cpu)).unwrap().load(Relaxed), cpu);
        });
    }
    let seen = [0, 1, 2, 3].map(|cpu| SHARED.on(&pcpu, CpuId::new(cpu)).map(|it| it.load(Relaxed)));
    assert_eq!(seen, [Some(0), None, Some(2), None]);
}

#[test]
fn the_only_copy_of_one_cpu_is_its_own_memory_and_goes_back() {
    let pcpu = Pcpu::<_>::with_image(Board::<Up>::new(1), &config(), own(), |_| true).unwrap();
    assert_eq!(pcpu.pinned(|here| COUNT.get(here).replace(4)), 3);
    assert_eq!(SHARED.on(&pcpu, CpuId::new(0)).unwrap().load(Relaxed), 5);
    // SAFETY: statics of this program; nobody uses them after the drop, nothing is freed by number.
    let registered = unsafe { pcpu.register(later()) }.unwrap();
    assert_eq!(pcpu.pinned(|here| LIST.get(here).borrow_mut()[1]), 8);
    drop(registered);
    assert_eq!(pcpu.pinned(|here| LIST.try_get(here).map(|_| ())), Err(AccessError::Detached));
}

#[test]
fn a_registered_image_is_on_cpus_attached_before_and_after() {
    let pcpu = pool::<SmpNoMmu>(3);
    // SAFETY: statics of this program; nobody uses them after the drop, nothing is freed by number.
    let registered = unsafe { pcpu.register(later()) }.unwrap();
    // SAFETY: refused.
    assert_eq!(unsafe { pcpu.register(own()) }.unwrap_err(), RegisterError::Already);
    pcpu.attach(CpuId::new(1)).unwrap();
    for cpu in [0, 1, 2] {
        pcpu.platform().run_on(cpu);
        pcpu.pinned(|here| {
            LIST.get(here).borrow_mut()[0] += cpu as usize;
            assert_eq!(*LIST.get(here).borrow(), [7 + cpu as usize, 8]);
            assert_eq!(*TEXT.get(here), "own");
        });
    }
    pcpu.platform().run_on(0);
    // Of CPU 0, whose unit is the first: the number of the area itself.
    let number = pcpu.pinned(|here| core::ptr::from_ref(LIST.get(here)).addr());
    assert!((number - 8..number + 8).all(|number| pcpu.free_raw(number).is_err()));
    assert_eq!((pcpu.stats().nr_cur_alloc, pcpu.check()), (1, Ok(())));
    drop(registered);
    assert_eq!(pcpu.stats().nr_cur_alloc, 0);
}

#[test]
fn images_beyond_the_tables_room_are_refused() {
    static MANY: [u64; 20] = [0; 20];
    let pcpu = pool::<SmpNoMmu>(2);
    let one = |n: usize| {
        // SAFETY: a static, unchanged, without templates.
        unsafe { Image::from_raw(MANY[n..].as_ptr().cast(), 8) }
    };
    // SAFETY: nobody uses what is in them.
    let held: Vec<_> = (0..16).map(|n| unsafe { pcpu.register(one(n)) }.unwrap()).collect();
    // SAFETY: refused.
    let refused = unsafe { pcpu.register(one(16)) }.unwrap_err();
    assert_eq!(refused, RegisterError::TooMany { limit: 16 });
    drop(held);
    // SAFETY: as before.
    assert!(unsafe { pcpu.register(one(16)) }.is_ok());
}

#[test]
fn a_handler_that_nothing_masks_is_refused() {
    let pcpu = pool::<SmpNoMmu>(1);
    pcpu.pinned(|here| {
        let count = COUNT.get(here);
        let handler =
            || pcpu.platform().unmaskable(|| pcpu.pinned(|nested| COUNT.get(nested).set(0)));
        assert!(panic::catch_unwind(AssertUnwindSafe(handler)).is_err());
        pcpu.platform().end_unmaskable();
        assert_eq!(count.get(), 3);
    });
}

#[test]
fn a_set_up_that_runs_out_of_metadata_gives_everything_back() {
    fn refusals<C>() -> usize
    where
        Board<C>: Platform + pcpu::Machine,
    {
        (0..)
            .take_while(|&granted| {
                let board = Board::<C>::new(1);
                let loans = Rc::clone(&board.loans);
                loans.left.set(Some(granted));
                let pcpu = Pcpu::<_>::with_image(board, &config(), own(), |_| true);
                let refused = pcpu.as_ref().err().copied();
                assert!(refused.is_none_or(|error| error == SetupError::NoMetadata));
                drop(pcpu);
                assert_eq!(loans.live.get(), 0, "after {granted} loans");
                refused.is_some()
            })
            .count()
    }
    // One CPU needs a loan more, for the only copy, and no record for a reserved region.
    assert!(refusals::<SmpNoMmu>() > 3 && refusals::<Up>() > 3);
}

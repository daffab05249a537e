// SPDX-License-Identifier: MIT OR Apache-2.0
//! Static per-CPU variables: values, separation, placement. SV-1 to SV-8 of docs/behaviours.md, each
//! on the four kinds of machine.
#![cfg(target_os = "linux")]

mod common;

use core::cell::Cell;
use core::num::NonZeroU16;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use common::Real;
use pcpu::layout::CpuId;
use pcpu::{AccessError, Config, Image, Pcpu};
use pcpu_linux::Linux;

/// Shares its cache lines with nobody.
#[repr(align(64))]
struct Apart(AtomicU64);

/// Has pages to itself.
#[repr(align(4096))]
struct Page([AtomicU8; 10]);

struct Token;

pcpu::statics! {
    static ZERO: AtomicU64 = AtomicU64::new(0);
    static NUMBER: AtomicU64 = AtomicU64::new(0x0123_4567_89AB_CDEF);
    static PARTLY: [AtomicU64; 3] = [AtomicU64::new(0), AtomicU64::new(7), AtomicU64::new(0)];
    static TEXT: &'static str = "a pointer that the loader relocates";
    static NEVER_ZERO: NonZeroU16 = NonZeroU16::new(513).unwrap();
    static CALL: fn(u32) -> u32 = |value| value + 1;
    static APART: Apart = Apart(AtomicU64::new(64));
    static PAGE: Page = Page([const { AtomicU8::new(3) }; 10]);
    static NOTHING: Token = Token;
    static BYTE: AtomicU8 = AtomicU8::new(200);
}

mod elsewhere {
    use super::Cell;

    pcpu::statics! {
        /// Another crate or module may name it.
        pub static EXPORTED: Cell<u32> = Cell::new(11);
        #[cfg(any())]
        static NOT_BUILT: NoSuchType = NO_SUCH_VALUE;
    }
}

fn cpus<P: Real>(pcpu: &Pcpu<P>) -> Vec<CpuId> {
    pcpu.geometry().cpus().collect()
}

#[test]
fn sv1_every_copy_equals_the_initialiser_after_set_up() {
    fn check<P: Real>(pcpu: &Pcpu<P>) {
        for cpu in cpus(pcpu) {
            assert_eq!(ZERO.on(pcpu, cpu).unwrap().load(Relaxed), 0);
            assert_eq!(NUMBER.on(pcpu, cpu).unwrap().load(Relaxed), 0x0123_4567_89AB_CDEF);
            let partly = PARTLY.on(pcpu, cpu).unwrap();
            assert_eq!(partly.each_ref().map(|word| word.load(Relaxed)), [0, 7, 0]);
            assert_eq!(*TEXT.on(pcpu, cpu).unwrap(), "a pointer that the loader relocates");
            assert_eq!(NEVER_ZERO.on(pcpu, cpu).unwrap().get(), 513);
            assert_eq!(CALL.on(pcpu, cpu).unwrap()(1), 2);
        }
        assert_eq!(pcpu.pinned(|here| elsewhere::EXPORTED.get(here).get()), 11);
    }
    in_each_cell!(check);
}

#[test]
fn sv2_a_write_on_one_cpu_is_never_seen_in_another_copy() {
    fn check<P: Real>(pcpu: &Pcpu<P>) {
        for writer in cpus(pcpu) {
            NUMBER.on(pcpu, writer).unwrap().store(99, Relaxed);
            for reader in cpus(pcpu).into_iter().filter(|&cpu| cpu > writer) {
                assert_eq!(NUMBER.on(pcpu, reader).unwrap().load(Relaxed), 0x0123_4567_89AB_CDEF);
            }
            NUMBER.on(pcpu, writer).unwrap().store(u64::from(writer.get()), Relaxed);
        }
        for cpu in cpus(pcpu) {
            assert_eq!(NUMBER.on(pcpu, cpu).unwrap().load(Relaxed), u64::from(cpu.get()));
        }
    }
    in_each_cell!(check);
}

#[test]
fn sv3_two_variables_are_as_far_apart_on_every_cpu() {
    fn check<P: Real>(pcpu: &Pcpu<P>) {
        let distance = |cpu| {
            let number = core::ptr::from_ref(NUMBER.on(pcpu, cpu).unwrap()).addr();
            let page = core::ptr::from_ref(PAGE.on(pcpu, cpu).unwrap()).addr();
            page.wrapping_sub(number)
        };
        let first = distance(CpuId::new(0));
        assert!(cpus(pcpu).into_iter().all(|cpu| distance(cpu) == first));
    }
    in_each_cell!(check);
}

#[test]
fn sv4_copies_are_aligned_as_their_types_are() {
    fn check<P: Real>(pcpu: &Pcpu<P>) {
        for cpu in cpus(pcpu) {
            assert!(core::ptr::from_ref(APART.on(pcpu, cpu).unwrap()).addr().is_multiple_of(64));
            let page = PAGE.on(pcpu, cpu).unwrap();
            assert!(core::ptr::from_ref(page).addr().is_multiple_of(4096));
            assert_eq!(page.0[9].load(Relaxed), 3);
        }
    }
    in_each_cell!(check);
}

#[test]
fn sv5_what_is_kept_apart_shares_no_line_with_others() {
    fn check<P: Real>(pcpu: &Pcpu<P>) {
        for cpu in cpus(pcpu) {
            let line = |at: usize| at / 64;
            let apart = line(core::ptr::from_ref(APART.on(pcpu, cpu).unwrap()).addr());
            let others = [
                core::ptr::from_ref(ZERO.on(pcpu, cpu).unwrap()).addr(),
                core::ptr::from_ref(NUMBER.on(pcpu, cpu).unwrap()).addr(),
                core::ptr::from_ref(BYTE.on(pcpu, cpu).unwrap()).addr(),
                core::ptr::from_ref(&PARTLY.on(pcpu, cpu).unwrap()[2]).addr(),
            ];
            assert!(others.iter().all(|&other| line(other) != apart));
            assert_eq!(APART.on(pcpu, cpu).unwrap().0.load(Relaxed), 64);
        }
    }
    in_each_cell!(check);
}

#[test]
fn sv6_one_cpu_has_the_one_copy() {
    let pcpu = common::uni();
    let by_cpu = core::ptr::from_ref(NUMBER.on(&pcpu, CpuId::new(0)).unwrap());
    let by_pin = pcpu.pinned(|here| core::ptr::from_ref(NUMBER.get(here)).addr());
    assert_eq!(by_cpu.addr(), by_pin);
    assert!(NUMBER.on(&pcpu, CpuId::new(1)).is_none());
}

/// There is no early access: a copy is reached through a pool, which exists once it is set up. So
/// nothing that was done before can show, not even in another pool.
#[test]
fn sv7_a_new_pool_starts_from_the_initialisers_whatever_others_did() {
    let (first, second) = (common::smp(), common::no_mmu());
    first.pinned(|here| elsewhere::EXPORTED.get(here).set(1));
    second.pinned(|here| elsewhere::EXPORTED.get(here).set(2));
    let third = common::smp();
    for cpu in cpus(&third) {
        BYTE.on(&third, cpu).unwrap().store(1, Relaxed);
        assert_eq!(BYTE.on(&first, cpu).unwrap().load(Relaxed), 200);
    }
    assert_eq!(third.pinned(|here| elsewhere::EXPORTED.get(here).get()), 11);
}

/// Alignment beyond a page: `tests/ui`.
#[test]
fn sv8_types_of_no_size_and_of_one_byte_work() {
    fn check<P: Real>(pcpu: &Pcpu<P>) {
        for cpu in cpus(pcpu) {
            let _: &Token = NOTHING.on(pcpu, cpu).unwrap();
            assert_eq!(BYTE.on(pcpu, cpu).unwrap().fetch_add(100, Relaxed), 200);
            assert_eq!(BYTE.on(pcpu, cpu).unwrap().load(Relaxed), 44);
        }
        assert!(NOTHING.on(pcpu, CpuId::new(common::CPUS)).is_none());
        let _: &Token = pcpu.pinned(|here| {
            let _: &Token = NOTHING.get(here);
            &Token
        });
    }
    in_each_cell!(check);
}

#[test]
fn a_pool_without_statics_works_and_has_none() {
    fn check<P: Real>(platform: P) {
        let config = common::config();
        let pcpu = Pcpu::<_>::with_image(platform, &config, Image::EMPTY, |_| true).unwrap();
        assert_eq!(pcpu.geometry().static_size(), 0);
        let refused = pcpu.pinned(|here| ZERO.try_get(here).map(|_| ()));
        assert_eq!(refused, Err(AccessError::Detached));
        let _: &Token = NOTHING.on(&pcpu, CpuId::new(0)).unwrap();
    }
    check(Linux::builder().cpus(2).build().unwrap());
    check(Linux::builder().build_uni().unwrap());
}

#[test]
fn the_statics_decide_the_size_of_the_static_region() {
    let (pcpu, image) = (common::smp(), Image::of_this_object());
    assert_eq!(pcpu.geometry().static_size(), image.len());
    assert!(image.len() >= 2 * 4096, "a page and others: {image:?}");
}

#[test]
fn a_static_aligned_to_more_than_the_pools_pages_is_refused_where_it_matters() {
    let config = Config { page_size: 256, atom_size: 256, ..common::config() };
    let platform = Linux::builder().cpus(5).page_size(256).build_no_mmu().unwrap();
    let pcpu = Pcpu::<_>::new(platform, &config).unwrap();
    let refused = Err(AccessError::Misaligned { align: 4096 });
    let copies = cpus(&pcpu).into_iter().map(|cpu| PAGE.try_on(&pcpu, cpu).map(|_| ()));
    let copies: Vec<_> = copies.collect();
    let unit = pcpu.geometry().unit_size();
    assert_eq!(copies.contains(&refused), !unit.is_multiple_of(4096), "units of {unit}");
    for cpu in cpus(&pcpu) {
        assert_eq!(BYTE.on(&pcpu, cpu).unwrap().load(Relaxed), 200);
    }
}

#[test]
fn a_cpu_attached_later_gets_its_copies_then() {
    let platform = Linux::builder().cpus(3).build().unwrap();
    let one = CpuId::new(1);
    let pcpu = Pcpu::<_>::with_attached(platform, &common::config(), |cpu| cpu != one).unwrap();
    assert!(NUMBER.on(&pcpu, one).is_none());
    pcpu.attach(one).unwrap();
    pcpu.attach(one).unwrap();
    assert_eq!(NUMBER.on(&pcpu, one).unwrap().load(Relaxed), 0x0123_4567_89AB_CDEF);
    assert!(pcpu.attach(CpuId::new(3)).is_err());
}

#[test]
fn nothing_of_a_pool_is_left_when_it_is_dropped() {
    let platform = Linux::builder().cpus(3).build_no_mmu().unwrap();
    let pcpu = Pcpu::<_>::new(platform.clone(), &common::config()).unwrap();
    assert!(platform.backed_pages().get() > 0);
    drop(pcpu);
    assert_eq!(platform.backed_pages().get(), 0);
}

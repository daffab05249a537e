// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pools that have memory for attached CPUs only: the statics of those that come later.
#![cfg(target_os = "linux")]

mod common;

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::fmt::{self, Write};
use std::sync::mpsc;
use std::thread;

use pcpu::layout::CpuId;
use pcpu::{AccessError, AttachError, Config, Image, Pcpu, Request, SetupError};
use pcpu_linux::Linux;
use pcpu_sim::{Machine, Smp};

/// Statics of more than a page, so that their place matters.
struct Wide([u8; 5000]);

pcpu::statics! {
    static NUMBER: AtomicU64 = AtomicU64::new(0x0123_4567_89AB_CDEF);
    static WIDE: Wide = Wide([7; 5000]);
    static ZERO: AtomicU64 = AtomicU64::new(0);
}

/// CPUs 0 to 3 are possible, and this one is attached at set-up.
const FIRST: CpuId = CpuId::new(2);
const LATER: [CpuId; 3] = [CpuId::new(3), CpuId::new(0), CpuId::new(1)];

fn linux() -> (Linux, Pcpu<Linux>) {
    let platform = Linux::builder().cpus(4).build().unwrap();
    let made = Pcpu::paged_with_attached(platform.clone(), &common::config(), |cpu| cpu == FIRST);
    (platform, made.unwrap())
}

/// Expects the initial values in a CPU's copies.
fn assert_initial(pcpu: &Pcpu<Linux>, cpu: CpuId) {
    assert_eq!(NUMBER.on(pcpu, cpu).unwrap().load(Relaxed), 0x0123_4567_89AB_CDEF);
    assert_eq!(WIDE.on(pcpu, cpu).unwrap().0, [7; 5000]);
    assert_eq!(ZERO.on(pcpu, cpu).unwrap().load(Relaxed), 0);
}

#[test]
fn a_cpu_that_is_not_attached_has_neither_pages_nor_statics() {
    let (platform, pcpu) = linux();
    assert_eq!(platform.backed_pages(), pcpu.geometry().pages_per_unit());
    assert_initial(&pcpu, FIRST);
    for cpu in LATER {
        let refused = NUMBER.try_on(&pcpu, cpu).map(|_| ());
        assert_eq!(refused, Err(AccessError::NotAttached { cpu }));
    }
}

#[test]
fn a_cpu_that_comes_later_begins_with_the_initial_values() {
    type Attach = fn(&Pcpu<Linux>, CpuId) -> Result<(), AttachError>;
    for attach in [Pcpu::attach as Attach, Pcpu::try_attach] {
        let (platform, pcpu) = linux();
        let unit = pcpu.geometry().pages_per_unit().get();
        for (cpu, nr_attached) in LATER.into_iter().zip(2..) {
            NUMBER.on(&pcpu, FIRST).unwrap().store(1, Relaxed);
            ZERO.on(&pcpu, FIRST).unwrap().store(1, Relaxed);
            let area = pcpu.alloc(Request::new(100, 8)).unwrap();
            attach(&pcpu, cpu).unwrap();
            assert_initial(&pcpu, cpu);
            assert_eq!(platform.backed_pages().get(), nr_attached * unit);
            assert_eq!(NUMBER.on(&pcpu, FIRST).unwrap().load(Relaxed), 1);
            pcpu.free(area).unwrap();
            pcpu.check().unwrap();
        }
        drop(pcpu);
        assert_eq!(platform.backed_pages().get(), 0);
    }
}

#[test]
fn attaching_again_leaves_the_statics_as_they_are() {
    let (_, pcpu) = linux();
    pcpu.attach(LATER[0]).unwrap();
    for cpu in [FIRST, LATER[0]] {
        NUMBER.on(&pcpu, cpu).unwrap().store(5, Relaxed);
        pcpu.attach(cpu).unwrap();
        pcpu.try_attach(cpu).unwrap();
        assert_eq!(NUMBER.on(&pcpu, cpu).unwrap().load(Relaxed), 5);
    }
}

/// Safe code may attach a CPU to the allocator alone. It has no statics then, rather than zeros.
#[test]
fn a_cpu_of_the_allocator_alone_has_no_statics_until_it_is_attached_to_the_pool() {
    let (_, pcpu) = linux();
    let pool: &pcpu::Allocator<Linux> = &pcpu;
    pool.attach(LATER[0]).unwrap();
    assert!(pcpu.is_attached(LATER[0]) && NUMBER.on(&pcpu, LATER[0]).is_none());
    pcpu.try_attach(LATER[0]).unwrap();
    assert_initial(&pcpu, LATER[0]);
}

#[test]
fn a_pool_may_begin_with_no_cpu_at_all() {
    let platform = Linux::builder().cpus(2).build().unwrap();
    let made = Pcpu::<_>::paged_with_attached(platform.clone(), &common::config(), |_| false);
    let pcpu = made.unwrap();
    assert_eq!(platform.backed_pages().get(), 0);
    pcpu.attach(CpuId::new(1)).unwrap();
    assert_initial(&pcpu, CpuId::new(1));
    assert!(NUMBER.on(&pcpu, CpuId::new(0)).is_none());
}

#[test]
fn a_pool_without_statics_needs_no_image() {
    let platform = Linux::builder().cpus(2).build().unwrap();
    let (config, one) = (common::config(), CpuId::new(1));
    let made = Pcpu::<_>::paged_with_image(platform, &config, Image::EMPTY, |cpu| cpu != one);
    let pcpu = made.unwrap();
    pcpu.attach(one).unwrap();
    assert_eq!(NUMBER.try_on(&pcpu, one).map(|_| ()), Err(AccessError::Detached));
}

/// Asks while the allocator prints, which it does with a lock held.
struct Reader<'a>(&'a Pcpu<Linux>, Vec<Result<(), AttachError>>);

impl Write for Reader<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.contains("cur_med_alloc") {
            self.1.extend([FIRST, LATER[0]].map(|cpu| self.0.try_attach(cpu)));
        }
        Ok(())
    }
}

#[test]
fn an_attempt_in_the_middle_of_another_operation_is_refused_and_the_cpu_is_not_ready() {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let (_, pcpu) = linux();
        let mut reader = Reader(&pcpu, Vec::new());
        write!(reader, "{}", pcpu.percpu_stats()).unwrap();
        done.send((reader.1, pcpu)).unwrap();
    });
    let answered = is_done.recv_timeout(Duration::from_secs(30));
    let (answers, pcpu) = answered.expect("it waits for its own thread");
    assert_eq!(answers[..2], [Ok(()), Err(AttachError::Busy)]);
    assert!(NUMBER.on(&pcpu, LATER[0]).is_none());
    pcpu.try_attach(LATER[0]).unwrap();
    assert_initial(&pcpu, LATER[0]);
}

/// On a machine that fails on request and panics at the touch of a page that is not there.
#[test]
fn whatever_fails_in_set_up_or_attach_nothing_is_kept() {
    let config = Config { reserved_size: 8192, ..Config::default() };
    let set_up = |machine: &Machine| {
        Pcpu::<Smp>::paged_with_attached(machine.smp(), &config, |cpu| cpu == FIRST)
    };
    for n in 1.. {
        let machine = Machine::with_cpus(4);
        machine.fail_nth(n);
        let made = set_up(&machine);
        let failed = machine.fallible_calls() >= n;
        assert_eq!(made.is_err(), failed, "every call is needed, call {n}");
        if let Err(error) = &made {
            use SetupError::{NoMetadata, NoPages, NoSpace};
            assert!(matches!(error, NoMetadata | NoPages { .. } | NoSpace), "{error}");
        }
        drop(made);
        assert_eq!((machine.frames_in_use(), machine.areas_reserved()), (0, 0), "call {n}");
        assert_eq!(machine.metadata_outstanding(), 0, "call {n}");
        if !failed {
            assert!(n > 20, "set-up makes only {n} calls");
            break;
        }
    }

    let machine = Machine::with_cpus(4);
    let pcpu = set_up(&machine).unwrap();
    let before = machine.frames_in_use();
    for n in 1.. {
        machine.fail_nth(n);
        let attached = pcpu.attach(LATER[0]);
        machine.fail_none();
        pcpu.check().unwrap();
        if attached.is_ok() {
            assert_eq!(n, 1 + 2 * before as u64, "a frame and a mapping for every page");
            break;
        }
        assert_eq!((attached, machine.frames_in_use()), (Err(AttachError::NoPages), before));
        assert!(!pcpu.is_attached(LATER[0]));
    }
    assert_eq!(machine.frames_in_use(), 2 * before);
}

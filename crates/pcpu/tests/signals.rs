// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations in signal handlers: nothing is lost, and nothing waits for what it has interrupted
//! (OP-4, RS-2).
#![cfg(all(feature = "std", target_os = "linux"))]
#![allow(unsafe_code, reason = "signal handlers are not in the standard library")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use pcpu::{ConcurrencyId, PerCpu, Pool};

/// What the handler does, and how often it did.
struct Handled {
    by_cpu: PerCpu<AtomicU64>,
    by_id: PerCpu<AtomicU64, ConcurrencyId>,
    times: AtomicU64,
}

static HANDLED: OnceLock<Handled> = OnceLock::new();
/// One storm at a time: they share the handler.
static STORM: Mutex<()> = Mutex::new(());

fn handled() -> &'static Handled {
    HANDLED.get_or_init(|| {
        let ids = Pool::builder().index_by_concurrency_id().build().unwrap();
        Handled {
            by_cpu: PerCpu::zeroed().unwrap(),
            by_id: PerCpu::zeroed_in(&ids).unwrap(),
            times: AtomicU64::new(0),
        }
    })
}

extern "C" fn count(_: libc::c_int) {
    let handled = HANDLED.get().expect("set before the handler");
    handled.by_cpu.this_cpu().inc();
    assert_ne!(handled.by_id.this_cpu().add_return(1), 0);
    handled.times.fetch_add(1, Relaxed);
}

/// Runs `body` on some threads while each of them is signalled as fast as it goes, for a while.
fn storm(body: impl Fn(u64) + Sync) {
    let _one = STORM.lock().unwrap_or_else(|poison| poison.into_inner());
    let before = {
        let handled = handled();
        assert_eq!(handled.by_cpu.sum(), handled.times.load(Relaxed));
        handled.times.load(Relaxed)
    };
    // SAFETY: a zeroed `sigaction` is one without flags and with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = count as extern "C" fn(libc::c_int) as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler does operations on scalars and an addition, no more.
    let done = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(done, 0);

    let stop = AtomicBool::new(false);
    let threads = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let (stop, threads, body) = (&stop, &threads, &body);
        for _ in 0..2 {
            scope.spawn(move || {
                // SAFETY: asks for the thread's own name.
                threads.lock().unwrap().push(unsafe { libc::pthread_self() });
                let mut round = 0;
                while !stop.load(Relaxed) {
                    body(round);
                    round += 1;
                }
                // From here on the thread's name may be somebody else's.
                threads.lock().unwrap().clear();
            });
        }
        let end = Instant::now() + Duration::from_millis(1500);
        while Instant::now() < end {
            for &thread in threads.lock().unwrap().iter() {
                // SAFETY: a thread that has not ended: it is on the list.
                unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
            }
            thread::sleep(Duration::from_micros(20));
        }
        stop.store(true, Relaxed);
    });
    let handled = handled();
    let times = handled.times.load(Relaxed);
    assert!(times > before + 100, "only {} signals were handled", times - before);
    assert_eq!((handled.by_cpu.sum(), handled.by_id.sum()), (times, times));
}

#[test]
fn handlers_and_the_code_they_interrupt_count_on_one_counter() {
    let own = AtomicU64::new(0);
    let counter = PerCpu::<AtomicU64>::zeroed().unwrap();
    storm(|_| {
        for _ in 0..100 {
            counter.this_cpu().inc();
            // The handler's counter, in the midst of which it comes.
            handled().by_cpu.this_cpu().add(1);
            handled().by_cpu.this_cpu().sub(1);
        }
        own.fetch_add(100, Relaxed);
    });
    assert_eq!(counter.sum(), own.load(Relaxed));
}

#[test]
fn handlers_count_in_the_midst_of_a_pool_s_own_work() {
    let pool = Pool::builder().build().unwrap();
    storm(|round| {
        let values: Vec<_> =
            (0..20).map(|_| PerCpu::<[AtomicU64; 30]>::zeroed_in(&pool).unwrap()).collect();
        values.iter().for_each(|value| value.this_cpu_item(3).unwrap().inc());
        drop(values);
        if round % 10 == 0 {
            pool.trim();
        }
        // A pool in which nearly every CPU is new.
        let fresh = Pool::builder().address_space(8 << 20).build().unwrap();
        let value = PerCpu::<AtomicU64>::zeroed_in(&fresh).unwrap();
        value.this_cpu().inc();
        assert_eq!(value.sum(), 1);
    });
    pool.allocator().check().unwrap();
}

#[test]
fn a_handler_may_be_the_first_on_a_cpu() {
    static FRESH: Mutex<Option<&'static PerCpu<AtomicU64>>> = Mutex::new(None);
    static FOR_HANDLER: std::sync::atomic::AtomicPtr<PerCpu<AtomicU64>> =
        std::sync::atomic::AtomicPtr::new(std::ptr::null_mut());

    extern "C" fn first(_: libc::c_int) {
        // SAFETY: set before the signal, and leaked.
        unsafe { &*FOR_HANDLER.load(Relaxed) }.this_cpu().inc();
    }

    let _one = STORM.lock().unwrap_or_else(|poison| poison.into_inner());
    // SAFETY: as in `storm`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = first as extern "C" fn(libc::c_int) as usize;
    // SAFETY: the handler does one operation.
    unsafe { libc::sigaction(libc::SIGUSR2, &raw const action, std::ptr::null_mut()) };
    for _ in 0..50 {
        let pool = Pool::builder().address_space(8 << 20).build().unwrap();
        let value: &'static _ = Box::leak(Box::new(PerCpu::<AtomicU64>::zeroed_in(&pool).unwrap()));
        *FRESH.lock().unwrap() = Some(value);
        FOR_HANDLER.store(std::ptr::from_ref(value).cast_mut(), Relaxed);
        // On threads of their own, which start on whatever CPU is free.
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    // SAFETY: a signal to the thread itself, handled before the call returns.
                    unsafe { libc::raise(libc::SIGUSR2) };
                });
            }
        });
        assert_eq!(value.sum(), 3);
    }
}

#[test]
fn a_handler_may_come_in_the_midst_of_a_constructor() {
    static VALUE: OnceLock<PerCpu<AtomicU64>> = OnceLock::new();

    extern "C" fn count_too(_: libc::c_int) {
        VALUE.get().expect("set before the signal").this_cpu().add(1000);
    }

    let _one = STORM.lock().unwrap_or_else(|poison| poison.into_inner());
    // SAFETY: as in `storm`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = count_too as extern "C" fn(libc::c_int) as usize;
    // SAFETY: the handler does one operation.
    unsafe { libc::sigaction(libc::SIGUSR2, &raw const action, std::ptr::null_mut()) };
    let value = VALUE.get_or_init(|| {
        PerCpu::from_fn(|cpu| {
            // The strays' copy is made by the handler, where it may not be interrupted again.
            if cpu.get() < Pool::global().unwrap().nr_possible() {
                // SAFETY: a signal to the thread itself, handled before the call returns.
                unsafe { libc::raise(libc::SIGUSR2) };
            }
            AtomicU64::new(5)
        })
        .unwrap()
    });
    value.this_cpu().add(1);
    let copies = value.iter().count() as u64;
    assert!(copies >= 2, "the handler had one of its own");
    assert_eq!(value.sum(), 5 * copies + 1000 * (copies - 1) + 1);
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values with a copy on every CPU: construction, the three ways to a copy, and the end.
#![cfg(feature = "std")]

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{
    AtomicBool, AtomicI16, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
};
use std::sync::{Arc, Mutex, atomic::Ordering::Relaxed};
use std::thread;

use pcpu::{ConcurrencyId, Cpu, Node, PerCpu, PerCpuSlice, Pool};

/// Runs `body` on threads that have each a copy of their own, and says how many.
#[cfg(not(all(target_os = "linux", not(miri))))]
fn on_every_cpu(body: impl Fn() + Sync) -> usize {
    // A thread's number stands for a CPU, and the next thread gets the next number.
    let nr_cpus = thread::available_parallelism().map_or(1, usize::from);
    (0..nr_cpus).for_each(|_| {
        thread::scope(|scope| {
            scope.spawn(&body);
        });
    });
    nr_cpus
}

/// Runs `body` on a thread pinned to each CPU that this one may use, one after the other.
#[cfg(all(target_os = "linux", not(miri)))]
fn on_every_cpu(body: impl Fn() + Sync) -> usize {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let allowed = sched_getaffinity(None).unwrap();
    let cpus: Vec<_> = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect();
    for &cpu in &cpus {
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut only = CpuSet::new();
                only.set(cpu);
                sched_setaffinity(None, &only).unwrap();
                body();
            });
        });
    }
    cpus.len()
}

#[test]
fn a_counter_counts_on_every_cpu_and_sums_up() {
    let hits = PerCpu::<AtomicU64>::zeroed().unwrap();
    let nr_cpus = on_every_cpu(|| hits.this_cpu().add(5));
    assert_eq!(hits.sum(), 5 * nr_cpus as u64);
    let by_cpu: Vec<_> = hits.iter().filter(|(_, hits)| hits.load(Relaxed) == 5).collect();
    assert_eq!(by_cpu.len(), nr_cpus, "each counted on a copy of its own");
}

#[test]
fn scalars_of_all_kinds_work() {
    let small = PerCpu::<AtomicU8>::zeroed().unwrap();
    small.this_cpu().dec();
    let signed = PerCpu::<AtomicI16>::zeroed().unwrap();
    signed.this_cpu().sub(1000);
    assert_eq!((small.sum(), signed.sum()), (255, -1000));

    let flag = PerCpu::<AtomicBool>::zeroed().unwrap();
    let (was, bits) = flag.with(|_| {
        let was = flag.this_cpu().xchg(true);
        flag.this_cpu().or(false);
        (was, flag.iter().filter(|(_, flag)| flag.load(Relaxed)).count())
    });
    assert_eq!((was, bits), (false, 1));

    let mut target = 7;
    let pointer = PerCpu::<AtomicPtr<i32>>::from_fn(|_| AtomicPtr::default()).unwrap();
    on_every_cpu(|| assert!(pointer.this_cpu().read().is_null()));
    pointer.this_cpu().write(&raw mut target);
    assert_eq!(pointer.iter().filter(|(_, it)| !it.load(Relaxed).is_null()).count(), 1);
}

#[test]
fn a_comparison_fails_with_the_value_that_is_there() {
    let word = PerCpu::<AtomicU32>::new_with(3);
    // Whichever copy it is, it holds 3, until one of them is changed.
    assert_eq!(word.this_cpu().cmpxchg(4, 5), Err(3));
    assert_eq!(word.this_cpu().cmpxchg(3, 5), Ok(3));
    assert_eq!(word.iter().filter(|(_, word)| word.load(Relaxed) == 5).count(), 1);
}

trait NewWith {
    fn new_with(value: u32) -> Self;
}

impl NewWith for PerCpu<AtomicU32> {
    fn new_with(value: u32) -> Self {
        PerCpu::from_fn(move |_| AtomicU32::new(value)).unwrap()
    }
}

#[test]
fn a_copy_is_constructed_once_and_when_it_is_wanted() {
    let made = Arc::new(AtomicUsize::new(0));
    let of_constructor = Arc::clone(&made);
    let values = PerCpu::from_fn(move |cpu| {
        of_constructor.fetch_add(1, Relaxed);
        format!("CPU {cpu}")
    })
    .unwrap();
    assert_eq!((made.load(Relaxed), values.iter().count()), (0, 0));
    let nr_cpus = on_every_cpu(|| {
        for _ in 0..3 {
            values.with(|value| assert!(value.starts_with("CPU ")));
        }
    });
    assert_eq!((made.load(Relaxed), values.iter().count()), (nr_cpus, nr_cpus));
    for (cpu, value) in values.iter() {
        assert_eq!(*value, format!("CPU {cpu}"));
    }
}

#[test]
fn a_constructor_that_panics_leaves_no_copy_and_may_be_tried_again() {
    let fail = Arc::new(AtomicBool::new(true));
    let of_constructor = Arc::clone(&fail);
    let values = PerCpu::from_fn(move |_| {
        assert!(!of_constructor.load(Relaxed), "not yet");
        vec![1, 2, 3]
    })
    .unwrap();
    let tried = catch_unwind(AssertUnwindSafe(|| values.with(Vec::len)));
    assert!(tried.is_err());
    assert_eq!(values.iter().count(), 0);
    fail.store(false, Relaxed);
    assert_eq!(values.with(Vec::len), 3);
}

#[test]
fn a_constructor_that_uses_its_own_value_panics_and_does_not_hang() {
    static VALUE: Mutex<Option<Arc<PerCpu<Cell<u32>>>>> = Mutex::new(None);
    let value = Arc::new(
        PerCpu::from_fn(|_| {
            let own = VALUE.lock().unwrap().clone().unwrap();
            Cell::new(own.with(Cell::get))
        })
        .unwrap(),
    );
    *VALUE.lock().unwrap() = Some(Arc::clone(&value));
    let tried = catch_unwind(AssertUnwindSafe(|| value.with(Cell::get)));
    let message = *tried.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("uses that value"), "{message}");
    VALUE.lock().unwrap_or_else(|poison| poison.into_inner()).take();
}

/// Counts drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn every_copy_is_dropped_once_also_after_a_panic() {
    struct Panics(Counted);
    impl Drop for Panics {
        fn drop(&mut self) {
            assert!(self.0.0.load(Relaxed) != 0, "the first of all");
        }
    }

    let dropped = Arc::new(AtomicUsize::new(0));
    let of_constructor = Arc::clone(&dropped);
    let values = PerCpu::from_fn(move |_| Counted(Arc::clone(&of_constructor))).unwrap();
    let nr_cpus = on_every_cpu(|| values.with(|_| ()));
    drop(values);
    assert_eq!(dropped.swap(0, Relaxed), nr_cpus);

    let pool = Pool::builder().name("panics").build().unwrap();
    let of_constructor = Arc::clone(&dropped);
    let values =
        PerCpu::from_fn_in(&pool, move |_| Panics(Counted(Arc::clone(&of_constructor)))).unwrap();
    let nr_cpus = on_every_cpu(|| values.with(|_| ()));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(values))).is_err());
    assert_eq!(dropped.load(Relaxed), nr_cpus);
    assert_eq!(pool.allocator().stats().nr_cur_alloc, 0, "the area went back all the same");
}

const ROUNDS: u32 = if cfg!(miri) { 5 } else { 2000 };

#[test]
fn with_is_alone_at_its_copy_and_may_be_nested() {
    let stack = PerCpu::new(RefCell::new(Vec::new())).unwrap();
    let depth = PerCpu::new(Cell::new(0)).unwrap();
    thread::scope(|scope| {
        for id in 0..4 {
            scope.spawn({
                let (stack, depth) = (&stack, &depth);
                move || {
                    for round in 0..ROUNDS {
                        stack.with(|stack| {
                            stack.borrow_mut().push((id, round));
                            depth.with(|depth| {
                                assert_eq!(depth.replace(1), 0, "somebody else is here");
                                thread::yield_now();
                                depth.set(0);
                            });
                        });
                    }
                }
            });
        }
    });
    let mut all = Vec::new();
    stack.for_each(|_, stack| all.extend(stack.take()));
    all.sort_unstable();
    assert!(all.into_iter().eq((0..4).flat_map(|id| (0..ROUNDS).map(move |round| (id, round)))));
}

#[test]
fn another_cpu_s_copies_in_the_middle_of_one_s_own_are_refused() {
    let value = PerCpu::new(Cell::new(0)).unwrap();
    on_every_cpu(|| value.with(|value| value.set(1)));
    let cpus: Vec<_> = { value.pool().cpus().collect() };
    value.with(|_| {
        let own = cpus.iter().filter(|&&cpu| {
            catch_unwind(AssertUnwindSafe(|| value.with_cpu(cpu, Cell::get))).is_ok()
        });
        // Its own, and those that have no copy.
        assert!(own.count() >= 1);
    });
    // The lock is free again, after panics too.
    on_every_cpu(|| value.with(|value| assert_eq!(value.get(), 1)));
}

#[test]
fn a_cpu_without_a_copy_has_none_to_give() {
    let mut value = PerCpu::<AtomicU64>::zeroed().unwrap();
    let beyond = pcpu::layout::CpuId::new(100_000);
    assert!(value.get(beyond).is_none() && value.get_mut(beyond).is_none());
    assert!(value.with_cpu(beyond, |_| ()).is_none());
    value.iter_mut().for_each(|(_, copy)| *copy.get_mut() = 2);
    assert_eq!(value.sum(), 2 * value.iter().count() as u64);
}

#[test]
fn arrays_slices_and_fields_count_without_a_lock() {
    #[derive(Default)]
    struct Link {
        sent: AtomicU64,
        errors: AtomicU32,
        last: Cell<u8>,
    }
    let link = PerCpu::from_fn(|_| Link::default()).unwrap();
    let nr_cpus = on_every_cpu(|| {
        link.this_cpu_field(pcpu::field!(Link, sent)).add(1500);
        link.this_cpu_field(pcpu::field!(Link, errors)).inc();
        link.with(|link| link.last.set(9));
    });
    assert_eq!(link.sum_field(pcpu::field!(Link, sent)), 1500 * nr_cpus as u64);
    assert_eq!(link.sum_field(pcpu::field!(Link, errors)), nr_cpus as u32);

    let array = PerCpu::<[AtomicU32; 3]>::zeroed().unwrap();
    on_every_cpu(|| (0..3).for_each(|n| array.this_cpu_item(n).unwrap().add(n as u32)));
    assert!(array.this_cpu_item(3).is_none());
    assert_eq!(array.sum_item(2), 2 * nr_cpus as u32);

    let slice = PerCpuSlice::<AtomicU64>::zeroed(1000).unwrap();
    on_every_cpu(|| slice.this_cpu_item(999).unwrap().inc());
    assert!(slice.this_cpu_item(1000).is_none());
    assert_eq!((slice.len(), slice.sum_item(999)), (1000, nr_cpus as u64));
    assert_eq!(slice.with(|slice| slice.len()), 1000);
    assert!(PerCpuSlice::<AtomicU64>::zeroed(usize::MAX).is_err());
    assert!(PerCpuSlice::<AtomicU64>::zeroed(1 << 20).is_err());
}

/// Enough to be interrupted in the middle; fewer where each is interpreted.
const EACH: u64 = if cfg!(miri) { 20 } else { 20_000 };

/// Recounts everything, which takes an interpreter minutes.
fn check<B: pcpu::By>(pool: &Pool<B>) {
    if !cfg!(miri) {
        pool.allocator().check().unwrap();
    }
}

fn counts_in<B: pcpu::By>(pool: &Pool<B>) {
    let hits = PerCpu::<AtomicU64, B>::zeroed_in(pool).unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..EACH).for_each(|_| hits.this_cpu().inc()));
        }
    });
    assert_eq!(hits.sum(), 8 * EACH);
    drop(hits);
    assert_eq!(pool.allocator().stats().nr_cur_alloc, 0);
    check(pool);
}

#[test]
fn pools_of_every_kind_of_index_count_exactly() {
    counts_in::<Cpu>(&Pool::builder().name("cpu").build().unwrap());
    let ids = Pool::builder().name("ids").index_by_concurrency_id().build().unwrap();
    counts_in::<ConcurrencyId>(&ids);
    counts_in::<Node>(&Pool::builder().index_by_node().build().unwrap());
    assert_eq!(ids.name(), "ids");
}

#[test]
fn values_come_and_go_while_others_count() {
    let pool = Pool::builder().build().unwrap();
    thread::scope(|scope| {
        for seed in 0..4_u64 {
            let pool = &pool;
            scope.spawn(move || {
                let mut alive: Vec<PerCpu<AtomicU64>> = Vec::new();
                let mut random = seed + 1;
                for _ in 0..if cfg!(miri) { 12 } else { 3000 } {
                    random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
                    if alive.len() > 200 || (random >> 33).is_multiple_of(3) && !alive.is_empty() {
                        let value = alive.swap_remove((random >> 40) as usize % alive.len());
                        assert_eq!(value.sum(), 10);
                    } else {
                        let value = PerCpu::zeroed_in(pool).unwrap();
                        assert_eq!(value.sum(), 0, "a recycled area is zero everywhere");
                        (0..10).for_each(|_| value.this_cpu().inc());
                        alive.push(value);
                    }
                }
            });
        }
    });
    check(&pool);
    assert_eq!(pool.allocator().stats().nr_cur_alloc, 0);
    pool.trim();
    check(&pool);
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn a_static_counts_in_the_process_s_own_pool() {
    pcpu::statics! {
        static BEGUN: AtomicU64 = AtomicU64::new(100);
    }
    let before = BEGUN.sum();
    let nr_cpus = on_every_cpu(|| BEGUN.this_cpu().inc());
    let copies = BEGUN.iter().count() as u64;
    assert_eq!(BEGUN.sum(), 100 * copies + nr_cpus as u64);
    assert!(before.is_multiple_of(100) && copies >= nr_cpus as u64);
}

/// Where addresses have a limit that can be set.
#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn what_does_not_fit_is_refused_with_a_reason() {
    let refused = PerCpu::<[u8; 1 << 20]>::zeroed().unwrap_err();
    let said = refused.to_string();
    assert!(said.contains("1048576"), "{said}");
    let limited = Pool::builder().address_space(1 << 20).build();
    let Ok(limited) = limited else { return };
    let mut alive = Vec::new();
    let refused = loop {
        match PerCpu::<[AtomicU64; 512]>::zeroed_in(&limited) {
            Ok(value) => alive.push(value),
            Err(error) => break error,
        }
    };
    assert!(!alive.is_empty(), "{refused}");
    alive.clear();
    PerCpu::<[AtomicU64; 512]>::zeroed_in(&limited).unwrap();
}

/// Two threads that come to the same pair of values in opposite order do not wait for each other.
#[test]
fn constructors_that_use_other_values_do_not_hang() {
    let pool = Pool::builder().build().unwrap();
    for _ in 0..if cfg!(miri) { 2 } else { 50 } {
        let one = Arc::new(PerCpu::from_fn_in(&pool, |_| Cell::new(1)).unwrap());
        let of_two = Arc::clone(&one);
        let two = Arc::new(
            PerCpu::from_fn_in(&pool, move |_| {
                Cell::new(of_two.with(|one| {
                    thread::yield_now();
                    one.get() + 1
                }))
            })
            .unwrap(),
        );
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| one.with(|_| two.with(|two| assert_eq!(two.get(), 2))));
                scope.spawn(|| two.with(|two| assert_eq!(two.get(), 2)));
            }
        });
    }
}

#[test]
fn a_value_may_be_used_while_its_thread_ends() {
    struct AtEnd(Arc<PerCpu<Cell<u32>>>);
    impl Drop for AtEnd {
        fn drop(&mut self) {
            self.0.with(|value| value.set(value.get() + 1));
        }
    }
    thread_local! {
        static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
    }

    let value = Arc::new(PerCpu::new(Cell::new(0)).unwrap());
    for _ in 0..3 {
        let value = Arc::clone(&value);
        thread::spawn(move || AT_END.set(Some(AtEnd(value)))).join().unwrap();
    }
    let mut sum = 0;
    value.for_each(|_, value| sum += value.get());
    assert_eq!(sum, 3);
}

#[test]
fn all_copies_in_the_middle_of_one_s_own_are_always_refused() {
    let value = PerCpu::new(Cell::new(0)).unwrap();
    value.with(|_| {
        assert!(catch_unwind(AssertUnwindSafe(|| value.for_each(|_, _| ()))).is_err());
    });
    value.for_each(|_, value| value.set(1));
}

#[test]
fn what_a_thread_has_of_the_running_cpu_may_be_kept_and_sent() {
    static HITS: std::sync::OnceLock<PerCpu<AtomicU64>> = std::sync::OnceLock::new();
    struct Worker {
        hits: pcpu::This<'static, AtomicU64>,
    }
    let worker = Worker { hits: HITS.get_or_init(|| PerCpu::zeroed().unwrap()).this_cpu() };
    thread::scope(|scope| {
        scope.spawn(|| worker.hits.inc());
        scope.spawn(|| worker.hits.inc());
    });
    assert_eq!(HITS.get().unwrap().sum(), 2);
}

#[test]
fn a_row_of_structures_counts_without_a_lock() {
    #[derive(pcpu::FromZeros)]
    #[zerocopy(crate = "pcpu::zerocopy")]
    #[repr(C)]
    struct Route {
        requests: AtomicU64,
        errors: AtomicU32,
    }
    let mut routes = PerCpuSlice::<Route>::zeroed(5).unwrap();
    let requests = pcpu::field!(Route, requests);
    routes.this_cpu_item_field(4, requests).unwrap().inc();
    routes.this_cpu_item_field(4, pcpu::field!(Route, errors)).unwrap().add(2);
    assert!(routes.this_cpu_item_field(5, requests).is_none());
    let mut errors = 0;
    routes.for_each(|_, routes| errors += routes[4].errors.load(Relaxed));
    assert_eq!(errors, 2);
    routes.iter_mut().for_each(|(_, routes)| *routes[4].requests.get_mut() = 0);
    assert!(routes.iter().all(|(_, routes)| routes[4].requests.load(Relaxed) == 0));
}

#[test]
fn words_on_stacks_come_back_once_each_while_somebody_drains() {
    const WORDS: usize = if cfg!(miri) { 60 } else { 60_000 };
    let stack = pcpu::PerCpuStack::new(32).unwrap();
    let seen = Mutex::new(vec![false; 4 * WORDS]);
    let note = |word: usize| assert!(!std::mem::replace(&mut seen.lock().unwrap()[word], true));
    thread::scope(|scope| {
        for thread in 0..4 {
            let (stack, note) = (&stack, &note);
            scope.spawn(move || {
                for word in thread * WORDS..(thread + 1) * WORDS {
                    while stack.push(word) != Ok(true) {
                        stack.pop().ok().flatten().into_iter().for_each(note);
                    }
                    if word % 1000 == 0 {
                        stack.cpus().for_each(|cpu| {
                            let _ = stack.drain(cpu, note).unwrap();
                        });
                    }
                }
            });
        }
    });
    let cpus: Vec<_> = stack.cpus().collect();
    cpus.into_iter().for_each(|cpu| stack.drain(cpu, note).unwrap().unwrap());
    assert_eq!(stack.pop(), Ok(None));
    assert!(seen.lock().unwrap().iter().all(|&seen| seen));
    assert_eq!(stack.append(&[1; 33]), Ok(false));
    assert!(pcpu::PerCpuStack::new(usize::MAX).is_err());
}

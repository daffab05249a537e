// SPDX-License-Identifier: MIT OR Apache-2.0
//! Four threads, each a CPU, on one pool, with a worker beside them: areas never overlap, each
//! is zero when handed out, and at the end every counter is where it began (B80).

mod common;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use common::bytes;
use common::naive::Random;
use pcpu_core::{
    Allocator, AttachError, Config, Context, Cookie, FreeRefused, Machine as Backed, Request,
};
use pcpu_layout::CpuId;
use pcpu_platform::Observer;
use pcpu_sim::Machine;

/// CPUs that run a thread.
const THREADS: u32 = 4;
const STEPS: usize = if cfg!(miri) { 20 } else { 10_000 };
/// Areas that a thread keeps at most.
const KEEP: usize = 24;

/// An area, its size, and the CPUs that were attached when it was filled.
struct Owned {
    area: Cookie,
    size: usize,
    cpus: Vec<CpuId>,
}

/// One thread's part: it owns areas, and passes some on to the next thread.
struct Worker<'a, P: Backed> {
    machine: &'a Machine,
    pool: &'a Allocator<P>,
    random: Random,
    own: Vec<Owned>,
    next: Sender<Owned>,
    from_previous: Receiver<Owned>,
}

impl<P: Backed> Worker<'_, P> {
    fn work(mut self) {
        for _ in 0..STEPS {
            match self.random.of(0..16) {
                0..7 => self.alloc(),
                7..10 if !self.own.is_empty() => {
                    let owned = self.some();
                    self.next.send(owned).expect("the next thread listens to the end");
                }
                10 => self.free_nonsense(),
                _ if self.own.is_empty() => self.alloc(),
                _ => {
                    let owned = self.some();
                    self.free(owned);
                }
            }
            self.own.extend(self.from_previous.try_recv());
            while self.own.len() > KEEP {
                let owned = self.some();
                self.free(owned);
            }
        }
        drop(self.next);
        for owned in std::mem::take(&mut self.own).into_iter().chain(&self.from_previous) {
            free(self.machine, self.pool, owned);
        }
    }

    fn some(&mut self) -> Owned {
        let nth = self.random.of(0..self.own.len());
        self.own.swap_remove(nth)
    }

    fn alloc(&mut self) {
        let most = [16, 200, 4000, 12_000][self.random.of(0..4)];
        let (size, align) = (self.random.of(1..most), 1 << self.random.of(0..13));
        let context = [Context::MaySleep, Context::Atomic][self.random.of(0..2)];
        let cpus: Vec<CpuId> =
            self.machine.possible_cpus().filter(|&cpu| self.pool.is_attached(cpu)).collect();
        let Ok(area) = self.pool.alloc(Request::new(size, align).context(context)) else {
            assert_eq!(context, Context::Atomic, "there is memory enough");
            return;
        };
        let all = || cpus.iter().copied();
        assert!(bytes::is_zero(self.machine, self.pool, &area, all(), size), "not zero");
        bytes::fill(self.machine, self.pool, &area, all(), size);
        self.own.push(Owned { area, size, cpus });
    }

    fn free(&self, owned: Owned) {
        free(self.machine, self.pool, owned);
    }

    /// No area starts at an odd address, whatever the others do.
    fn free_nonsense(&self) {
        let Some(Owned { area, .. }) = self.own.last() else { return };
        let at = self.pool.address(area, CpuId::new(0)).expect("CPU 0 is possible").get();
        let error = self.pool.free_raw(at + 1).expect_err("nothing starts at odd addresses");
        assert!([FreeRefused::Inside, FreeRefused::Foreign].contains(&error.reason()));
    }
}

fn free<P: Backed>(machine: &Machine, pool: &Allocator<P>, owned: Owned) {
    let Owned { area, size, cpus } = owned;
    assert!(bytes::holds(machine, pool, &area, cpus, size), "somebody wrote into an area");
    pool.free(area).expect("it is live");
}

/// Runs the threads and the worker; `meanwhile` runs beside them and is told when they end.
fn storm<P>(machine: &Machine, pool: &Allocator<P>, meanwhile: impl FnOnce(&AtomicBool) + Send)
where
    P: Backed + Observer + Sync,
    Allocator<P>: Sync,
{
    pool.enable_balance();
    let (start, is_over) = (pool.stats(), AtomicBool::new(false));
    let mut channels: Vec<_> = (0..THREADS).map(|_| mpsc::channel()).collect();
    thread::scope(|scope| {
        // Thread n sends to the receiver of thread n + 1.
        let mut senders: Vec<_> = channels.iter().map(|(sender, _)| sender.clone()).collect();
        senders.rotate_left(1);
        let parts = senders.into_iter().zip(channels.drain(..));
        let threads: Vec<_> = (0..THREADS)
            .zip(parts)
            .map(|(cpu, (next, (_, from_previous)))| {
                let random = Random(0x5eed_0000 + u64::from(cpu));
                let own = Vec::new();
                let worker = Worker { machine, pool, random, own, next, from_previous };
                scope.spawn(move || machine.run_on(CpuId::new(cpu), || worker.work()))
            })
            .collect();
        let balance = scope.spawn(|| {
            let mut turns = 0_u32;
            while !is_over.load(Relaxed) {
                turns += 1;
                match turns % 64 {
                    0 => pool.trim(),
                    _ if pool.balance_wanted() => pool.balance(),
                    _ => thread::yield_now(),
                }
            }
        });
        let beside = scope.spawn(|| meanwhile(&is_over));
        let ends: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        is_over.store(true, Relaxed);
        assert!(ends.iter().all(Result::is_ok), "a thread found a fault, see above");
        balance.join().expect("the worker does not panic");
        beside.join().expect("nothing beside panics");
    });

    pool.check().unwrap_or_else(|broken| panic!("{broken}"));
    // The first pass may empty a set-aside chunk beside the free one that is kept, and stop at
    // the high mark; the second then finds one too many.
    pool.balance();
    pool.balance();
    pool.check().unwrap_or_else(|broken| panic!("{broken}"));
    let end = pool.stats();
    assert_eq!((end.nr_cur_alloc, end.live_bytes), (0, 0));
    assert!(end.nr_chunks <= start.nr_chunks + 1, "one free chunk may be kept");
    pool.trim();
    pool.check().unwrap_or_else(|broken| panic!("{broken}"));
    let end = pool.stats();
    assert_eq!(
        (end.nr_chunks, end.populated_pages, end.empty_pop_pages),
        (start.nr_chunks, start.populated_pages, start.empty_pop_pages)
    );
    assert!(cfg!(miri) || end.nr_max_chunks > 2, "the storm reached later chunks");
}

fn assert_nothing_is_out(machine: &Machine) {
    assert_eq!((machine.frames_in_use(), machine.areas_reserved()), (0, 0));
    assert_eq!(machine.metadata_outstanding(), 0);
    assert!(machine.violations().is_empty());
}

const CONFIG: Config = Config { static_size: 3000, ..Config::LINUX };

#[test]
fn four_threads_and_a_worker_never_share_an_area_with_an_mmu() {
    let machine = Machine::builder().cpus(THREADS).nodes(2).frames_per_node(1 << 16).build();
    let pool = Allocator::<pcpu_sim::Smp>::new(machine.smp(), &CONFIG, &[]).unwrap();
    storm(&machine, &pool, |_| {});
    drop(pool);
    assert_nothing_is_out(&machine);
}

#[test]
fn four_threads_and_a_worker_never_share_an_area_without_an_mmu() {
    let machine = Machine::with_cpus(THREADS);
    let pool = Allocator::<pcpu_sim::NoMmu>::new(machine.no_mmu(), &CONFIG, &[]).unwrap();
    storm(&machine, &pool, |_| {});
    drop(pool);
    assert_nothing_is_out(&machine);
}

/// Attaches two more CPUs while the others run.
fn attach_meanwhile<P>(
    machine: &Machine,
    pool: &Allocator<P>,
    attach: fn(&Allocator<P>, CpuId) -> Result<(), AttachError>,
) where
    P: Backed + Observer + Sync,
    Allocator<P>: Sync,
{
    storm(machine, pool, |is_over| {
        for cpu in [5, 4].map(CpuId::new) {
            let start = pool.stats().nr_alloc;
            while pool.stats().nr_alloc < start + STEPS as u64 / 4 && !is_over.load(Relaxed) {
                thread::yield_now();
            }
            attach(pool, cpu).unwrap();
            assert!(pool.is_attached(cpu));
        }
    });
    let area = pool.alloc(Request::new(9000, 64)).unwrap();
    assert!(bytes::is_zero(machine, pool, &area, machine.possible_cpus(), 9000));
    pool.free(area).unwrap();
}

#[test]
fn cpus_that_are_attached_in_the_storm_join_it_with_an_mmu() {
    let machine = Machine::with_cpus(THREADS + 2);
    let is_attached = |cpu: CpuId| cpu.get() < THREADS;
    let pool = Allocator::with_attached(machine.smp(), &CONFIG, &[], is_attached).unwrap();
    attach_meanwhile::<pcpu_sim::Smp>(&machine, &pool, Allocator::attach);
    drop(pool);
    assert_nothing_is_out(&machine);
}

#[test]
fn cpus_that_are_attached_in_the_storm_join_it_without_an_mmu() {
    let machine = Machine::with_cpus(THREADS + 2);
    let is_attached = |cpu: CpuId| cpu.get() < THREADS;
    let pool = Allocator::with_attached(machine.no_mmu(), &CONFIG, &[], is_attached).unwrap();
    attach_meanwhile::<pcpu_sim::NoMmu>(&machine, &pool, Allocator::attach);
    drop(pool);
    assert_nothing_is_out(&machine);
}

/// Nobody is interrupted here, so being refused is for a while.
fn attach_without_waiting<P: Backed>(pool: &Allocator<P>, cpu: CpuId) -> Result<(), AttachError> {
    loop {
        match pool.try_attach(cpu) {
            Err(AttachError::Busy) => thread::yield_now(),
            end => return end,
        }
    }
}

#[test]
fn cpus_without_a_page_that_are_attached_in_the_storm_join_it() {
    let machine = Machine::with_cpus(THREADS + 2);
    let is_attached = |cpu: CpuId| cpu.get() < THREADS;
    let made = Allocator::new_paged_with_attached(machine.smp(), &CONFIG, &[], is_attached);
    let pool = made.unwrap();
    attach_meanwhile::<pcpu_sim::Smp>(&machine, &pool, attach_without_waiting);
    drop(pool);
    assert_nothing_is_out(&machine);
}

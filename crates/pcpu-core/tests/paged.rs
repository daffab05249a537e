// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pools whose first chunk, too, is mapped only for CPUs that are attached: the others cost
//! addresses, and can come at any time, in any order, or fail to.

mod common;

use common::bytes;
use pcpu_core::{Allocator, AttachError, Config, Context, Cookie, Region, Request, SetupError};
use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, UnitOffset};
use pcpu_platform::Addr;
use pcpu_sim::{Call, Fallible, Machine, Smp};

/// Regions that neither begin nor end at pages, and units with pages behind them.
const CONFIG: Config =
    Config { static_size: 6001, reserved_size: 4096, early_size: 16 << 10, ..Config::LINUX };
const IMAGE: [u8; 100] = [9; 100];
/// CPUs 0 to 3 are possible, and this one is attached at set-up.
const FIRST: CpuId = CpuId::new(1);
/// The order in which the others come.
const LATER: [CpuId; 3] = [CpuId::new(3), CpuId::new(0), CpuId::new(2)];

fn machine() -> Machine {
    Machine::builder().cpus(4).nodes(2).frames_per_node(1 << 14).local_when(|_, _| true).build()
}

fn set_up(
    machine: &Machine,
    is_attached: impl Fn(CpuId) -> bool,
) -> Result<Allocator<Smp>, SetupError> {
    Allocator::new_paged_with_attached(machine.smp(), &CONFIG, &IMAGE, is_attached)
}

fn pool(machine: &Machine) -> Allocator<Smp> {
    set_up(machine, |cpu| cpu == FIRST).unwrap()
}

fn attached(machine: &Machine, pool: &Allocator<Smp>) -> Vec<CpuId> {
    machine.possible_cpus().filter(|&cpu| pool.is_attached(cpu)).collect()
}

fn free(pool: &Allocator<Smp>, live: impl IntoIterator<Item = (Cookie, usize)>) {
    live.into_iter().for_each(|(area, _)| pool.free(area).unwrap());
}

/// Pages of a unit, and page indexes that are backed in later chunks.
fn pages(pool: &Allocator<Smp>) -> [usize; 2] {
    let geometry = pool.geometry();
    let later = pool.stats().populated_pages - geometry.nr_boot_pages().get();
    [geometry.pages_per_unit().get(), later]
}

/// Address of a CPU's static region, the start of its unit of the first chunk.
fn unit(pool: &Allocator<Smp>, cpu: CpuId) -> Addr {
    pool.address(&pool.static_cookie(UnitOffset::new(0)).unwrap(), cpu).unwrap()
}

/// How many pages of a CPU's unit that starts at `base` are mapped.
fn mapped(machine: &Machine, pool: &Allocator<Smp>, base: Addr) -> usize {
    let page_size = pool.geometry().page_size();
    let at = |page| base.offset(page * page_size);
    (0..pages(pool)[0]).filter(|&page| machine.node_at(at(page)).is_some()).count()
}

/// The books agree with each other and with the machine's, and nothing is mapped for a CPU that is
/// not attached.
fn check(machine: &Machine, pool: &Allocator<Smp>, live: &[(Cookie, usize)]) {
    pool.check().unwrap_or_else(|broken| panic!("{broken}"));
    let (stats, geometry) = (pool.stats(), pool.geometry());
    let (nr, [whole, later]) = (attached(machine, pool).len(), pages(pool));
    assert_eq!(machine.frames_in_use(), nr * (whole + later), "frames of attached CPUs");
    let counted = geometry.nr_boot_pages().get() - geometry.static_size() / geometry.page_size();
    assert_eq!(stats.first_chunk_pages, nr * counted);
    assert_eq!((stats.total_pages, stats.wasted_pages), (nr * (counted + later), 0));
    for cpu in machine.possible_cpus() {
        let in_first = mapped(machine, pool, unit(pool, cpu));
        if pool.is_attached(cpu) {
            assert_eq!(in_first, whole, "all of the first unit of CPU {cpu}");
            continue;
        }
        assert_eq!(in_first, 0, "CPU {cpu} is not attached");
        for (area, _) in live.iter().filter(|(area, _)| pool.placement(area).unwrap().chunk > 0) {
            let offset = pool.placement(area).unwrap().offset.get();
            let at = pool.address(area, cpu).unwrap().get() - offset;
            assert_eq!(
                mapped(machine, pool, Addr::new(at).unwrap()),
                0,
                "CPU {cpu} is not attached"
            );
        }
    }
}

/// Allocates in all regions and several chunks, with holes between, expects zeros on every attached
/// CPU and leaves a pattern on the first.
fn allocate(machine: &Machine, pool: &Allocator<Smp>, live: &mut Vec<(Cookie, usize)>) {
    for size in [8, 3000, 500, 12_000, 4096, 60, 100, 9000, 20_000] {
        let region = if size == 60 { Region::Reserved } else { Region::Dynamic };
        let request = Request::new(size, 8).region(region);
        let area = pool.alloc(request.context(Context::Atomic));
        let area = area.or_else(|_| pool.alloc(request)).unwrap();
        assert_eq!(pool.placement(&area).unwrap().chunk == -1, region == Region::Reserved);
        assert!(bytes::is_zero(machine, pool, &area, attached(machine, pool), size));
        bytes::fill(machine, pool, &area, [FIRST], size);
        live.push((area, size));
    }
    let (last, middle) = (live.len() - 2, live.len() - 6);
    free(pool, [last, middle].map(|nth| live.swap_remove(nth)));
    check(machine, pool, live);
}

/// What is live is zero on CPU `late` and as it was on the first.
fn assert_contents(
    machine: &Machine,
    pool: &Allocator<Smp>,
    live: &[(Cookie, usize)],
    late: CpuId,
) {
    for (area, size) in live {
        assert!(bytes::is_zero(machine, pool, area, [late], *size), "CPU {late}'s is not zero");
        assert!(bytes::holds(machine, pool, area, [FIRST], *size), "an older CPU's changed");
    }
}

#[test]
fn a_cpu_that_is_not_attached_has_no_page_at_all() {
    let machine = machine();
    let pool = pool(&machine);
    check(&machine, &pool, &[]);
    let [whole, _] = pages(&pool);
    assert!(pool.geometry().nr_boot_pages().get() < whole, "pages behind the regions");
    assert_eq!(machine.counts().frames_taken, whole as u64);

    let mut live = Vec::new();
    for _ in 0..3 {
        allocate(&machine, &pool, &mut live);
        pool.balance();
        check(&machine, &pool, &live);
    }
    assert!(pool.stats().nr_chunks > 2, "the areas reach into later chunks");
    pool.trim();
    check(&machine, &pool, &live);
    free(&pool, live);
    pool.trim();
    check(&machine, &pool, &[]);
    assert_eq!(machine.frames_in_use(), whole);
}

#[test]
fn cpus_come_one_by_one_between_allocations() {
    let machine = machine();
    let pool = pool(&machine);
    let statics = pool.static_cookie(UnitOffset::new(0)).unwrap();
    let region = pool.geometry().static_size();
    assert_eq!(bytes::copy(&machine, &pool, &statics, FIRST, 100), IMAGE);
    // What a program makes of its statics is not what a later CPU's begin as.
    bytes::fill(&machine, &pool, &statics, [FIRST], region);

    let mut live = Vec::new();
    for cpu in LATER {
        allocate(&machine, &pool, &mut live);
        let before = machine.node_of(cpu).map(|node| machine.frames_in_use_on(node));
        pool.attach(cpu).unwrap();
        check(&machine, &pool, &live);
        let after = machine.node_of(cpu).map(|node| machine.frames_in_use_on(node));
        let own = pages(&pool).iter().sum();
        assert_eq!(after.zip(before).map(|(after, before)| after - before), Some(own), "its node");
        assert_contents(&machine, &pool, &live, cpu);
        assert!(bytes::is_zero(&machine, &pool, &statics, [cpu], region), "statics of the new CPU");
        assert!(bytes::holds(&machine, &pool, &statics, [FIRST], region), "of the first");
    }
    // All are there: every copy of what is allocated now can be used.
    for size in [4, 700, 5000, 30_000] {
        let area = pool.alloc(Request::new(size, 4)).unwrap();
        assert!(bytes::is_zero(&machine, &pool, &area, machine.possible_cpus(), size));
        bytes::fill(&machine, &pool, &area, machine.possible_cpus(), size);
        assert!(bytes::holds(&machine, &pool, &area, machine.possible_cpus(), size));
        live.push((area, size));
    }
    free(&pool, live);
    pool.trim();
    check(&machine, &pool, &[]);
    assert_eq!(machine.frames_in_use(), 4 * pages(&pool)[0]);
}

#[test]
fn a_dropped_pool_gives_the_pages_of_later_cpus_back_too() {
    for late in 0..=LATER.len() {
        let machine = machine();
        let pool = pool(&machine);
        let mut live = Vec::new();
        allocate(&machine, &pool, &mut live);
        LATER[..late].iter().for_each(|&cpu| pool.attach(cpu).unwrap());
        assert_eq!(machine.frames_in_use(), (1 + late) * pages(&pool).iter().sum::<usize>());
        drop(pool);
        assert_eq!((machine.frames_in_use(), machine.areas_reserved()), (0, 0));
        assert_eq!(machine.metadata_outstanding(), 0);
    }
}

#[test]
fn a_pool_with_no_cpu_attached_has_no_page_and_waits_for_its_first() {
    let machine = machine();
    let pool = set_up(&machine, |_| false).unwrap();
    let early = pool.alloc(Request::new(60, 8).context(Context::Atomic)).unwrap();
    let large = pool.alloc(Request::new(30_000, 64)).unwrap();
    pool.balance();
    let live = [(early, 60), (large, 30_000)];
    check(&machine, &pool, &live);
    assert_eq!(machine.counts().frames_taken, 0);
    for cpu in LATER {
        pool.attach(cpu).unwrap();
        check(&machine, &pool, &live);
        assert!(live.iter().all(|(area, size)| bytes::is_zero(
            &machine,
            &pool,
            area,
            [cpu],
            *size
        )));
    }
    free(&pool, live);
    pool.trim();
    check(&machine, &pool, &[]);
    drop(pool);
    assert_eq!((machine.frames_in_use(), machine.areas_reserved()), (0, 0));
}

#[test]
fn a_set_up_without_pages_says_how_many_the_attached_cpus_wanted() {
    let machine = machine();
    machine.fail_all_of(Fallible::TakeFrame);
    let refused = set_up(&machine, |cpu| cpu.get() < 2).unwrap_err();
    machine.fail_none();
    let wanted = pool(&machine).geometry().pages_per_unit();
    assert_eq!(refused, SetupError::NoPages { wanted: wanted + wanted });
}

/// No CPU keeps a translation of a page that was unmapped.
fn assert_all_is_flushed(log: &[Call]) {
    for (nth, call) in log.iter().enumerate() {
        let Call::Unmap { at, .. } = call else { continue };
        let covers = |call: &Call| matches!(call, Call::FlushTlb { range } if range.start <= *at && *at < range.end);
        assert!(log[nth..].iter().any(covers), "unmapped and not flushed");
    }
}

type Attach = fn(&Allocator<Smp>, CpuId) -> Result<(), AttachError>;

#[test]
fn an_attach_that_fails_at_any_call_keeps_nothing() {
    for attach in [Allocator::attach as Attach, Allocator::try_attach] {
        let machine = machine();
        let pool = pool(&machine);
        let mut live = Vec::new();
        allocate(&machine, &pool, &mut live);
        allocate(&machine, &pool, &mut live);
        let mut failures = 0;
        for n in 1.. {
            machine.fail_nth(n);
            machine.record();
            let attached = attach(&pool, LATER[0]);
            assert_all_is_flushed(&machine.take_log());
            check(&machine, &pool, &live);
            if attached.is_ok() {
                break;
            }
            failures += 1;
            assert_eq!((attached, pool.is_attached(LATER[0])), (Err(AttachError::NoPages), false));
        }
        machine.fail_none();
        let each: usize = pages(&pool).iter().sum();
        assert_eq!(failures, 2 * each, "a frame and a mapping for every page");
        assert_contents(&machine, &pool, &live, LATER[0]);
    }
}

/// Attaching where the allocator may have been interrupted by the caller.
mod interrupted {
    use std::fmt::{self, Write};
    use std::sync::mpsc::{self, RecvTimeoutError};
    use std::sync::{Arc, Mutex};
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// What `try_attach` answers for a CPU that is attached, one that is not, and one that is not
    /// possible.
    type Answers = [Result<(), AttachError>; 3];
    const NEVER: CpuId = CpuId::new(4);

    fn ask(pool: &Allocator<Smp>) -> Answers {
        [FIRST, LATER[0], NEVER].map(|cpu| pool.try_attach(cpu))
    }

    const BUSY: Answers =
        [Ok(()), Err(AttachError::Busy), Err(AttachError::NotPossible { cpu: NEVER })];

    /// Runs a scene in which a thread would be stuck that waits for itself.
    fn act(scene: impl FnOnce() + Send + 'static) {
        let (done, is_done) = mpsc::channel();
        let actor = thread::spawn(move || {
            scene();
            done.send(())
        });
        let outcome = is_done.recv_timeout(Duration::from_secs(30));
        assert_ne!(outcome, Err(RecvTimeoutError::Timeout), "it waits for its own thread");
        actor.join().unwrap().unwrap();
    }

    fn assert_attaches(machine: &Machine, pool: &Allocator<Smp>) {
        assert!(!pool.is_attached(LATER[0]));
        check(machine, pool, &[]);
        pool.try_attach(LATER[0]).unwrap();
        pool.try_attach(LATER[0]).unwrap();
        check(machine, pool, &[]);
    }

    /// Every call to the platform for pages, of every operation that makes one.
    #[test]
    fn in_a_call_for_pages_it_is_busy_and_does_not_wait() {
        act(|| {
            let machine = machine();
            let pool = Arc::new(pool(&machine));
            let answers = Arc::new(Mutex::new(Vec::new()));
            let (interrupted, answered) = (pool.clone(), answers.clone());
            machine.fail_when(move |_| {
                answered.lock().unwrap().push(ask(&interrupted));
                false
            });
            let area = pool.alloc(Request::new(30_000, 8)).unwrap();
            pool.balance();
            pool.attach(LATER[1]).unwrap();
            machine.fail_none();
            let answers = answers.lock().unwrap();
            assert!(answers.len() > 30 && answers.iter().all(|&each| each == BUSY), "{answers:?}");
            pool.free(area).unwrap();
            assert_attaches(&machine, &pool);
        });
    }

    /// Asks while the allocator prints its chunks, which it does with *index* held.
    struct Reader<'a>(&'a Allocator<Smp>, Vec<Answers>);

    impl Write for Reader<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            if text.contains("cur_med_alloc") {
                self.1.push(ask(self.0));
            }
            Ok(())
        }
    }

    #[test]
    fn under_the_index_lock_it_is_busy_and_does_not_wait() {
        act(|| {
            let machine = machine();
            let pool = pool(&machine);
            let mut reader = Reader(&pool, Vec::new());
            write!(reader, "{}", pool.percpu_stats()).unwrap();
            assert_eq!(reader.1, [BUSY; 2], "the reserved and the first chunk");
            assert_attaches(&machine, &pool);
        });
    }

    #[test]
    fn the_reason_is_readable() {
        let text = AttachError::Busy.to_string();
        assert_eq!(text, "a lock of the allocator is held, and may not be waited for");
    }
}

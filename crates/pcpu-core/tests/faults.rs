// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every platform call fails once: whatever the n-th is, for every n, nothing is lost.
//!
//! One trace of all operations runs again and again on fresh machines, each time with another
//! call failing. After every step the machine's books are compared with the allocator's.

mod common;

use common::bytes;
use pcpu_core::{
    AllocError, Allocator, AttachError, Config, Context, Cookie, Machine as Backed, Region,
    Request, SetupError, Stats,
};
use pcpu_layout::CpuId;
use pcpu_platform::{Observer, SmpMmu, SmpNoMmu, Up};
use pcpu_sim::{Machine, Sim};

/// How often the trace allocates; under Miri less, and not every call fails.
const STEPS: usize = if cfg!(miri) { 6 } else { 28 };
const STRIDE: u64 = if cfg!(miri) { 13 } else { 1 };

/// A cell of the sweep: how its machine and its pool are made.
struct Cell<P: Backed> {
    machine: fn() -> Machine,
    make: fn(&Machine) -> Result<Allocator<P>, SetupError>,
    /// The first chunk's pages, too, are mapped one by one.
    is_paged: bool,
}

const CONFIG: Config = Config { static_size: 5000, dyn_size: 20 << 10, ..Config::LINUX };
const RESERVING: Config = Config { reserved_size: 8192, ..CONFIG };

/// CPU 2 of three is attached later.
fn all_but_one(cpu: CpuId) -> bool {
    cpu != CpuId::new(2)
}

const UP: Cell<Sim<Up>> = Cell {
    machine: || Machine::with_cpus(1),
    make: |machine| Allocator::new(machine.uni(), &CONFIG, &[]),
    is_paged: false,
};
const NO_MMU: Cell<Sim<SmpNoMmu>> = Cell {
    machine: || Machine::with_cpus(3),
    make: |machine| Allocator::with_attached(machine.no_mmu(), &CONFIG, &[7; 99], all_but_one),
    is_paged: false,
};
const MMU: Cell<Sim<SmpMmu>> = Cell {
    machine: || Machine::builder().cpus(3).strict_caches().build(),
    make: |machine| Allocator::with_attached(machine.smp(), &CONFIG, &[7; 99], all_but_one),
    is_paged: false,
};
const MMU_TWO_NODES: Cell<Sim<SmpMmu>> = Cell {
    machine: || Machine::builder().cpus(3).nodes(2).frames_per_node(4096).build(),
    make: |machine| Allocator::with_attached(machine.smp(), &CONFIG, &[7; 99], all_but_one),
    is_paged: false,
};
const PAGED: Cell<Sim<SmpMmu>> = Cell {
    machine: || Machine::builder().cpus(3).nodes(3).build(),
    make: |machine| Allocator::new_paged(machine.smp(), &CONFIG, &[7; 99]),
    is_paged: true,
};
const PAGED_BUT_ONE: Cell<Sim<SmpMmu>> = Cell {
    machine: || Machine::builder().cpus(3).nodes(3).strict_caches().build(),
    make: |machine| {
        Allocator::new_paged_with_attached(machine.smp(), &RESERVING, &[7; 99], all_but_one)
    },
    is_paged: true,
};
const WITH_RESERVED: Cell<Sim<SmpMmu>> = Cell {
    machine: || Machine::with_cpus(3),
    make: |machine| Allocator::with_attached(machine.smp(), &RESERVING, &[7; 99], all_but_one),
    is_paged: false,
};

/// A pool in the middle of the trace.
struct Run<P: Backed> {
    machine: Machine,
    pool: Allocator<P>,
    live: Vec<(Cookie, usize)>,
    is_paged: bool,
}

impl<P: Backed + Observer> Run<P> {
    fn new(cell: &Cell<P>) -> Self {
        let machine = (cell.machine)();
        let pool = (cell.make)(&machine).expect("no call fails yet");
        pool.enable_balance();
        let run = Self { machine, pool, live: Vec::new(), is_paged: cell.is_paged };
        run.check();
        run
    }

    fn attached(&self) -> Vec<CpuId> {
        self.machine.possible_cpus().filter(|&cpu| self.pool.is_attached(cpu)).collect()
    }

    /// Units of the first chunk that are backed.
    fn nr_first_units(&self) -> usize {
        let possible = self.pool.geometry().nr_possible() as usize;
        if self.is_paged { self.attached().len() } else { possible }
    }

    /// The allocator's books agree with themselves and with the machine's.
    fn check(&self) {
        self.pool.check().unwrap_or_else(|broken| panic!("{broken}"));
        let (stats, geometry) = (self.pool.stats(), self.pool.geometry());
        let static_pages = geometry.static_size() / geometry.page_size();
        let behind = geometry.pages_per_unit().get() - geometry.nr_boot_pages().get();
        let uncounted = static_pages + if self.is_paged { behind } else { 0 };
        let frames = stats.total_pages + uncounted * self.nr_first_units();
        assert_eq!(self.machine.frames_in_use(), frames, "frames in use and pages counted");
        if self.machine.areas_reserved() > 0 {
            let ranges = stats.nr_chunks - usize::from(!self.is_paged);
            assert_eq!(self.machine.areas_reserved(), ranges * geometry.groups().len());
        }
        let live: usize = self.live.iter().map(|&(_, size)| bytes::rounded(size)).sum();
        assert_eq!(stats.live_bytes, live as u64);
        assert_eq!(stats.nr_cur_alloc, self.live.len() as u64);
    }

    fn alloc(&mut self, request: Request, size: usize) -> Result<(), AllocError> {
        let area = self.pool.alloc(request);
        let area = area.inspect_err(|_| self.check())?;
        let (machine, pool) = (&self.machine, &self.pool);
        assert!(bytes::is_zero(machine, pool, &area, self.attached(), size), "A3");
        bytes::fill(machine, pool, &area, self.attached(), size);
        self.live.push((area, size));
        self.check();
        Ok(())
    }

    fn free(&mut self, nth: usize) {
        let (area, size) = self.live.swap_remove(nth);
        // CPU 2's copy may be zero: it was attached after the area was filled.
        let cpus = self.attached().into_iter().filter(|&cpu| all_but_one(cpu));
        assert!(bytes::holds(&self.machine, &self.pool, &area, cpus, size), "somebody wrote here");
        self.pool.free(area).unwrap();
        self.check();
    }

    fn attach(&self) -> Result<(), AttachError> {
        let attached = self.pool.attach(CpuId::new(2));
        self.check();
        attached
    }

    /// Some of everything. Steps that fail for want of memory are repeated at once, and succeed
    /// then, since only one call ever fails.
    fn trace(&mut self) {
        for step in 0..STEPS {
            let size = [1, 90, 700, 4096, 9000, 20, 2044, 32708][step % 8] + step % 60;
            let request = Request::new(size, 1 << (step % 13));
            if let Err(error) = self.alloc(request, size) {
                let for_want =
                    matches!(error, AllocError::NoChunk { .. } | AllocError::OutOfPages { .. });
                assert!(for_want, "{error}");
                self.alloc(request, size).expect("no second call fails");
            }
            // These may fail in their own right.
            let _ = self.alloc(request.context(Context::Atomic), size);
            let _ = self.alloc(Request::new(40, 8).region(Region::Reserved), 40);
            for turn in 0..step % 5 {
                let nth = (step * 7 + turn) % self.live.len();
                self.free(nth);
            }
            match step % 16 {
                3 | 7 | 12 => self.pool.balance(),
                9 => self.pool.trim(),
                14 if self.pool.geometry().nr_possible() > 2 => {
                    if let Err(error) = self.attach() {
                        assert_eq!(error, AttachError::NoPages);
                        self.attach().expect("no second call fails");
                    }
                }
                _ => {}
            }
            self.check();
        }
    }

    /// Frees all, trims, and expects the figures of set-up, with the first unit of a CPU that came
    /// later; then drops and expects nothing.
    fn end(mut self, start: &Stats, nr_first_units: usize) {
        while !self.live.is_empty() {
            self.free(0);
        }
        self.pool.trim();
        self.check();
        let end = self.pool.stats();
        assert_eq!(start.first_chunk_pages, start.total_pages);
        let total_pages = start.total_pages / nr_first_units * self.nr_first_units();
        assert_eq!(
            (end.nr_chunks, end.total_pages, end.populated_pages, end.empty_pop_pages),
            (start.nr_chunks, total_pages, start.populated_pages, start.empty_pop_pages),
        );
        drop(self.pool);
        assert_nothing_is_out(&self.machine);
    }
}

fn assert_nothing_is_out(machine: &Machine) {
    assert_eq!((machine.frames_in_use(), machine.areas_reserved()), (0, 0));
    assert_eq!(machine.metadata_outstanding(), 0);
}

/// The trace with its `n`-th call failing; says whether there were that many.
fn trace_with<P: Backed + Observer>(cell: &Cell<P>, n: u64) -> bool {
    let mut run = Run::new(cell);
    let (start, calls) = (run.pool.stats(), run.machine.fallible_calls());
    let nr_first_units = run.nr_first_units();
    run.machine.fail_nth(n);
    run.trace();
    let failed = run.machine.fallible_calls() - calls >= n;
    run.machine.fail_none();
    run.end(&start, nr_first_units);
    failed
}

fn sweep<P: Backed + Observer>(cell: &Cell<P>) -> u64 {
    let mut n = 1;
    while trace_with(cell, n) {
        n += STRIDE;
    }
    n
}

fn sweep_set_up<P: Backed + Observer>(cell: &Cell<P>) -> u64 {
    for n in 1.. {
        let machine = (cell.machine)();
        machine.fail_nth(n);
        let made = (cell.make)(&machine);
        let failed = machine.fallible_calls() >= n;
        assert_eq!(made.is_err(), failed, "every call of set-up is needed, call {n}");
        if let Err(error) = &made {
            let for_want = matches!(
                error,
                SetupError::NoMetadata | SetupError::NoPages { .. } | SetupError::NoSpace
            );
            assert!(for_want, "{error}");
        }
        drop(made);
        assert_nothing_is_out(&machine);
        if !failed {
            return n - 1;
        }
    }
    unreachable!("set-up makes finitely many calls")
}

macro_rules! sweeps {
    ($($name:ident: $cell:ident, $least:literal calls;)*) => {$(
        #[test]
        fn $name() {
            let calls = sweep(&$cell);
            assert!(cfg!(miri) || calls > $least, "the trace makes only {calls} calls");
        }
    )*};
}

sweeps! {
    whatever_fails_on_one_cpu_nothing_is_lost: UP, 5 calls;
    whatever_fails_without_an_mmu_nothing_is_lost: NO_MMU, 5 calls;
    whatever_fails_with_an_mmu_nothing_is_lost: MMU, 150 calls;
    whatever_fails_on_two_nodes_nothing_is_lost: MMU_TWO_NODES, 150 calls;
    whatever_fails_after_a_paged_set_up_nothing_is_lost: PAGED, 150 calls;
    whatever_fails_after_a_paged_set_up_without_a_cpu_nothing_is_lost: PAGED_BUT_ONE, 150 calls;
    whatever_fails_beside_a_reserved_region_nothing_is_lost: WITH_RESERVED, 150 calls;
}

/// Chunks until the directory has grown, each of them for one area.
fn fill_chunks<P: Backed + Observer>(run: &mut Run<P>) {
    let request = Request::new(32768, 4096);
    for _ in 0..if cfg!(miri) { 12 } else { 20 } {
        if let Err(error) = run.alloc(request, 32768) {
            assert_eq!(error, AllocError::NoChunk { size: 32768 });
            run.alloc(request, 32768).expect("no second call fails");
        }
    }
}

#[test]
fn whatever_fails_while_the_directory_grows_every_chunk_is_found() {
    for n in (1..).step_by(STRIDE as usize) {
        let mut run = Run::new(&UP);
        let (start, calls) = (run.pool.stats(), run.machine.fallible_calls());
        run.machine.fail_nth(n);
        fill_chunks(&mut run);
        let made = run.machine.fallible_calls() - calls;
        let chunks = (run.pool.stats().nr_chunks - start.nr_chunks) as u64;
        run.machine.fail_none();
        run.end(&start, 1);
        if made < n {
            // A record and a run for each chunk; what is more is tables.
            assert!(made > 2 * chunks, "the directory never grew");
            return;
        }
    }
}

#[test]
fn a_set_up_that_fails_gives_everything_back() {
    let calls = [
        sweep_set_up(&UP),
        sweep_set_up(&NO_MMU),
        sweep_set_up(&MMU),
        sweep_set_up(&MMU_TWO_NODES),
        sweep_set_up(&PAGED),
        sweep_set_up(&PAGED_BUT_ONE),
        sweep_set_up(&WITH_RESERVED),
    ];
    assert!(calls.iter().all(|&calls| calls >= 8), "{calls:?}");
}

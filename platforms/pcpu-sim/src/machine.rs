// SPDX-License-Identifier: MIT OR Apache-2.0
//! The handle to a machine, and what a test does with it.

use std::alloc::Layout;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard, ReentrantMutex};
use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, NodeId};
use pcpu_platform::{Addr, Cpus, Event, SmpMmu, SmpNoMmu, Up};

use crate::faults::{Attempt, Fallible, Faults};
use crate::physical::Physical;
use crate::record::{Books, Call, Counts};
use crate::shape::Shape;
use crate::space::AddressSpace;
use crate::tlb::Tlbs;
use crate::{Builder, Sim, Violation, running};

/// Linear address of frame 0.
pub(crate) const LINEAR_START: usize = 1 << (usize::BITS - 4);
/// Address of page 0 of the space that reservations are made in.
const SPACE_START: usize = 1 << (usize::BITS - 1);

const _: () = assert!(usize::BITS >= 64, "simulated addresses need a 64-bit host");

/// A simulated machine. Clones are handles to the same one.
#[derive(Clone)]
pub struct Machine {
    pub(crate) inner: Arc<Inner>,
}

/// What a machine is built from.
pub(crate) struct Parts {
    pub(crate) shape: Shape,
    pub(crate) page_size: usize,
    pub(crate) nodes: usize,
    pub(crate) frames_per_node: usize,
    pub(crate) space_pages: usize,
    pub(crate) tlb_entries: usize,
    pub(crate) strict_caches: bool,
    pub(crate) seed: u64,
}

pub(crate) struct Inner {
    pub(crate) shape: Shape,
    first_possible: CpuId,
    pub(crate) page_size: usize,
    pub(crate) state: Mutex<State>,
    pub(crate) faults: Mutex<Faults>,
    /// Outstanding metadata by address.
    pub(crate) metadata: Mutex<HashMap<usize, Layout>>,
    wants_events: AtomicBool,
    events: Mutex<Vec<Event>>,
    /// What "pinned" is here: one lock per CPU.
    pub(crate) cpu_locks: Box<[ReentrantMutex<()>]>,
}

/// All that changes when memory is taken, mapped or touched.
pub(crate) struct State {
    pub(crate) physical: Physical,
    pub(crate) space: AddressSpace,
    pub(crate) tlbs: Tlbs,
    pub(crate) books: Books,
    pub(crate) strict_caches: bool,
}

/// Building, and being someone on the machine.
impl Machine {
    /// Starts a machine to measure.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Builds a machine with `nr` possible CPUs and nothing special.
    pub fn with_cpus(nr: u32) -> Self {
        Self::builder().cpus(nr).build()
    }

    pub(crate) fn assemble(parts: Parts) -> Self {
        let Parts { shape, page_size, nodes, frames_per_node, .. } = parts;
        let nr_cpu_ids = shape.possible.len();
        let state = State {
            physical: Physical::new(page_size, nodes, frames_per_node, parts.seed),
            space: AddressSpace::new(SPACE_START, parts.space_pages, page_size),
            tlbs: Tlbs::new(nr_cpu_ids, parts.tlb_entries),
            books: Books::default(),
            strict_caches: parts.strict_caches,
        };
        Self {
            inner: Arc::new(Inner {
                first_possible: shape.first_possible(),
                shape,
                page_size,
                state: Mutex::new(state),
                faults: Mutex::default(),
                metadata: Mutex::default(),
                wants_events: AtomicBool::new(false),
                events: Mutex::default(),
                cpu_locks: (0..nr_cpu_ids).map(|_| ReentrantMutex::new(())).collect(),
            }),
        }
    }

    /// Returns the machine as one that can map pages.
    pub fn smp(&self) -> Sim<SmpMmu> {
        Sim::new(self)
    }

    /// Returns the machine as one with several CPUs that cannot map pages.
    pub fn no_mmu(&self) -> Sim<SmpNoMmu> {
        Sim::new(self)
    }

    /// Returns the machine as one with a single CPU.
    ///
    /// # Panics
    /// When more than one CPU is possible.
    pub fn uni(&self) -> Sim<Up> {
        let nr = self.inner.shape.nr_possible();
        assert!(nr == 1, "a machine of one CPU wanted, {nr} are possible on this one");
        Sim::new(self)
    }

    /// Runs `body` as `cpu` of this machine, on this thread. May be nested.
    ///
    /// # Panics
    /// When the CPU is not possible.
    pub fn run_on<R>(&self, cpu: CpuId, body: impl FnOnce() -> R) -> R {
        assert!(self.is_possible(cpu), "CPU {cpu} was to run, and is not possible");
        running::play(self.id(), cpu, body)
    }

    /// Returns the possible CPUs in ascending order.
    pub fn possible_cpus(&self) -> impl Iterator<Item = CpuId> + '_ {
        (0..self.nr_cpu_ids()).map(CpuId::new).filter(|&cpu| self.is_possible(cpu))
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.inner).addr()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock()
    }
}

/// Failing on request. A new plan replaces the old one.
impl Machine {
    /// Lets every call succeed that can.
    pub fn fail_none(&self) {
        self.inner.faults.lock().fail_none();
    }

    /// Fails the `n`-th attempt from now, counted from 1, and none after it. Mapping counts one
    /// attempt per page and leaves the pages before the failing one mapped.
    ///
    /// # Panics
    /// When `n` is 0.
    pub fn fail_nth(&self, n: u64) {
        self.inner.faults.lock().fail_nth(n);
    }

    /// Fails every attempt of one kind from now on.
    pub fn fail_all_of(&self, kind: Fallible) {
        self.inner.faults.lock().fail_all_of(kind);
    }

    /// Asks `rule` about every attempt from now on, and fails it on `true`. The rule must not
    /// call the machine's failing functions.
    pub fn fail_when(&self, rule: impl FnMut(&Attempt) -> bool + Send + 'static) {
        self.inner.faults.lock().fail_when(Box::new(rule));
    }

    /// Returns how many attempts there were since the machine was built; what
    /// [`fail_nth`](Self::fail_nth) counts.
    pub fn fallible_calls(&self) -> u64 {
        self.inner.faults.lock().attempts()
    }
}

/// Looking at what happened.
impl Machine {
    /// Returns the counts of all operations.
    pub fn counts(&self) -> Counts {
        self.state().books.counts
    }

    /// Sets the counts to 0, except for what is outstanding.
    pub fn reset_counts(&self) {
        let counts = &mut self.state().books.counts;
        *counts = Counts { metadata_bytes: counts.metadata_bytes, ..Counts::default() };
    }

    /// Starts a list of calls, dropping an earlier one.
    pub fn record(&self) {
        self.state().books.log = Some(Vec::new());
    }

    /// Returns the calls since [`record`](Self::record) and records no more.
    pub fn take_log(&self) -> Vec<Call> {
        self.state().books.log.take().unwrap_or_default()
    }

    /// Starts a list of the events that the allocator sends, dropping an earlier one.
    pub fn record_events(&self) {
        self.inner.events.lock().clear();
        self.inner.wants_events.store(true, Ordering::Relaxed);
    }

    /// Returns the events since the last call, or since [`record_events`](Self::record_events).
    /// Recording goes on.
    pub fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.inner.events.lock())
    }

    /// Takes an event. Only `Free` may come with the index lock held.
    pub(crate) fn hear(&self, event: &Event) {
        if !matches!(event, Event::Free { .. }) {
            self.may_sleep("event");
        }
        if self.inner.wants_events.load(Ordering::Relaxed) {
            self.inner.events.lock().push(*event);
        }
    }

    /// Returns the rules that were broken so far; each also panicked.
    pub fn violations(&self) -> Vec<Violation> {
        self.state().books.violations.clone()
    }

    /// Returns how many frames are taken, singly and in runs.
    pub fn frames_in_use(&self) -> usize {
        self.state().physical.in_use().iter().sum()
    }

    /// Returns how many frames of a node are taken.
    pub fn frames_in_use_on(&self, node: NodeId) -> usize {
        self.state().physical.in_use().get(node.index()).copied().unwrap_or(0)
    }

    /// Returns how many areas of address space are reserved.
    pub fn areas_reserved(&self) -> usize {
        self.state().space.nr_reserved()
    }

    /// Returns how many pieces of metadata are outstanding.
    pub fn metadata_outstanding(&self) -> usize {
        self.inner.metadata.lock().len()
    }

    /// Returns how many frames were written in such detail that they cost a page of the real
    /// machine's memory. Walks all frames ever used.
    pub fn real_frames(&self) -> usize {
        self.state().physical.real_frames()
    }

    /// Returns the node whose memory shows at an address, or `None` where no memory is.
    pub fn node_at(&self, at: Addr) -> Option<NodeId> {
        let state = self.state();
        let frame = state.frame_behind(at.get())?;
        Some(state.physical.node_of(frame))
    }
}

impl Topology for Machine {
    fn nr_cpu_ids(&self) -> u32 {
        self.inner.shape.nr_cpu_ids()
    }

    fn is_possible(&self, cpu: CpuId) -> bool {
        self.inner.shape.is_possible(cpu)
    }

    fn node_of(&self, cpu: CpuId) -> Option<NodeId> {
        self.inner.shape.node_of(cpu)
    }

    fn is_local(&self, from: CpuId, to: CpuId) -> bool {
        self.inner.shape.is_local(from, to)
    }
}

impl Cpus for Machine {
    #[inline]
    fn current(&self) -> CpuId {
        running::played(self.id()).unwrap_or(self.inner.first_possible)
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("nr_cpu_ids", &self.nr_cpu_ids())
            .field("page_size", &self.inner.page_size)
            .finish_non_exhaustive()
    }
}

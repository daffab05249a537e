// SPDX-License-Identifier: MIT OR Apache-2.0
//! A machine in a value: what the builder puts together and the allocator is generic over.
//!
//! The three kinds are one type with a marker for the cell, because they differ in one thing
//! only: whether there is an implementation of [`Mapper`](pcpu_platform::Mapper). A value is a
//! handle, and a clone of it is the same machine: an allocator can own one while a test or
//! a person looking in keeps another. Memory goes back to the system with the last of them.

use core::fmt;
use core::marker::PhantomData;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard, RawMutex};
use pcpu_layout::geometry::Topology;
use pcpu_layout::{CpuId, NodeId, PageCount, Span};
use pcpu_platform::{Addr, Cpus, Event, Observer, Platform, SmpMmu, SmpNoMmu, Up};

use super::builder::Builder;
use super::policy::{Policy, System};
use super::reservation::{Backing, Reservation};
use super::space::AddressSpace;
use super::topology::CpuMap;
use crate::pins::Pins;

/// The function that hears of events.
pub(super) type ObserverFn = Box<dyn Fn(&Event) + Send + Sync>;

/// A Linux program as a machine with several CPUs that maps pages: the vm back end.
pub type Linux = Machine<SmpMmu>;

/// A Linux program as a machine with several CPUs and no MMU: the km back end. It has no
/// [`Mapper`](pcpu_platform::Mapper), though the hardware could.
///
/// ```compile_fail,E0277
/// fn wants_mapper<P: pcpu_platform::Mapper>(_: P) {}
/// wants_mapper(pcpu_linux::Linux::builder().build_no_mmu().unwrap());
/// ```
pub type NoMmu = Machine<SmpNoMmu>;

/// A Linux program as a machine with one CPU: the km back end, where a cookie is an address.
/// Every thread is this one CPU, in turns.
pub type Uni = Machine<Up>;

/// A Linux program as a machine of the cell `C`: [`Linux`], [`NoMmu`] or [`Uni`].
///
/// Cloning is cheap and gives a handle to the same machine.
pub struct Machine<C> {
    shared: Arc<Shared>,
    cell: PhantomData<fn() -> C>,
}

/// What all handles share.
struct Shared {
    page_size: usize,
    cpus: CpuMap,
    reservation: Reservation,
    space: Mutex<AddressSpace>,
    pins: Pins,
    policy: Box<dyn Policy>,
    /// Whether its CPUs are on several nodes.
    has_nodes: bool,
    observer: Option<ObserverFn>,
}

/// What a builder has found out.
pub(super) struct Parts {
    pub(super) page_size: usize,
    pub(super) cpus: CpuMap,
    pub(super) reservation: Reservation,
    pub(super) observer: Option<ObserverFn>,
}

impl Machine<SmpMmu> {
    /// Begins the description of a machine, of any of the three kinds.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl<C> Machine<C> {
    pub(super) fn assemble(parts: Parts) -> Self {
        let Parts { page_size, cpus, reservation, observer } = parts;
        let system_page = rustix::param::page_size();
        let space = AddressSpace::new(reservation.span(), page_size, system_page);
        let pins = Pins::new(cpus.nr_cpu_ids());
        let space = Mutex::new(space);
        let (policy, has_nodes) = (Box::new(System), cpus.has_nodes());
        let shared =
            Shared { page_size, cpus, reservation, space, pins, policy, has_nodes, observer };
        Self { shared: Arc::new(shared), cell: PhantomData }
    }

    /// Returns the addresses that everything on this machine lies in.
    pub fn address_space(&self) -> Span<Addr> {
        let Span { start, end } = self.reservation().span();
        let addr = |at| Addr::new(at).expect("R1: a reservation does not touch address 0");
        Span { start: addr(start), end: addr(end) }
    }

    /// Returns what the system counts as committed for this machine.
    pub fn backing(&self) -> Backing {
        self.reservation().backing()
    }

    /// Returns how many pages, of the machine's size, are backed by memory.
    pub fn backed_pages(&self) -> PageCount {
        self.space().nr_backed()
    }

    pub(super) fn page_bytes(&self) -> usize {
        self.shared.page_size
    }

    pub(super) fn reservation(&self) -> &Reservation {
        &self.shared.reservation
    }

    pub(super) fn space(&self) -> MutexGuard<'_, AddressSpace> {
        self.shared.space.lock()
    }

    pub(super) fn policy(&self) -> &dyn Policy {
        &*self.shared.policy
    }

    pub(super) fn has_nodes(&self) -> bool {
        self.shared.has_nodes
    }

    /// Tells somebody else where pages are wanted. For a machine without a second handle.
    #[cfg(test)]
    pub(super) fn with_policy(mut self, policy: Box<dyn Policy>) -> Self {
        Arc::get_mut(&mut self.shared).expect("the only handle").policy = policy;
        self
    }

    pub(super) fn pins(&self) -> &Pins {
        &self.shared.pins
    }

    /// Returns the CPU under the caller at this moment, pinned or not.
    pub(super) fn running(&self) -> CpuId {
        self.shared.cpus.standing_for(rustix::thread::sched_getcpu())
    }
}

impl Platform for Linux {
    type Cell = SmpMmu;
    type PagesLock = RawMutex;
    type IndexLock = RawMutex;
}

impl Platform for NoMmu {
    type Cell = SmpNoMmu;
    type PagesLock = RawMutex;
    type IndexLock = RawMutex;
}

impl Platform for Uni {
    type Cell = Up;
    type PagesLock = RawMutex;
    type IndexLock = RawMutex;
}

impl<C> Topology for Machine<C> {
    fn nr_cpu_ids(&self) -> u32 {
        self.shared.cpus.nr_cpu_ids()
    }

    fn is_possible(&self, cpu: CpuId) -> bool {
        self.shared.cpus.is_possible(cpu)
    }

    fn node_of(&self, cpu: CpuId) -> Option<NodeId> {
        self.shared.cpus.node_of(cpu)
    }

    fn is_local(&self, from: CpuId, to: CpuId) -> bool {
        self.shared.cpus.is_local(from, to)
    }
}

impl<C> Cpus for Machine<C> {
    /// Where fewer CPUs are possible than run, the answer is the one that stands for it. A
    /// pinned caller gets the CPU it is pinned to.
    fn current(&self) -> CpuId {
        self.pins().pinned_to().unwrap_or_else(|| self.running())
    }
}

impl<C> Observer for Machine<C> {
    fn event(&self, event: &Event) {
        if let Some(observer) = &self.shared.observer {
            observer(event);
        }
    }
}

impl<C> Clone for Machine<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), cell: PhantomData }
    }
}

impl<C> fmt::Debug for Machine<C> {
    /// Prints no address; see [`Addr`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("page_size", &self.page_bytes())
            .field("nr_possible", &self.shared.cpus.nr_possible())
            .field("reservation", self.reservation())
            .finish_non_exhaustive()
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a pool is behind its handles: memory, the table of units, a lock for each copy.
//!
//! ```text
//!   index   0      1      2    ...   n-1    STRAY         what operations go by
//!   CpuId   0      1      2    ...   n-1      n           what the allocator calls it
//!          unit   unit   unit        unit    unit         attached when first used
//! ```
//!
//! The locks are the standard library's: a forked child finds them as they were, and can tell.
//!
//! # Invariants
//! - **H1** an entry of the table is set once, when its CPU is attached: from then on all areas are
//!   backed and zeroed there, as they are on all others, and the entry stays.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::boxed::Box;
use std::string::String;
#[cfg(all(unix, not(miri)))]
use std::sync::TryLockError;
use std::sync::{Arc, Mutex, PoisonError};

use pcpu_core::{AllocError, AttachError, Kept, Request};
use pcpu_layout::CpuId;
use pcpu_linux::local::{By, Index, NotProvided, Provide, Table, here};
use pcpu_platform::Addr;

use super::inside::{Changing, Inside};
use super::{chain, fork};
use crate::Pcpu;
use crate::default::{Host, PoolError};

/// See the module.
pub(super) struct Home {
    pub(super) pcpu: Pcpu<Host>,
    pub(super) table: Table,
    pub(super) name: String,
    /// CPUs, or what else copies are for, strays not counted.
    nr_ids: u32,
    locks: Box<[Lock]>,
}

/// A lock on cache lines of its own (two, because they are fetched in pairs).
#[derive(Default)]
#[repr(align(128))]
struct Lock {
    lock: Mutex<()>,
    /// In a forked child: a thread that is gone was at these copies.
    lost: AtomicBool,
}

impl Home {
    pub(super) fn new(pcpu: Pcpu<Host>, name: String) -> Arc<Self> {
        let nr_units = pcpu.geometry().nr_cpu_ids();
        let locks = (0..nr_units).map(|_| Lock::default()).collect();
        let home = Arc::new(Self { pcpu, table: Table::new(), name, nr_ids: nr_units - 1, locks });
        fork::enter(&home);
        home
    }

    /// The allocator's name of a copy.
    pub(super) fn cpu_of(&self, index: Index) -> Option<CpuId> {
        match index.get() {
            Some(number) => (number < self.nr_ids).then_some(CpuId::new(number)),
            None => Some(self.stray()),
        }
    }

    /// The index of what the allocator calls `cpu`.
    pub(super) fn index_of(&self, cpu: CpuId) -> Option<Index> {
        match cpu.get() {
            number if number < self.nr_ids => Some(Index::new(number)),
            number if number == self.nr_ids => Some(Index::STRAY),
            _ => None,
        }
    }

    /// All that there can be copies of, strays last. (A table has many more entries.)
    pub(super) fn indexes(&self) -> impl Iterator<Item = Index> + use<> {
        (0..self.nr_ids).map(Index::new).chain([Index::STRAY])
    }

    pub(super) fn stray(&self) -> CpuId {
        CpuId::new(self.nr_ids)
    }

    /// Attaches a CPU to a pool that nobody else knows yet.
    pub(super) fn attach_first(&self, index: Index) -> Result<(), PoolError> {
        let index = if self.cpu_of(index).is_some() { index } else { Index::STRAY };
        let _inside = Inside::enter();
        self.attach(index).map_err(PoolError::Attach)
    }

    fn attach(&self, index: Index) -> Result<(), AttachError> {
        let cpu = self.cpu_of(index).expect("asked for by `cpu_of`'s answer");
        self.pcpu.attach(cpu)?;
        let unit = self.pcpu.geometry().unit_offset(cpu).expect("a possible CPU has a unit");
        self.table.set(index, unit);
        Ok(())
    }

    /// Takes an area, zeroed on every attached CPU and on those attached later.
    pub(super) fn alloc(&self, request: Request) -> Result<Kept, AllocError> {
        let _inside = Inside::enter();
        self.pcpu.alloc_kept(request)
    }

    /// Gives an area back that [`alloc`](Self::alloc) made, and memory to the system if there is
    /// more of it than needed.
    #[allow(unsafe_code)]
    pub(super) fn free(&self, kept: Kept) {
        let _inside = Inside::enter();
        // SAFETY: this pool kept it.
        unsafe { self.pcpu.free_kept(kept) };
        if self.pcpu.balance_wanted() {
            self.pcpu.balance();
        }
    }

    /// The address that an area has in the unit at offset 0.
    pub(super) fn address(kept: &Kept) -> Addr {
        Addr::new(kept.cookie().raw().get()).expect("a cookie is an address")
    }

    /// Runs `body` on the running CPU's copies, alone among all who come this way.
    pub(super) fn on_this<B: By, R>(&self, body: impl FnOnce(Index) -> R) -> R {
        if let Some(held) = self.held() {
            return body(held);
        }
        let mut index = here::<B>();
        if self.provide(index).is_err() || self.is_lost(index) {
            // Any copy will do: it is the lock that counts.
            let mut present = self.table.present().map(|(index, _)| index);
            index = present.find(|&it| !self.is_lost(it)).unwrap_or_else(|| self.after_all());
        }
        self.locked(index, body)
    }

    /// In a child of a program that was at work on every copy: the strays', which nobody was.
    fn after_all(&self) -> Index {
        assert!(!self.is_lost(Index::STRAY), "every copy was in use when the process was forked");
        assert!(self.provide(Index::STRAY).is_ok(), "no memory for another copy");
        Index::STRAY
    }

    /// Runs `body` on the copies of `index`, alone among all who come this way.
    ///
    /// # Panics
    /// When the thread has the copies of another index already: two such threads could wait for each
    /// other.
    pub(super) fn on<R>(&self, index: Index, body: impl FnOnce(Index) -> R) -> R {
        self.refuse_others(Some(index));
        if self.held() == Some(index) { body(index) } else { self.locked(index, body) }
    }

    /// # Panics
    /// When the thread has copies, and not those of `index`.
    pub(super) fn refuse_others(&self, index: Option<Index>) {
        let others = self.held().is_some_and(|held| Some(held) != index);
        assert!(!others, "other CPUs' copies are wanted in the middle of work on one CPU's");
    }

    /// Runs `body` on the copies of `index`, to construct one of them, where that can be waited for:
    /// `None` where it cannot. Besides those of its own CPU a thread may have the strays', which whoever
    /// has does not want any others.
    pub(super) fn on_to_construct<R>(&self, index: Index, body: impl FnOnce() -> R) -> Option<R> {
        if Inside::is_entered() || self.is_lost(index) {
            return None;
        }
        match self.held() {
            Some(_) if chain::is_at(self.key(), index) => Some(body()),
            Some(_) if index != Index::STRAY => None,
            _ => Some(self.locked(index, |_| body())),
        }
    }

    /// The copies that this thread has for itself.
    pub(super) fn held(&self) -> Option<Index> {
        chain::at(self.key())
    }

    fn locked<R>(&self, index: Index, body: impl FnOnce(Index) -> R) -> R {
        // While the lock changes hands, a handler is to keep away from locks.
        let changing = Changing::begin();
        // What it guards is not its own: a panic of somebody's body is no matter.
        let _lock = self.lock_of(index).lock.lock().unwrap_or_else(PoisonError::into_inner);
        chain::within(self.key(), index, || {
            let _changed = changing.pause();
            body(index)
        })
    }

    fn key(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    fn lock_of(&self, index: Index) -> &Lock {
        let cpu = self.cpu_of(index).expect("a copy that is there has a CPU");
        &self.locks[cpu.index()]
    }

    /// Whether a thread that a fork left behind was at these copies.
    pub(super) fn is_lost(&self, index: Index) -> bool {
        self.lock_of(index).lost.load(Ordering::Relaxed)
    }

    /// In a child that has just been forked: what is locked now, and not by this thread, stays so.
    #[cfg(all(unix, not(miri)))]
    pub(super) fn mark_lost(&self) {
        for (index, _) in self.table.present() {
            if chain::is_at(self.key(), index) {
                continue;
            }
            let lock = self.lock_of(index);
            if matches!(lock.lock.try_lock(), Err(TryLockError::WouldBlock)) {
                lock.lost.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Provide for Home {
    /// Attaches the CPU. Backs its share of everything, so it takes system calls, and waits for
    /// whoever is making or freeing areas; unless the thread itself is, and this code has
    /// interrupted it.
    fn provide(&self, index: Index) -> Result<(), NotProvided> {
        if self.table.get(index).is_some() {
            return Ok(());
        }
        if Inside::is_entered() || self.cpu_of(index).is_none() {
            return Err(NotProvided::Refused);
        }
        let _inside = Inside::enter();
        self.attach(index).map_err(|_| NotProvided::Refused)
    }
}

/// An area on its way out: freed when dropped, also in a panic.
pub(super) struct Area<'a> {
    home: &'a Home,
    kept: Option<Kept>,
}

impl<'a> Area<'a> {
    pub(super) fn to_free(home: &'a Home, kept: Option<Kept>) -> Self {
        Self { home, kept }
    }
}

impl Drop for Area<'_> {
    fn drop(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.home.free(kept);
        }
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home")
            .field("name", &self.name)
            .field("present", &self.table)
            .finish_non_exhaustive()
    }
}

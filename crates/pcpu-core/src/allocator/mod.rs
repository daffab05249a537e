// SPDX-License-Identifier: MIT OR Apache-2.0
//! The allocator: set-up, allocation, free, background work, look-ups.
//!
//! # Locks
//! Two, and this is where they are described.
//!
//! | lock | kind | guards | held across |
//! |---|---|---|---|
//! | *pages* | may sleep | making and destroying chunks, backing and unbacking pages, writes to the directory, attaching CPUs, the back end's scratch room | calls to the platform for pages and addresses |
//! | *index* | spins, interrupts off where handlers allocate | maps, lists, totals | nothing of the platform's but the observer's `Free` event |
//!
//! Order: *pages*, then *index*. A function that drops *index* to call the platform looks again
//! when it has it back: chunks may have been filled or freed meanwhile, but while *pages* is
//! held none can vanish, and no page changes its backing.
//!
//! Without a lock: the directory, a chunk's base and live bits, the list of attached CPUs.
//! A free takes the live bit first, by one atomic operation, so that of any number of frees of a
//! cookie one goes on.
//!
//! - an allocation that may sleep: *pages* for all of it but zeroing, *index* for each step;
//! - an atomic one, and a free: *index* once;
//! - balance, trim, attach: *pages*, and *index* for each step;
//! - `try_attach`: as attach, unless its own thread may hold one of them.
//!
//! # Invariants
//! - **A2** what [`Totals`](crate::index::Totals) say is what a recount gives, whenever *index* is
//!   free.
//! - **A3** an area is zero on every attached CPU, and no other area overlaps it, when its cookie is
//!   handed out.
//! - **A4** a call that fails leaves no page taken, no address reserved and no area allocated that
//!   it took; pages that earlier steps of it backed stay backed and are counted as spare.

mod addressing;
mod alloc;
mod attach;
mod balance;
mod check;
mod free;
mod keep;
mod lookup;
mod pages;
mod setup;
#[cfg(feature = "statistics")]
mod stats;
mod trim;

use lock_api::Mutex;
use pcpu_layout::geometry::{Geometry, Table};
use pcpu_layout::{PageCount, Span};
use pcpu_platform::{Addr, Event};
use portable_atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use crate::attached::Attached;
use crate::backend::{Backend, Site};
use crate::chunk::ChunkRef;
use crate::directory::Directory;
use crate::holdings::Holdings;
use crate::index::Index;
use crate::lent::Lent;
use crate::machine::Machine;

pub use addressing::Addressing;
pub use check::Broken;
pub use keep::Kept;
pub use lookup::Placement;
#[cfg(feature = "statistics")]
pub use stats::{PercpuStats, Stats};

/// A pool of per-CPU memory on a platform `P`, with units where `A` says.
///
/// # Context
/// All methods may be called from any CPU and thread at the same time. Those that may sleep say
/// so; the others are fit for interrupt handlers where the platform's index lock is.
///
/// # Examples
/// See the [crate's documentation](crate).
pub struct Allocator<P: Machine, A: Addressing = Table<'static>> {
    platform: P,
    geometry: Lent<Geometry<'static>>,
    addresses: Lent<A>,
    /// Extents of the groups, as distances from a chunk's base.
    extents: Lent<&'static [Span<usize>]>,
    /// Address of offset 0 in the unit at offset 0 of the first chunk.
    base: Addr,
    boot: Lent<setup::BootMemory>,
    reserved: Option<ChunkRef>,
    directory: Directory,
    attached: Lent<Attached>,
    pages: Mutex<P::PagesLock, PagesState<P>>,
    index: Mutex<P::IndexLock, Index>,
    flags: Flags,
    holdings: Holdings,
}

/// What the *pages* lock guards, beside the platform's pages themselves.
pub(crate) struct PagesState<P: Machine> {
    scratch: <P::Backend as Backend<P>>::Scratch,
    /// Newest of all records; the others follow.
    records: Option<ChunkRef>,
    /// Number of the next chunk.
    next_ordinal: i32,
}

/// Words that are read and written without a lock.
#[derive(Debug, Default)]
struct Flags {
    /// Background work may be asked for.
    balance_enabled: AtomicBool,
    /// Background work was asked for and has not begun.
    balance_wanted: AtomicBool,
    /// Bytes of the largest atomic request that failed since the worker last looked, or 0.
    atomic_failed: AtomicUsize,
    /// Failure messages left before silence.
    messages_left: AtomicU32,
    /// Areas whose live bit is held, so that nobody can free them.
    kept: AtomicUsize,
}

// SAFETY: all that is not `Sync` by itself is the list of loans (`Holdings`), touched only at set-up
// and on drop, by `&mut`, and the records behind `ChunkRef`s. The records' parts are
// reached through `Chunks` and `Lists`, which exist once, inside the index lock, or are atomics
// (`Face`). Tables lent at set-up are read-only afterwards.
unsafe impl<P: Machine + Sync, A: Addressing + Sync> Sync for Allocator<P, A>
where
    P::PagesLock: Sync,
    P::IndexLock: Sync,
    <P::Backend as Backend<P>>::Scratch: Send,
{
}

// SAFETY: nothing is tied to a thread: records and tables are memory of the platform's, which
// lends it for use by any thread.
unsafe impl<P: Machine + Send, A: Addressing + Send> Send for Allocator<P, A>
where
    P::PagesLock: Send,
    P::IndexLock: Send,
    <P::Backend as Backend<P>>::Scratch: Send,
{
}

impl<P: Machine, A: Addressing> Allocator<P, A> {
    /// Returns the platform.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// Returns where the units are.
    pub fn geometry(&self) -> &Geometry<'static> {
        &self.geometry
    }

    fn site(&self) -> Site<'_, P, A> {
        Site {
            platform: &self.platform,
            geometry: &self.geometry,
            addresses: &self.addresses,
            extents: *self.extents,
        }
    }

    /// Says whether the first chunk's pages are the back end's, backed for attached CPUs only.
    /// Never with km, which the compiler knows.
    fn is_first_mapped(&self) -> bool {
        self.reclaims() && matches!(*self.boot, setup::BootMemory::Mapped { .. })
    }

    /// Real pages that `pages` page indexes are in all attached units together.
    fn in_attached_units(&self, pages: PageCount) -> PageCount {
        PageCount::new(pages.get() * self.attached.len())
    }

    /// Asks for the worker, once until it has begun. Call without locks.
    fn want_balance(&self) {
        if !self.flags.balance_enabled.load(Ordering::Relaxed) {
            return;
        }
        if !self.flags.balance_wanted.swap(true, Ordering::AcqRel) {
            self.platform.event(&Event::BalanceWanted);
        }
    }

    /// Lets background work be asked for from now on: the worker exists. Before, nothing is
    /// ever asked for.
    pub fn enable_balance(&self) {
        self.flags.balance_enabled.store(true, Ordering::Relaxed);
    }

    /// Says whether background work was asked for and has not begun.
    pub fn balance_wanted(&self) -> bool {
        self.flags.balance_wanted.load(Ordering::Acquire)
    }
}

impl<P: Machine, A: Addressing> core::fmt::Debug for Allocator<P, A> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Allocator").field("geometry", &self.geometry).finish_non_exhaustive()
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pools: where areas come from. One for the process, and others for who wants them.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use std::string::String;
use std::sync::{Arc, OnceLock};

use pcpu_core::Config;
use pcpu_layout::CpuId;
use pcpu_linux::local::{By, ConcurrencyId, Copies, Cpu, Index, Node, here};

use super::home::Home;
use super::inside::Inside;
use crate::default::{self, Host, PoolError};
use crate::{Image, Pcpu};

/// Units of a pool are as large as this, so that a chunk has room for many areas, and its first
/// pages are few.
const UNIT_SIZE: usize = 64 << 10;

/// Areas are multiples of this. The map has three bits for each, so that with Linux's 4 bytes a
/// 16-byte item on 2 CPUs would take 7 % more than its bytes, and with 8 takes 1 %.
const GRANULE: usize = 8;

/// A pool of per-CPU memory in this process, with copies indexed by `B`.
///
/// Most programs never name one: [`PerCpu`](crate::PerCpu) takes the process's own,
/// [`Pool::global`]. A pool of one's own has its own memory, which goes back to the system with it,
/// a name, a limit, and a choice of what copies are indexed by.
///
/// It is a handle: a clone is the same pool, and every `PerCpu` keeps its pool alive.
///
/// A CPU (concurrency id, node) costs addresses until code of this process uses a copy there for
/// the first time. Then its share of all pages in use is taken from the system.
///
/// # Fork
/// A child has all areas with the content they had, and goes on with its own. What other threads of
/// the parent were working on under a lock stays locked in the child: see
/// [`PerCpu::with`](crate::PerCpu::with).
///
/// # Examples
/// ```
/// use std::sync::atomic::AtomicU64;
/// use pcpu::{ConcurrencyId, PerCpu, Pool};
///
/// // In a container with 4 CPUs of 512, concurrency ids are below 4, or nearly so.
/// let pool = Pool::builder().name("requests").index_by_concurrency_id().build()?;
/// let served: PerCpu<AtomicU64, ConcurrencyId> = PerCpu::zeroed_in(&pool)?;
/// served.this_cpu().add(1);
/// assert_eq!(served.sum(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pool<B = Cpu> {
    pub(super) home: Arc<Home>,
    by: PhantomData<fn() -> B>,
}

impl Pool<Cpu> {
    /// Returns the process's pool, which carries the program's [static variables](crate::statics!),
    /// and makes it when asked first.
    ///
    /// # Context
    /// May sleep, the first time.
    ///
    /// # Errors
    /// The reason why it could not be made, the same for ever.
    pub fn global() -> Result<&'static Self, &'static PoolError> {
        static GLOBAL: OnceLock<Result<Pool, PoolError>> = OnceLock::new();
        let make = || Self::builder().name("global").statics(Image::of_this_object()).build();
        GLOBAL.get_or_init(make).as_ref()
    }

    /// Begins the description of a pool.
    pub fn builder() -> PoolBuilder<Cpu> {
        PoolBuilder {
            name: String::new(),
            config: default_config(),
            address_space: None,
            statics: Image::EMPTY,
            by: PhantomData,
        }
    }
}

fn default_config() -> Config {
    let page_size = default::page_size();
    let min_unit_size = UNIT_SIZE.max(page_size);
    Config { min_unit_size, granule: GRANULE, ..Config::linux(page_size) }
}

impl<B: By> Pool<B> {
    pub(super) fn of(home: Arc<Home>) -> Self {
        Self { home, by: PhantomData }
    }

    /// Returns the name it was given, or an empty one.
    pub fn name(&self) -> &str {
        &self.home.name
    }

    /// Lists the CPUs (concurrency ids, nodes) that have copies: those which this process has used.
    /// The copies of threads that cannot be registered with the kernel, where there are such, come
    /// last, under [`stray`](Self::stray).
    pub fn cpus(&self) -> impl Iterator<Item = CpuId> + '_ {
        self.home.table.present().filter_map(|(index, _)| self.home.cpu_of(index))
    }

    /// Returns how many CPUs (concurrency ids, nodes) are possible.
    pub fn nr_possible(&self) -> u32 {
        self.stray().get()
    }

    /// The number under which copies of threads are that the kernel does not tell about: none of a
    /// CPU.
    pub fn stray(&self) -> CpuId {
        self.home.stray()
    }

    /// Gives memory back to the system that no area needs: pages, and chunks of addresses. `free`
    /// keeps a few of each at hand; this keeps none.
    ///
    /// # Context
    /// May sleep.
    pub fn trim(&self) {
        self.allocator().trim();
    }

    /// Lends the allocator underneath, for statistics, checks, and areas reached by address. Do not
    /// attach CPUs there.
    ///
    /// Meanwhile no other thread of the process can fork, and signal handlers on this one keep away from
    /// the pool's locks; so use it for one call, and let it go.
    pub fn allocator(&self) -> PoolAllocator<'_> {
        PoolAllocator { inside: Inside::enter(), pcpu: &self.home.pcpu }
    }
}

/// The allocator of a [`Pool`], lent by [`Pool::allocator`].
pub struct PoolAllocator<'a> {
    #[expect(dead_code, reason = "kept for what it does while it lives")]
    inside: Inside,
    pcpu: &'a Pcpu<Host>,
}

impl Deref for PoolAllocator<'_> {
    type Target = Pcpu<Host>;

    fn deref(&self) -> &Pcpu<Host> {
        self.pcpu
    }
}

impl fmt::Debug for PoolAllocator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pcpu.fmt(f)
    }
}

impl<B> Clone for Pool<B> {
    fn clone(&self) -> Self {
        Self { home: Arc::clone(&self.home), by: PhantomData }
    }
}

impl<B> fmt::Debug for Pool<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.home.fmt(f)
    }
}

/// Describes a pool. Everything has a default.
#[derive(Debug)]
#[must_use = "a description does nothing before it is built"]
pub struct PoolBuilder<B = Cpu> {
    name: String,
    config: Config,
    address_space: Option<usize>,
    statics: Image,
    by: PhantomData<fn() -> B>,
}

impl<B: By> PoolBuilder<B> {
    /// Names the pool, for whoever looks.
    pub fn name(mut self, name: &str) -> Self {
        self.name = String::from(name);
        self
    }

    /// Limits the pool to so many bytes of addresses, for all CPUs' units together, used or not.
    /// Default: 256 GiB, or less where the system does not grant that. Addresses cost nothing. On Linux;
    /// elsewhere chunks are in the program's heap, and nothing is set.
    pub fn address_space(mut self, bytes: usize) -> Self {
        self.address_space = Some(bytes);
        self
    }

    /// Sets the size of a unit, which bounds an area: 64 KiB by default. A multiple of the page
    /// size.
    pub fn unit_size(mut self, bytes: usize) -> Self {
        self.config.min_unit_size = bytes;
        self
    }

    /// Changes anything else: granule, water marks, largest area. Sizes of regions are the pool's
    /// own business.
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Copies for concurrency ids instead of CPUs: as many as threads run at the same time.
    pub fn index_by_concurrency_id(self) -> PoolBuilder<ConcurrencyId> {
        self.index_by()
    }

    /// Copies for memory nodes instead of CPUs, changed atomically.
    pub fn index_by_node(self) -> PoolBuilder<Node> {
        self.index_by()
    }

    fn index_by<C: By>(self) -> PoolBuilder<C> {
        let Self { name, config, address_space, statics, .. } = self;
        PoolBuilder { name, config, address_space, statics, by: PhantomData }
    }

    fn statics(mut self, statics: Image) -> Self {
        self.statics = statics;
        self
    }

    /// Makes the pool, with the running CPU's copies.
    ///
    /// # Context
    /// May sleep. The first pool of a process decides its [mode](crate::mode()).
    ///
    /// # Errors
    /// [`PoolError`]; nothing is kept then.
    pub fn build(self) -> Result<Pool<B>, PoolError> {
        Copies::<B>::prepare();
        let mut config = self.config;
        config.index_by = B::INDEX;
        let pcpu = default::for_copies(&config, self.statics, self.address_space)?;
        pcpu.enable_balance();
        let home = Home::new(pcpu, self.name);
        home.attach_first(here::<B>())?;
        // A thread that cannot have a concurrency id's copy cannot go to another one for it.
        if B::INDEX == ConcurrencyId::INDEX {
            home.attach_first(Index::STRAY)?;
        }
        Ok(Pool::of(home))
    }
}

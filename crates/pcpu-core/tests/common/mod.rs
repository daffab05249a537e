// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reference configurations of docs/behaviours.md on simulated machines, and a pool that
//! speaks its notation: `pool.a(100, 4)` is "100/4", and yields the offset.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod bytes;
pub mod naive;

use std::collections::BTreeMap;

use pcpu_core::{
    AllocError, Allocator, Config, Context, Cookie, Machine as Backed, Region, Request,
};
use pcpu_layout::CpuId;
use pcpu_platform::{Addr, Memory, Observer};
use pcpu_sim::{Machine, NoMmu, Smp, Uni};
use pcpu_trace::percpu_stats::{self, ChunkStats, Report};

/// A pool and the areas that live in it, by chunk and offset.
pub struct Pool<P: Backed + Observer> {
    pub machine: Machine,
    pub pool: Allocator<P>,
    pub live: BTreeMap<(i32, usize), Cookie>,
    /// Added to offsets, so that they count from where the configuration's notation does.
    pub origin: usize,
}

/// UP1: one CPU, km, a unit of 32 KiB that is dynamic from end to end.
pub fn up1() -> Pool<Uni> {
    let machine = Machine::with_cpus(1);
    Pool::new(machine.clone(), Allocator::new(machine.uni(), &Config::default(), &[]).unwrap(), 0)
}

/// S2: two CPUs with an MMU, vm, static 16384; offsets of the first chunk count from the
/// allocator's base, so the first dynamic byte is 16384.
pub fn s2() -> Pool<Smp> {
    let machine = Machine::with_cpus(2);
    let config = Config { static_size: 16384, ..Config::default() };
    Pool::new(machine.clone(), Allocator::new(machine.smp(), &config, &[]).unwrap(), 16384)
}

/// S2R: S2 with a reserved region of 8192 bytes at 16384.
pub fn s2r() -> Pool<Smp> {
    let machine = Machine::with_cpus(2);
    let config = Config { static_size: 16384, reserved_size: 8192, ..Config::default() };
    Pool::new(machine.clone(), Allocator::new(machine.smp(), &config, &[]).unwrap(), 24576)
}

/// K210: two CPUs without an MMU, km, static 15520; offsets count from the allocator's base.
pub fn k210() -> Pool<NoMmu> {
    let machine = Machine::with_cpus(2);
    let config = Config { static_size: 15520, ..Config::default() };
    Pool::new(machine.clone(), Allocator::new(machine.no_mmu(), &config, &[]).unwrap(), 12288)
}

/// S2 with a first chunk of single pages, mapped one by one.
pub fn s2_paged() -> Pool<Smp> {
    let machine = Machine::with_cpus(2);
    let config = Config { static_size: 16384, ..Config::default() };
    let pool = Allocator::new_paged(machine.smp(), &config, &[]).unwrap();
    Pool::new(machine.clone(), pool, 16384)
}

impl<P: Backed + Observer> Pool<P> {
    pub fn new(machine: Machine, pool: Allocator<P>, origin: usize) -> Self {
        pool.enable_balance();
        Self { machine, pool, live: BTreeMap::new(), origin }
    }

    /// A request; the offset is counted as the configuration's notation does.
    pub fn request(&mut self, request: Request) -> Result<usize, AllocError> {
        self.place(request).map(|(_, offset)| offset)
    }

    /// A request, with the number of the chunk that serves it.
    pub fn place(&mut self, request: Request) -> Result<(i32, usize), AllocError> {
        let cookie = self.pool.alloc(request)?;
        let place = self.pool.placement(&cookie).expect("a live area is in a chunk");
        let origin = match place.chunk {
            0 => self.origin,
            -1 => 16384,
            _ => 0,
        };
        let offset = origin + place.offset.get();
        self.live.insert((place.chunk, offset), cookie);
        self.check();
        Ok((place.chunk, offset))
    }

    /// `size/align`, from a caller that may sleep, with the number of the chunk.
    pub fn at(&mut self, size: usize, align: usize) -> (i32, usize) {
        self.place(Request::new(size, align)).unwrap()
    }

    /// `size/align`, from a caller that may sleep.
    pub fn a(&mut self, size: usize, align: usize) -> usize {
        self.request(Request::new(size, align)).unwrap()
    }

    /// `atomic size/align`, or `None`.
    pub fn atomic(&mut self, size: usize, align: usize) -> Option<usize> {
        self.request(Request::new(size, align).context(Context::Atomic)).ok()
    }

    /// `reserved size/align`, or the reason why not.
    pub fn reserved(&mut self, size: usize, align: usize) -> Result<usize, AllocError> {
        self.request(Request::new(size, align).region(Region::Reserved))
    }

    /// `free@offset` in the first chunk.
    pub fn free(&mut self, offset: usize) {
        self.free_in(0, offset);
    }

    /// `free@offset` in a chunk.
    pub fn free_in(&mut self, chunk: i32, offset: usize) {
        let cookie = self.live.remove(&(chunk, offset)).expect("an area starts there");
        self.pool.free(cookie).unwrap();
        self.check();
    }

    /// Frees everything.
    pub fn free_all(&mut self) {
        for (_, cookie) in std::mem::take(&mut self.live) {
            self.pool.free(cookie).unwrap();
        }
        self.check();
    }

    /// Runs the worker if it is wanted, as a work queue would.
    pub fn work(&mut self) {
        while self.pool.balance_wanted() {
            self.pool.balance();
        }
        self.check();
    }

    /// Recounts everything.
    pub fn check(&self) {
        self.pool.check().unwrap_or_else(|broken| panic!("{broken}"));
    }

    /// The kernel's statistics text, parsed.
    pub fn report(&self) -> Report {
        percpu_stats::parse(&self.pool.percpu_stats().to_string()).unwrap()
    }

    /// Page indexes that are backed, of all chunks.
    pub fn populated(&self) -> usize {
        self.pool.stats().populated_pages
    }

    /// Backed pages without an area, of the chunks in service.
    pub fn empty(&self) -> usize {
        self.pool.stats().empty_pop_pages
    }

    /// Number of chunks; the first and the reserved one count as one.
    pub fn chunks(&self) -> usize {
        self.pool.stats().nr_chunks
    }

    /// The longest free run of the chunk that is listed first, in bits.
    pub fn contig(&self) -> u64 {
        self.chunk(0).contig_bytes / 4
    }

    /// Address of an area's copy on a CPU.
    pub fn address(&self, chunk: i32, offset: usize, cpu: u32) -> Addr {
        self.pool.address(&self.live[&(chunk, offset)], CpuId::new(cpu)).unwrap()
    }

    /// Statistics of the chunk that is listed as the `nth`.
    pub fn chunk(&self, nth: usize) -> ChunkStats {
        self.report().chunks[nth].stats
    }
}

/// Reads `len` bytes of simulated memory.
pub fn read(platform: &impl Memory, at: Addr, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    // SAFETY: the simulator checks every access itself; no address is ever turned into a pointer.
    unsafe { platform.read(at, &mut bytes) };
    bytes
}

/// Writes `byte` to `len` bytes of simulated memory.
pub fn fill(platform: &impl Memory, at: Addr, len: usize, byte: u8) {
    // SAFETY: as in `read`.
    unsafe { platform.write(at, &vec![byte; len]) };
}

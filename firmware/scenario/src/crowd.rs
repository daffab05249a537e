// SPDX-License-Identifier: MIT OR Apache-2.0
//! All CPUs allocate, use, hand over and free at the same time.
//!
//! Each CPU keeps some areas. What it finds in its own copy of a fresh one is zero; then it writes
//! a pattern there and looks at it again before it lets go. One area in four goes to the next
//! CPU by a mailbox, which finds zeros in *its* copy, although another CPU wrote its own.

use core::slice;

use pcpu::layout::CpuId;
use pcpu::platform::{Addr, Addressable, ThisCpu};
use pcpu::{AllocError, Context, Cookie, Machine, Pcpu, Request};
use spin::Mutex;

use crate::image::nr_cpus;
use crate::{Image, Shared, random};

/// Areas that a CPU keeps at a time.
const KEPT: usize = 24;

/// An area on its way to another CPU.
pub struct Mailbox(Mutex<Option<(Cookie, usize)>>);

impl Mailbox {
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Leaves an area, or returns it when the box is full.
    fn leave(&self, cookie: Cookie, size: usize) -> Option<Cookie> {
        let mut inside = self.0.lock();
        if inside.is_some() {
            return Some(cookie);
        }
        *inside = Some((cookie, size));
        None
    }

    fn collect(&self) -> Option<(Cookie, usize)> {
        self.0.lock().take()
    }
}

struct Kept {
    cookie: Cookie,
    size: usize,
    pattern: u8,
}

/// Runs `rounds` steps on this CPU; returns how many areas it had.
///
/// # Panics
/// When a copy holds what it should not, or a live area cannot be freed.
pub fn live<I: Image>(shared: &Shared<I>, me: CpuId, rounds: u32) -> u32 {
    let pcpu = shared.pcpu();
    let next = &shared.mailboxes[(me.index() + 1) % nr_cpus::<I>() as usize];
    let mut random = random::for_cpu(me);
    let mut kept: [Option<Kept>; KEPT] = [const { None }; KEPT];
    let mut nr_areas = 0;

    for round in 0..rounds {
        let slot = &mut kept[random.rand_range(0..KEPT as u32) as usize];
        match slot.take() {
            None => {
                let size = size(random.rand_u32());
                let context = if round % 4 == 0 { Context::Atomic } else { Context::MaySleep };
                let Some(cookie) = alloc(pcpu, size, context) else { continue };
                assert_eq!(found(pcpu, &cookie, size), Some(0), "a fresh area is zero");
                let pattern = (round % 251) as u8 + 1;
                fill(pcpu, &cookie, size, pattern);
                *slot = Some(Kept { cookie, size, pattern });
                nr_areas += 1;
            }
            Some(Kept { cookie, size, pattern }) => {
                assert_eq!(found(pcpu, &cookie, size), Some(pattern), "only its own CPU writes it");
                let left = if round % 4 == 1 { next.leave(cookie, size) } else { Some(cookie) };
                if let Some(cookie) = left {
                    free(pcpu, cookie);
                }
            }
        }
        if let Some((cookie, size)) = shared.mailboxes[me.index()].collect() {
            // The box of the only CPU holds its own areas.
            let untouched = nr_cpus::<I>() == 1 || found(pcpu, &cookie, size) == Some(0);
            assert!(untouched, "another CPU wrote this one's copy");
            free(pcpu, cookie);
        }
        // CPU 0 is the worker as well.
        if me == CpuId::new(0) && pcpu.balance_wanted() {
            pcpu.balance();
        }
    }
    for Kept { cookie, size, pattern } in kept.into_iter().flatten() {
        assert_eq!(found(pcpu, &cookie, size), Some(pattern), "only its own CPU writes it");
        free(pcpu, cookie);
    }
    nr_areas
}

/// Empties the mailboxes, when everybody has left.
pub fn sweep<I: Image>(shared: &Shared<I>) {
    for (cookie, _) in shared.mailboxes.iter().filter_map(Mailbox::collect) {
        free(shared.pcpu(), cookie);
    }
}

/// What an interrupt handler does with the pool: an area that may not wait.
pub fn in_handler<P: Machine + ThisCpu + Addressable>(pcpu: &Pcpu<P>) {
    if let Some(cookie) = alloc(pcpu, 40, Context::Atomic) {
        assert_eq!(found(pcpu, &cookie, 40), Some(0), "a fresh area is zero, in a handler too");
        fill(pcpu, &cookie, 40, 0xaa);
        free(pcpu, cookie);
    }
}

/// Mostly small, now and then some pages.
fn size(random: u32) -> usize {
    match random % 32 {
        0 => 9_000,
        1..4 => 1_500,
        _ => 4 + (random >> 8) as usize % 200,
    }
}

/// Allocates, or returns `None` where there is no memory now.
fn alloc<P: Machine>(pcpu: &Pcpu<P>, size: usize, context: Context) -> Option<Cookie> {
    match pcpu.alloc(Request::new(size, 8).context(context)) {
        Ok(cookie) => Some(cookie),
        Err(AllocError::WouldSleep { .. }) if context == Context::Atomic => None,
        Err(error) => panic!("{error}"),
    }
}

fn free<P: Machine>(pcpu: &Pcpu<P>, cookie: Cookie) {
    if let Err(error) = pcpu.free(cookie) {
        panic!("a live area was not freed: {error}");
    }
}

/// The byte that this CPU's copy is full of, or `None` where there are two kinds.
fn found<P>(pcpu: &Pcpu<P>, cookie: &Cookie, size: usize) -> Option<u8>
where
    P: Machine + ThisCpu + Addressable,
{
    pcpu.pinned(|here| {
        // SAFETY: the area is live and the caller's, its copy on this CPU is `size` bytes, which
        // were zeroed, and other CPUs stay away from it.
        let bytes = unsafe { slice::from_raw_parts(bytes_at(here.address(cookie)), size) };
        bytes.iter().all(|byte| *byte == bytes[0]).then(|| bytes[0])
    })
}

/// Writes a byte all over this CPU's copy.
fn fill<P>(pcpu: &Pcpu<P>, cookie: &Cookie, size: usize, byte: u8)
where
    P: Machine + ThisCpu + Addressable,
{
    pcpu.pinned(|here| {
        // SAFETY: as in `found`.
        unsafe { bytes_at(here.address(cookie)).write_bytes(byte, size) };
    });
}

/// The address as a pointer, which `Addressable` allows.
fn bytes_at(at: Addr) -> *mut u8 {
    core::ptr::with_exposed_provenance_mut(at.get())
}

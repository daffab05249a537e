// SPDX-License-Identifier: MIT OR Apache-2.0
//! A live area whose bytes can be looked at: the one place of this program with unsafe code.
//!
//! An [`Area`] keeps the cookie, the allocator that gave it and its length together, so that what
//! is read and written is the area's own. An allocator that hands out overlapping areas still
//! makes one area's bytes change under another's name; that is what the checks look for.
//!
//! # Invariants
//! - **A1** `cookie` was given by `owner` for at least `len` bytes, and `owner` still counts it as
//!   live: it is private, not copied, and [`Area::free`] consumes it.

#![allow(unsafe_code)]

use pcpu_core::{AllocError, Allocator, Cookie, FreeError, Machine, Placement, Request};
use pcpu_layout::CpuId;
use pcpu_platform::Addr;
use pcpu_trace as trace;

/// One live area of an allocator.
pub struct Area<'a, P: Machine> {
    owner: &'a Allocator<P>,
    cookie: Cookie,
    len: usize,
}

/// The allocator does not say where the area is on a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAddress;

/// Turns a line of a trace into a request. Numbers beyond this machine's are as impossible as
/// its largest ones.
pub fn request(op: &trace::Alloc) -> Request {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let context = match op.context {
        trace::Context::MaySleep => pcpu_core::Context::MaySleep,
        trace::Context::Atomic => pcpu_core::Context::Atomic,
    };
    let region = match op.region {
        trace::Region::Dynamic => pcpu_core::Region::Dynamic,
        trace::Region::Reserved => pcpu_core::Region::Reserved,
    };
    Request::new(number(op.size), number(op.align)).context(context).region(region)
}

impl<'a, P: Machine> Area<'a, P> {
    /// Allocates what the trace asks for.
    pub fn alloc(owner: &'a Allocator<P>, op: &trace::Alloc) -> Result<Self, AllocError> {
        let cookie = owner.alloc(request(op))?;
        // A request that was granted has a size that fits in a unit. What the allocator adds to
        // fill the last granule belongs to the area as well.
        let len = (op.size as usize).next_multiple_of(owner.geometry().granule());
        Ok(Self { owner, cookie, len })
    }

    /// Frees the area.
    pub fn free(self) -> Result<(), FreeError> {
        self.owner.free(self.cookie)
    }

    /// Returns the length in bytes, as it was asked for and up to the next granule.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns where the area is in its chunk.
    pub fn placement(&self) -> Option<Placement> {
        self.owner.placement(&self.cookie)
    }

    /// Returns where the copy of `cpu` begins.
    pub fn address(&self, cpu: CpuId) -> Result<Addr, NoAddress> {
        self.owner.address(&self.cookie, cpu).ok_or(NoAddress)
    }

    /// Copies the bytes of `cpu`'s copy out. `bytes` becomes as long as the area.
    pub fn read(&self, cpu: CpuId, bytes: &mut Vec<u8>) -> Result<(), NoAddress> {
        let at = self.address(cpu)?;
        bytes.resize(self.len, 0);
        // SAFETY:
        // - Addressable: the area is live (A1), so its pages are backed on every attached CPU,
        //   and all CPUs of this program's machines are attached from set-up on.
        // - Initialised: the allocator zeroed the area before it gave the cookie.
        // - Not written meanwhile: this program has one thread that touches areas.
        // - In bounds: `bytes` has `len` bytes, and the area no fewer (A1).
        unsafe { self.owner.platform().read(at, bytes) };
        Ok(())
    }

    /// Fills `cpu`'s copy with `bytes`.
    ///
    /// # Panics
    /// When `bytes` is longer than the area.
    pub fn write(&self, cpu: CpuId, bytes: &[u8]) -> Result<(), NoAddress> {
        let at = self.address(cpu)?;
        assert!(bytes.len() <= self.len, "an area is not written past its end");
        // SAFETY:
        // - Addressable and not accessed meanwhile: as in `read`.
        // - In bounds: the line above.
        // - The allocator keeps no records of its own in areas, so no byte of it is harmed.
        unsafe { self.owner.platform().write(at, bytes) };
        Ok(())
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A shared library with per-CPU statics of its own, which its host registers.
//!
//! Built as a `cdylib` it brings its own copy of `pcpu`, so that its image is its own too. What
//! it exports is called by `tests/loaded.rs`.

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use pcpu::layout::CpuId;
use pcpu::platform::{Addressable, ThisCpu};
use pcpu::{AccessError, Image, Machine, Pcpu};
use pcpu_linux::{Linux, Uni};

pcpu::statics! {
    static CALLS: Cell<u64> = Cell::new(40);
    static NAME: &'static str = "plugin";
    static SEEN: AtomicU32 = AtomicU32::new(5);
}

/// What the host must register.
#[unsafe(no_mangle)]
// SAFETY: no other function of that name is in the host.
pub fn plugin_image() -> Image {
    Image::of_this_object()
}

/// Counts a call, on the running CPU's copy in the host's pool.
#[unsafe(no_mangle)]
// SAFETY: as above.
pub fn plugin_call(pcpu: &Pcpu<Linux>) -> Result<u64, AccessError> {
    call(pcpu)
}

/// The same on a machine of one CPU.
#[unsafe(no_mangle)]
// SAFETY: as above.
pub fn plugin_call_uni(pcpu: &Pcpu<Uni>) -> Result<u64, AccessError> {
    call(pcpu)
}

/// Reads what one CPU has.
#[unsafe(no_mangle)]
// SAFETY: as above.
pub fn plugin_seen(pcpu: &Pcpu<Linux>, cpu: CpuId) -> Result<u32, AccessError> {
    SEEN.try_on(pcpu, cpu).map(|seen| seen.fetch_add(1, Relaxed))
}

fn call<P: Machine + Addressable + ThisCpu>(pcpu: &Pcpu<P>) -> Result<u64, AccessError> {
    pcpu.pinned(|here| {
        let calls = CALLS.try_get(here)?;
        calls.set(calls.get() + 1);
        assert_eq!(*NAME.get(here), "plugin");
        Ok(calls.get())
    })
}

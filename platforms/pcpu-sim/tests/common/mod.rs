// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls of the `unsafe fn`s of a platform, for tests that break their rules on purpose.
//!
//! That is sound here: simulated memory is a model, and the machine answers every broken rule
//! with a panic before it does anything.
#![allow(dead_code, reason = "each test file uses some of these")]

use std::alloc::Layout;
use std::ptr::NonNull;

use pcpu_layout::{PageCount, Span};
use pcpu_platform::{Addr, Effort, Frames, MapFailed, Mapper, Memory, Metadata};
use pcpu_sim::{Frame, Sim, Smp};

pub const PAGE: usize = 4096;

pub fn take_run<C>(platform: &Sim<C>, pages: usize) -> Addr {
    platform.take_run(PageCount::new(pages), platform.page_size(), None, Effort::Normal).unwrap()
}

pub fn give_run<C>(platform: &Sim<C>, at: Addr, pages: usize) {
    // SAFETY: the machine checks it.
    unsafe { platform.give_run(at, PageCount::new(pages)) };
}

pub fn take_frame(platform: &Smp) -> Frame {
    platform.take_frame(None, Effort::Normal).unwrap()
}

pub fn give_frame(platform: &Smp, frame: Frame) {
    // SAFETY: the machine checks it.
    unsafe { platform.give_frame(frame) };
}

pub fn reserve(platform: &Smp, pages: usize) -> Addr {
    platform.reserve(&[Span::new(0, pages * PAGE)], PAGE).unwrap()
}

pub fn release(platform: &Smp, base: Addr, pages: usize) {
    // SAFETY: the machine checks it.
    unsafe { platform.release(base, &[Span::new(0, pages * PAGE)]) };
}

pub fn map(platform: &Smp, at: Addr, frames: &[Frame]) -> Result<(), MapFailed> {
    // SAFETY: the machine checks it.
    unsafe { platform.map(at, frames) }
}

pub fn unmap(platform: &Smp, at: Addr, pages: usize) {
    // SAFETY: the machine checks it.
    unsafe { platform.unmap(at, PageCount::new(pages)) };
}

pub fn range(at: Addr, pages: usize) -> Span<Addr> {
    Span { start: at, end: at.offset(pages * PAGE) }
}

pub fn zero<C>(platform: &Sim<C>, at: Addr, len: usize) {
    // SAFETY: the machine checks it.
    unsafe { platform.zero(at, len) };
}

pub fn write<C>(platform: &Sim<C>, at: Addr, bytes: &[u8]) {
    // SAFETY: the machine checks it.
    unsafe { platform.write(at, bytes) };
}

pub fn read<C>(platform: &Sim<C>, at: Addr) -> u8 {
    let mut byte = [0];
    // SAFETY: the machine checks it.
    unsafe { platform.read(at, &mut byte) };
    byte[0]
}

pub fn give_metadata<C>(platform: &Sim<C>, at: NonNull<u8>, layout: Layout) {
    // SAFETY: the machine checks it, and frees only what was taken with this layout.
    unsafe { platform.give_metadata(at, layout) };
}

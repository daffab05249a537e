// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests ask the system: how much memory a range has, and in how many mappings.
//!
//! Both are asked for the machine's own range, not for the process, so that other tests in other
//! threads do not show. Even so, reservations that happen to lie side by side may share
//! a mapping; memory is therefore counted page by page.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::os::unix::fs::FileExt;

use pcpu_layout::{PageCount, Span};
use pcpu_linux::{Linux, Machine};
use pcpu_platform::{Addr, Frames, Mapper};

/// Lines of `/proc/self/maps` that show a part of a range.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mappings {
    /// All of them.
    pub nr: usize,
    /// Bytes in memory or swapped out; a neighbour's too, where a mapping is shared.
    pub bytes: usize,
    /// One line of two-letter flags for each.
    flags: Vec<String>,
}

impl Mappings {
    /// Returns how many have `flag`: `ac` counts as committed memory, `nh` gets no huge pages,
    /// `dd` stays out of core dumps.
    pub fn with_flag(&self, flag: &str) -> usize {
        self.flags.iter().filter(|flags| flags.split_whitespace().any(|one| one == flag)).count()
    }
}

/// Returns the mappings of the addresses of `machine`.
pub fn mappings<C>(machine: &Machine<C>) -> Mappings {
    let range = machine.address_space();
    let text = fs::read_to_string("/proc/self/smaps").expect("smaps can be read");
    let hex = |digits| usize::from_str_radix(digits, 16).expect("an address");
    let mut found = Mappings::default();
    let mut inside = false;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or("");
        if let Some((start, end)) = first.split_once('-') {
            inside = hex(start) < range.end.get() && range.start.get() < hex(end);
            found.nr += usize::from(inside);
        } else if inside && matches!(first, "Rss:" | "Swap:") {
            let kib: usize = words.next().and_then(|kib| kib.parse().ok()).expect("a size in kB");
            found.bytes += kib * 1024;
        } else if inside && first == "VmFlags:" {
            found.flags.push(line.to_owned());
        }
    }
    found
}

/// Returns how many bytes of memory the addresses of `machine` have.
pub fn backed_bytes<C>(machine: &Machine<C>) -> usize {
    backed_bytes_in(machine.address_space())
}

/// Returns how many bytes of memory `range` has: pages present, or swapped out.
pub fn backed_bytes_in(range: Span<Addr>) -> usize {
    const PRESENT_OR_SWAPPED: u64 = 0b11 << 62;
    let pages = range.start.get() / system_page()..range.end.get() / system_page();
    let mut entries = vec![0; 8 * pages.len()];
    let pagemap = fs::File::open("/proc/self/pagemap").expect("pagemap can be read");
    pagemap.read_exact_at(&mut entries, 8 * pages.start as u64).expect("one entry per page");
    let entry = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("eight bytes"));
    let backed = entries.chunks_exact(8).filter(|bytes| entry(bytes) & PRESENT_OR_SWAPPED != 0);
    backed.count() * system_page()
}

/// Maps `pages` pages at `at`, which the test has reserved.
pub fn map(machine: &Linux, at: Addr, pages: usize) {
    let frame = machine.take_frame(None, pcpu_platform::Effort::Normal).expect("always succeeds");
    let frames = vec![frame; pages];
    // SAFETY: the caller reserved the pages and maps them once.
    unsafe { machine.map(at, &frames) }.expect("memory for a few pages");
}

/// Unmaps `pages` pages from `at`.
pub fn unmap(machine: &Linux, at: Addr, pages: usize) {
    // SAFETY: the caller reserved the pages and is done with them.
    unsafe { machine.unmap(at, PageCount::new(pages)) };
}

/// Gives back `pages` pages from `at`.
pub fn give<P: Frames>(machine: &P, at: Addr, pages: usize) {
    // SAFETY: the caller took the pages and is done with them.
    unsafe { machine.give_run(at, PageCount::new(pages)) };
}

/// The system's page size in bytes.
pub fn system_page() -> usize {
    rustix::param::page_size()
}

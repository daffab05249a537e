// SPDX-License-Identifier: MIT OR Apache-2.0
//! The promises of [`ThisCpu`]: arithmetic on all widths, on the running CPU's copy.
//!
//! On a real machine the suite may move to another CPU between two operations. So the arithmetic
//! is checked on one word that stands for every CPU's copy, and that the right copy is used, by
//! the sum over all.

use core::fmt::Debug;

use pcpu_layout::CpuId;
use pcpu_platform::{Addr, Frames, ThisCpu, Word};

use crate::{bytes, frames};

/// Bytes from one CPU's copy to the next.
const STRIDE: usize = 8;
/// Where the word is that all CPUs share, among bytes that must not change.
const PLACE: usize = 16;

/// Checks the promises of [`ThisCpu`].
///
/// # Panics
/// When one is not kept; the message says which.
pub fn this_cpu<P: ThisCpu + Frames>(platform: &P) {
    pinned_names_the_running_cpu(platform);
    let page = platform.page_size();
    let run = frames::take(platform, 1, page);
    arithmetic::<u8, P>(platform, run, 200, 100, 44);
    arithmetic::<u16, P>(platform, run, 65_000, 1_000, 464);
    arithmetic::<u32, P>(platform, run, u32::MAX, 2, 1);
    arithmetic::<u64, P>(platform, run, u64::MAX - 1, 1 << 33, (1 << 33) - 2);
    arithmetic::<usize, P>(platform, run, usize::MAX, 6, 5);
    frames::give(platform, run, 1);
    every_operation_goes_to_one_copy(platform);
}

fn pinned_names_the_running_cpu<P: ThisCpu>(platform: &P) {
    for _ in 0..8 {
        let (named, running) = platform.pinned(|cpu| (cpu, platform.current()));
        assert!(
            named == running,
            "ThisCpu, pinned: the body was told CPU {named} and runs on CPU {running}"
        );
        assert!(platform.is_possible(named), "ThisCpu, pinned: CPU {named} is not possible");
    }
}

/// `one` plus `two` must be `sum`, wrapping.
fn arithmetic<W: Word + Debug, P: ThisCpu>(platform: &P, run: Addr, one: W, two: W, sum: W) {
    let size = size_of::<W>();
    bytes::fill(platform, run, PLACE + size + PLACE, 3);
    // SAFETY: the word lies in the suite's own run.
    unsafe { platform.zero(run.offset(PLACE), size) };
    let word = |_: CpuId| run.offset(PLACE);

    // SAFETY: here and in all operations below, whatever the CPU, `word` is the address of a `W` in the suite's own
    // run, aligned to 16 bytes, initialised, and nobody else uses it.
    let fresh: W = unsafe { platform.load(word) };
    assert_eq!(fresh, W::default(), "ThisCpu, load: it reads the word ({size} bytes)");
    // SAFETY: as above.
    let old = unsafe { platform.exchange(word, one) };
    assert_eq!(old, W::default(), "ThisCpu, exchange: it returns the old value ({size} bytes)");
    // SAFETY: as above.
    let added = unsafe { platform.add_return(word, two) };
    assert_eq!(added, sum, "ThisCpu, add_return: it returns the sum, wrapping ({size} bytes)");
    // SAFETY: as above.
    let loaded: W = unsafe { platform.load(word) };
    assert_eq!(loaded, sum, "ThisCpu, add_return: the sum is stored ({size} bytes)");

    // SAFETY: as above.
    let other = unsafe { platform.compare_exchange(word, one, two) };
    assert_eq!(
        other,
        Err(sum),
        "ThisCpu, compare_exchange: another value than the expected is returned in `Err` \
         ({size} bytes)"
    );
    // SAFETY: as above.
    let replaced = unsafe { platform.compare_exchange(word, sum, two) };
    assert_eq!(
        replaced,
        Ok(sum),
        "ThisCpu, compare_exchange: the expected value is replaced, and the failed attempt \
         before changed nothing ({size} bytes)"
    );
    // SAFETY: as above.
    let last = unsafe { platform.exchange(word, one) };
    assert_eq!(last, two, "ThisCpu, compare_exchange: the new value is stored ({size} bytes)");

    let beside = bytes::holds(platform, run, 0, PLACE, 3)
        && bytes::holds(platform, run, PLACE + size, PLACE + size + PLACE, 3);
    assert!(beside, "ThisCpu: operations on {size} bytes change no byte beside them");
}

/// Adds 1 to the running CPU's copy many times; each must have arrived at some possible CPU.
fn every_operation_goes_to_one_copy<P: ThisCpu + Frames>(platform: &P) {
    const TIMES: u64 = 100;
    let page = platform.page_size();
    let len = platform.nr_cpu_ids() as usize * STRIDE;
    let run = frames::take(platform, len.div_ceil(page), page);
    // SAFETY: the bytes lie in the run just taken.
    unsafe { platform.zero(run, len) };

    let copy_of = |cpu: CpuId| {
        assert!(platform.is_possible(cpu), "ThisCpu: the copy of CPU {cpu} was asked for");
        run.offset(cpu.index() * STRIDE)
    };
    for _ in 0..TIMES {
        // SAFETY: every possible CPU has an aligned, zeroed word in the run.
        unsafe { platform.add_return(copy_of, 1_u64) };
    }
    let mut sum = 0;
    for cpu in (0..platform.nr_cpu_ids()).map(CpuId::new) {
        let mut word = [0; STRIDE];
        // SAFETY: in the run, initialised above, and no operation is under way.
        unsafe { platform.read(run.offset(cpu.index() * STRIDE), &mut word) };
        sum += u64::from_ne_bytes(word);
    }
    assert_eq!(sum, TIMES, "ThisCpu, add_return: every addition arrives at one CPU's copy");
    frames::give(platform, run, len.div_ceil(page));
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the operating system says of CPUs, in as far as an index is made of it.

#[cfg(all(target_os = "linux", not(miri)))]
pub(super) use linux::current;
#[cfg(all(target_os = "linux", not(miri)))]
pub use linux::nr_indexes;
#[cfg(not(all(target_os = "linux", not(miri))))]
pub(super) use other::current;
#[cfg(not(all(target_os = "linux", not(miri))))]
pub use other::nr_indexes;

#[cfg(all(target_os = "linux", not(miri)))]
mod linux {
    #![allow(unsafe_code)]

    use core::ptr;
    use std::sync::OnceLock;

    use pcpu_layout::IndexBy;

    /// More bytes than the mask of any kernel.
    const MOST_BYTES: usize = 8192;

    /// Returns how many numbers of CPUs, concurrency ids and nodes there can be, counted from 0.
    ///
    /// The kernel itself is asked, by the size of its CPU masks. What it says in files may be made up
    /// for a container, and an index beyond the end of a table must not happen.
    pub fn nr_indexes() -> usize {
        static NUMBER: OnceLock<usize> = OnceLock::new();
        *NUMBER.get_or_init(|| {
            let mut mask = vec![0_u64; MOST_BYTES / 8];
            // SAFETY: the kernel writes at most as many bytes as it is told that there are.
            let written = unsafe {
                libc::syscall(libc::SYS_sched_getaffinity, 0, MOST_BYTES, mask.as_mut_ptr())
            };
            let bits = usize::try_from(written).ok().filter(|&bytes| bytes > 0).map(|n| n * 8);
            bits.unwrap_or(MOST_BYTES * 8)
        })
    }

    /// Returns the number of the CPU that the thread was on a moment ago, or of its node.
    pub(in super::super) fn current(by: IndexBy) -> u32 {
        if by != IndexBy::Node {
            return rustix::thread::sched_getcpu() as u32;
        }
        let mut node = 0_u32;
        // SAFETY: writes the node's number, and no CPU's.
        unsafe {
            libc::syscall(
                libc::SYS_getcpu,
                ptr::null_mut::<u32>(),
                &raw mut node,
                ptr::null_mut::<u8>(),
            )
        };
        node
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod other {
    use core::cell::Cell;
    use core::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use pcpu_layout::IndexBy;

    /// Returns how many numbers there are: as many as threads may run at once.
    pub fn nr_indexes() -> usize {
        thread::available_parallelism().map_or(1, usize::from)
    }

    /// Returns a number that stands for a CPU: each thread gets the next one, and keeps it.
    pub(in super::super) fn current(by: IndexBy) -> u32 {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        thread_local! {
            static MINE: Cell<u32> = const { Cell::new(u32::MAX) };
        }
        if by == IndexBy::Node {
            return 0;
        }
        if MINE.get() == u32::MAX {
            MINE.set(NEXT.fetch_add(1, Ordering::Relaxed) % nr_indexes() as u32);
        }
        MINE.get()
    }
}

#[cfg(test)]
mod tests {
    use pcpu_layout::IndexBy;

    use super::*;

    #[test]
    fn every_number_is_below_what_there_can_be() {
        assert!((current(IndexBy::Cpu) as usize) < nr_indexes());
        assert!((current(IndexBy::Node) as usize) < nr_indexes());
    }
}

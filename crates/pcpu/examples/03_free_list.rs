// SPDX-License-Identifier: MIT OR Apache-2.0
//! You will learn to keep something that is no counter on every CPU: a list of spare buffers, in a `RefCell`.
//! And what belongs into the closure of `with`, which holds a lock, and what does not.

use std::cell::RefCell;
use std::sync::atomic::AtomicU64;
use std::thread;

use pcpu::{NewError, PerCpu};

type Buffer = Box<[u8; 4096]>;

/// Buffers that were given back, on the CPU where that was, still warm in its cache.
struct Buffers {
    spare: PerCpu<RefCell<Vec<Buffer>>>,
    made: PerCpu<AtomicU64>,
    dropped: PerCpu<AtomicU64>,
}

impl Buffers {
    /// How many a CPU keeps.
    const KEPT: usize = 8;

    fn new() -> Result<Self, NewError> {
        Ok(Self {
            spare: PerCpu::from_fn(|_| RefCell::new(Vec::with_capacity(Self::KEPT)))?,
            made: PerCpu::zeroed()?,
            dropped: PerCpu::zeroed()?,
        })
    }

    fn take(&self) -> Buffer {
        // Short, and calls nothing that might wait: whoever is next on this CPU waits for it.
        let spare = self.spare.with(|spare| spare.borrow_mut().pop());
        // The allocator may take its time, out here.
        spare.unwrap_or_else(|| {
            self.made.this_cpu().inc();
            Box::new([0; 4096])
        })
    }

    fn give(&self, buffer: Buffer) {
        let too_many = self.spare.with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() == Self::KEPT {
                return Some(buffer);
            }
            spare.push(buffer);
            None
        });
        // Dropped out here, too.
        self.dropped.this_cpu().add(u64::from(too_many.is_some()));
    }
}

/// The program.
pub fn main() {
    const ROUNDS: u64 = 2000;
    let buffers = Buffers::new().expect("memory for three values");
    thread::scope(|scope| {
        for worker in 0..4 {
            let buffers = &buffers;
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let mut buffer = buffers.take();
                    buffer[0] = worker;
                    thread::yield_now();
                    assert_eq!(buffer[0], worker, "nobody else has it meanwhile");
                    buffers.give(buffer);
                }
            });
        }
    });
    // Every buffer is in a list, or was one too many. Lists are the CPUs': they outlive the threads.
    let mut spare = Vec::new();
    buffers.spare.for_each(|_, of_cpu| spare.append(&mut of_cpu.borrow_mut()));
    assert_eq!(buffers.made.sum(), spare.len() as u64 + buffers.dropped.sum());
    assert!(buffers.made.sum() < 4 * ROUNDS, "buffers are used again");
}

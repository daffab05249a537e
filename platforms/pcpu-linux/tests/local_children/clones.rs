// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads that the C library did not make, and processes that are copies.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use pcpu_linux::local::{ConcurrencyId, Cpu, List, Table};

use crate::again::{alone, as_it_is, without_libc_s_areas};
use crate::local_common::{Area, Everywhere};
use crate::sums::Sum;

/// Forks, and returns the child's exit status.
fn in_copy(body: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the child does sums, and ends.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no child could be made");
    if child == 0 {
        let fine = body();
        // SAFETY: ends the child at once, without the harness's clean-up.
        unsafe { libc::_exit(if fine { 7 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert!(libc::WIFEXITED(status), "{status:#x}");
    libc::WEXITSTATUS(status)
}

/// All nodes on all lists.
fn drained(list: &List<'_, Cpu>, table: &Table) -> usize {
    let mut number = 0;
    for (index, _) in table.present() {
        // SAFETY: nodes are as `push` wants them.
        let first = unsafe { list.drain(index) };
        let mut next = first.expect("a fence").expect("nobody else").unwrap_or(0);
        while next != 0 {
            number += 1;
            // SAFETY: a node that was on a list, which is this thread's now.
            next = unsafe { std::ptr::with_exposed_provenance::<usize>(next).read() };
        }
    }
    number
}

/// RS-9. Other threads are in the middle of it.
fn a_child_goes_on_with_what_its_parent_had() {
    let (sum, noise, area) = (Sum::new(), Sum::new(), Area::new(64));
    // SAFETY: an area of zeros with room for it, used for this alone; nodes live as long.
    let list = unsafe { List::<Cpu>::new(area.address(0), area.table(), 0) };
    let nodes: Vec<[usize; 2]> = vec![[0; 2]; 10];
    for node in &nodes {
        let node = node.as_ptr().expose_provenance();
        // SAFETY: a node of this test's, on no list.
        unsafe { list.push(node, &Everywhere) }.unwrap();
    }
    (0..1000).for_each(|round| sum.adder::<Cpu>().add(round));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut round = 0;
                while !over.load(Ordering::Relaxed) {
                    noise.adder::<Cpu>().add(round);
                    round += 1;
                }
            });
        }
        for _ in 0..20 {
            let before = noise.all();
            let status = in_copy(|| {
                let at_fork = (sum.all(), noise.all());
                (0..500).for_each(|round| sum.adder::<Cpu>().add(round));
                (0..500).for_each(|round| sum.adder::<ConcurrencyId>().add(round));
                (0..500).for_each(|round| noise.adder::<Cpu>().add(round));
                let now = (sum.all(), noise.all());
                at_fork.0 == 1000
                    && at_fork.1 >= before
                    && now == (at_fork.0 + 1000, at_fork.1 + 500)
                    && drained(&list, area.table()) == 10
            });
            assert_eq!(status, 7);
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!((sum.all(), drained(&list, area.table())), (1000, 10));
}

#[test]
fn a_fork_has_what_its_parent_had_and_goes_on() {
    alone(
        a_fork_has_what_its_parent_had_and_goes_on,
        as_it_is,
        a_child_goes_on_with_what_its_parent_had,
    );
}

#[test]
fn so_it_does_where_pcpu_registers_threads() {
    alone(
        so_it_does_where_pcpu_registers_threads,
        without_libc_s_areas,
        a_child_goes_on_with_what_its_parent_had,
    );
}

/// RS-8. The thread's block is made by hand, as the C library lays it out for this processor.
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
mod by_hand {
    use std::ptr;
    use std::sync::atomic::{AtomicI32, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::area;

    /// What such a thread does.
    struct Errand<'a> {
        sum: &'a Sum,
        each: u64,
        /// The kernel clears it when the thread has ended.
        lives: AtomicI32,
    }

    extern "C" fn body(errand: *mut libc::c_void) -> libc::c_int {
        // SAFETY: lives until the thread has ended.
        let errand = unsafe { &*errand.cast::<Errand<'_>>() };
        (0..errand.each).for_each(|round| errand.sum.adder::<Cpu>().add(round));
        0
    }

    /// Where the memory of the calling thread ends that the C library mapped for it.
    fn end_of_own_memory() -> usize {
        // SAFETY: all zeros are as good as any other attributes.
        let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
        // SAFETY: every thread has one.
        let own = unsafe { libc::pthread_self() };
        // SAFETY: the calling thread, and attributes to write to.
        let got = unsafe { libc::pthread_getattr_np(own, &raw mut attributes) };
        assert_eq!(got, 0);
        let (mut start, mut len) = (ptr::null_mut(), 0);
        // SAFETY: attributes that were got.
        let got = unsafe {
            libc::pthread_attr_getstack(&raw const attributes, &raw mut start, &raw mut len)
        };
        assert_eq!(got, 0);
        // SAFETY: they are not used any more.
        unsafe { libc::pthread_attr_destroy(&raw mut attributes) };
        start.addr() + len
    }

    /// A stack, and above it a block that looks like the calling thread's, which the C library made:
    /// its static variables, then at the thread pointer what is the library's own.
    struct Made {
        memory: Box<[u64]>,
        pointer: usize,
    }

    impl Made {
        fn new(offset: isize) -> Self {
            // More than there are static variables: what lies lower is this thread's stack.
            const BELOW: usize = 8192;
            const STACK: usize = 256 << 10;
            /// As the C library aligns blocks.
            const ALIGN: usize = 64;
            let own = area::thread_pointer();
            let above = end_of_own_memory() - own;
            let memory = vec![0_u64; (STACK + BELOW + ALIGN + above) / 8].into_boxed_slice();
            let pointer = memory.as_ptr().expose_provenance() + STACK + BELOW;
            let pointer = pointer.next_multiple_of(ALIGN);
            let word = |at: usize| ptr::with_exposed_provenance_mut::<usize>(at);
            for at in (0..BELOW + above).step_by(8) {
                // SAFETY: this thread's own memory, which may be read as it is.
                let value = unsafe { word(own - BELOW + at).read_volatile() };
                // SAFETY: within the block.
                unsafe { word(pointer - BELOW + at).write(value) };
            }
            // The block's address, twice.
            for at in [0, 16] {
                // SAFETY: within the block.
                unsafe { word(pointer + at).write(pointer) };
            }
            let area = pointer.wrapping_add_signed(offset);
            // SAFETY: within the block. No CPU yet, and the number by which threads say that they
            // have none.
            unsafe { ptr::with_exposed_provenance_mut::<[i32; 4]>(area).write([0, -1, 0, 0]) };
            Self { memory, pointer }
        }

        fn stack(&self) -> *mut libc::c_void {
            let start = self.memory.as_ptr().expose_provenance();
            ptr::with_exposed_provenance_mut(start + (200 << 10))
        }
    }

    fn start(errand: &Errand<'_>, made: &Made) {
        let flags = libc::CLONE_VM
            | libc::CLONE_FS
            | libc::CLONE_FILES
            | libc::CLONE_SIGHAND
            | libc::CLONE_THREAD
            | libc::CLONE_SYSVSEM
            | libc::CLONE_SETTLS
            | libc::CLONE_CHILD_CLEARTID;
        let tls = ptr::with_exposed_provenance_mut::<libc::c_void>(made.pointer);
        let argument = ptr::from_ref(errand).cast_mut().cast::<libc::c_void>();
        // SAFETY: a stack and a block for the thread alone, which stay until `lives` is cleared; the
        // body allocates nothing and locks nothing.
        let thread = unsafe {
            libc::clone(
                body,
                made.stack(),
                flags,
                argument,
                ptr::null_mut::<libc::pid_t>(),
                tls,
                errand.lives.as_ptr(),
            )
        };
        assert!(thread > 0, "{}", std::io::Error::last_os_error());
    }

    #[test]
    fn a_thread_that_libc_does_not_know_is_a_stray() {
        alone(a_thread_that_libc_does_not_know_is_a_stray, as_it_is, || {
            let Some(offset) = area::offset() else {
                return println!("LEFT OUT: the C library has no areas");
            };
            // A thread whose block lies above its stack, as `Made` wants it.
            thread::spawn(move || with_strays(offset)).join().unwrap();
        });
    }

    fn with_strays(offset: isize) {
        const EACH: u64 = 100_000;
        let sum = Sum::new();
        // Whatever is made at first use is made.
        sum.adder::<Cpu>().add(0);
        let made = [Made::new(offset), Made::new(offset)];
        let errand = || Errand { sum: &sum, each: EACH, lives: AtomicI32::new(1) };
        let errands = [errand(), errand()];
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..EACH).for_each(|round| sum.adder::<Cpu>().add(round)));
            }
            errands.iter().zip(&made).for_each(|(errand, made)| start(errand, made));
            while errands.iter().any(|errand| errand.lives.load(Ordering::Acquire) != 0) {
                thread::sleep(Duration::from_millis(1));
            }
        });
        assert_eq!((sum.all(), sum.strays()), (1 + 4 * EACH, 2 * EACH));
    }
}

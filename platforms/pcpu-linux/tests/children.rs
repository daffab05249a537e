// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can only be tried in a process of its own: forks, limits, signals.
//!
//! A child is forked, does its part alone, and says by its exit status how it went. One test
//! at a time, so that no other thread is inside a lock when the child is made.
#![cfg(target_os = "linux")]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use common::{backed_bytes, backed_bytes_in, map, mappings, system_page};
use pcpu_layout::{PageCount, Span};
use pcpu_linux::{Backing, BuildError, Linux};
use pcpu_platform::{Addr, Effort, Frames, MapFailed, Mapper, Memory, NoPages};

const MIB: usize = 1 << 20;

/// How a child ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Exit(i32),
    Signal(i32),
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs `body` in a child. A panic in it is exit status 1.
fn in_child(body: impl FnOnce()) -> End {
    // A test that failed with the lock held has left nothing behind.
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // SAFETY: no other test runs, and the rest of the harness waits.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork failed");
    if child == 0 {
        let ended = catch_unwind(AssertUnwindSafe(body));
        if let Err(payload) = &ended {
            let words = payload.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("?");
            // SAFETY: the text outlives the call. The harness would keep it to itself.
            unsafe { libc::write(2, words.as_ptr().cast(), words.len()) };
        }
        // SAFETY: ends the child at once, without the harness's clean-up.
        unsafe { libc::_exit(i32::from(ended.is_err())) };
    }
    let mut status = 0;
    // SAFETY: our own child, and a status to write to.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    if libc::WIFSIGNALED(status) {
        return End::Signal(libc::WTERMSIG(status));
    }
    End::Exit(libc::WEXITSTATUS(status))
}

/// Limits this process to `extra` bytes more of `resource` than `/proc/self/status` shows.
fn limit(resource: rustix::process::Resource, field: &str, extra: usize) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let most = kib * 1024 + extra as u64;
    let limit = rustix::process::Rlimit { current: Some(most), maximum: Some(most) };
    rustix::process::setrlimit(resource, limit).unwrap();
    most
}

fn machine(backing: Backing) -> Linux {
    Linux::builder().cpus(2).address_space(256 * MIB).backing(backing).build().unwrap()
}

fn read(machine: &Linux, at: Addr) -> u8 {
    let mut byte = [0];
    // SAFETY: the tests read pages that they mapped or took.
    unsafe { machine.read(at, &mut byte) };
    byte[0]
}

fn write(machine: &Linux, at: Addr, byte: u8) {
    // SAFETY: the tests write pages that they mapped or took.
    unsafe { machine.write(at, &[byte]) };
}

#[test]
fn parent_and_child_do_not_see_each_other_s_writes() {
    for backing in [Backing::Overcommitted, Backing::Accounted] {
        let machine = machine(backing);
        let page = machine.page_size();
        let base = machine.reserve(&[Span::new(0, 4 * page)], page).unwrap();
        map(&machine, base, 2);
        let run = machine.take_run(PageCount::new(2), page, None, Effort::Normal).unwrap();
        for at in [base, base.offset(page), run, run.offset(page)] {
            write(&machine, at, 1);
        }

        let end = in_child(|| {
            assert_eq!((read(&machine, base), read(&machine, run)), (1, 1));
            for at in [base, run] {
                write(&machine, at, 2);
            }
            // Freeing and mapping again in the child is the child's affair, too.
            common::unmap(&machine, base.offset(page), 1);
            common::give(&machine, run.offset(page), 1);
            map(&machine, base.offset(page), 3);
            write(&machine, base.offset(page), 2);
            let more = machine.take_run(PageCount::new(9), page, None, Effort::Normal).unwrap();
            write(&machine, more, 2);
            assert_eq!((read(&machine, base), read(&machine, run)), (2, 2));
        });
        assert_eq!(end, End::Exit(0), "{backing:?}");
        for at in [base, base.offset(page), run, run.offset(page)] {
            assert_eq!(read(&machine, at), 1, "{backing:?}");
        }
        assert_eq!(machine.backed_pages(), PageCount::new(4));
    }
}

#[test]
fn what_the_parent_writes_after_the_fork_stays_with_the_parent() {
    let machine = machine(Backing::Overcommitted);
    let run = machine.take_run(PageCount::new(1), machine.page_size(), None, Effort::Low).unwrap();
    write(&machine, run, 1);
    let end = in_child(|| {
        // The child forks in turn and, as a parent, writes while its own child waits for it.
        let (mut done, mut tell) = (0, 0);
        let mut ends = [0; 2];
        // SAFETY: an array of two, as it wants.
        assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
        // SAFETY: a process of one thread.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: its own copy of the other end, so that it does not wait for itself should
            // its parent die.
            unsafe { libc::close(ends[1]) };
            // SAFETY: one byte of the variable's own.
            unsafe { libc::read(ends[0], (&raw mut done).cast(), 1) };
            let saw = read(&machine, run);
            // SAFETY: ends the grandchild at once.
            unsafe { libc::_exit(saw.into()) };
        }
        write(&machine, run, 2);
        // SAFETY: one byte of the variable's own.
        unsafe { libc::write(ends[1], (&raw mut tell).cast(), 1) };
        let mut status = 0;
        // SAFETY: our own child.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(libc::WEXITSTATUS(status), 1);
        let _: (u8, u8) = (done, tell);
    });
    assert_eq!(end, End::Exit(0));
}

#[test]
fn all_memory_returns_with_the_last_handle() {
    let end = in_child(|| {
        let machine = machine(Backing::Overcommitted);
        let other = machine.clone();
        let space = machine.address_space();
        let page = machine.page_size();
        machine.take_run(PageCount::new(100), page, None, Effort::Normal).unwrap();
        drop(machine);
        assert_eq!(backed_bytes(&other), 100 * page);
        drop(other);
        // What lies there now is at most what the test itself has allocated since.
        let left = backed_bytes_in(space);
        assert!(left < 100 * page, "{left} bytes");
    });
    assert_eq!(end, End::Exit(0));
}

#[test]
fn a_page_that_is_not_mapped_faults_where_memory_is_accounted() {
    let machine = machine(Backing::Accounted);
    let page = machine.page_size();
    let base = machine.reserve(&[Span::new(0, 4 * page)], page).unwrap();
    map(&machine, base, 2);
    assert_eq!(in_child(|| write(&machine, base.offset(page), 1)), End::Exit(0));
    common::unmap(&machine, base.offset(page), 1);
    for at in [base.offset(page), base.offset(2 * page)] {
        assert_eq!(in_child(|| write(&machine, at, 1)), End::Signal(libc::SIGSEGV));
    }
}

#[test]
fn under_a_limit_the_default_takes_a_quarter_and_no_more() {
    let end = in_child(|| {
        let most = limit(rustix::process::Resource::As, "VmSize:", 4096 * MIB);
        let machine = Linux::builder().build().unwrap();
        let space = machine.address_space();
        let len = (space.end.get() - space.start.get()) as u64;
        assert!(len <= most / 4 + system_page() as u64, "{len} of {most} bytes");
        assert!(len > most / 8, "{len} of {most} bytes");
    });
    assert_eq!(end, End::Exit(0));
}

#[test]
fn a_refusal_says_what_was_asked_and_what_the_limit_is() {
    let end = in_child(|| {
        let most = limit(rustix::process::Resource::As, "VmSize:", 64 * MIB) as usize;
        let asked = 1024 * MIB;
        let error = Linux::builder().address_space(asked).build().unwrap_err();
        let limit = Some(most);
        assert_eq!(error, BuildError::Refused { asked, least: asked, limit, code: libc::ENOMEM });
        let expected = format!(
            "the system refused to reserve {asked} bytes of addresses; \
             the process may have {most}: Cannot allocate memory (os error 12)"
        );
        assert_eq!(error.to_string(), expected);
        // What fits is granted.
        Linux::builder().address_space(16 * MIB).build().unwrap();
    });
    assert_eq!(end, End::Exit(0));
}

#[test]
fn without_room_for_the_least_reservation_the_default_is_refused() {
    let end = in_child(|| {
        limit(rustix::process::Resource::As, "VmSize:", 8 * MIB);
        let error = Linux::builder().build().unwrap_err();
        assert!(matches!(error, BuildError::Refused { code: libc::ENOMEM, .. }), "{error}");
    });
    assert_eq!(end, End::Exit(0));
}

#[test]
fn memory_that_the_system_refuses_is_an_error_and_can_be_tried_again() {
    let end = in_child(|| {
        let machine = machine(Backing::Accounted);
        let page = machine.page_size();
        let areas = [Span::new(0, 64 * MIB)];
        let base = machine.reserve(&areas, page).unwrap();
        let before = mappings(&machine);
        limit(rustix::process::Resource::Data, "VmData:", 8 * MIB);

        let many = PageCount::new(64 * MIB / page);
        let run = machine.take_run(many, page, None, Effort::Normal);
        assert_eq!(run, Err(NoPages));
        let frames = vec![machine.take_frame(None, Effort::Normal).unwrap(); many.get()];
        // SAFETY: reserved above and not mapped.
        assert_eq!(unsafe { machine.map(base, &frames) }, Err(MapFailed));
        common::unmap(&machine, base, many.get());
        assert_eq!(mappings(&machine), before);
        assert_eq!(machine.backed_pages(), PageCount::ZERO);

        // Nothing was lost: a smaller wish is granted, at the place the refused one had.
        let run = machine.take_run(PageCount::new(4), page, None, Effort::Normal).unwrap();
        assert_eq!(run, machine.address_space().start);
        map(&machine, base, 4);
    });
    assert_eq!(end, End::Exit(0));
}

#[test]
fn locking_future_memory_does_not_populate_the_reservation() {
    let end = in_child(|| {
        // SAFETY: changes what later mappings of this child do, no more.
        if unsafe { libc::mlockall(libc::MCL_FUTURE) } != 0 {
            return;
        }
        // Without the privilege a reservation beyond the limit on locked memory is refused.
        match Linux::builder().cpus(2).address_space(64 * MIB).build() {
            Ok(machine) => assert_eq!(backed_bytes(&machine), 0),
            Err(error) => assert!(matches!(error, BuildError::Refused { .. }), "{error}"),
        }
    });
    assert_eq!(end, End::Exit(0));
}

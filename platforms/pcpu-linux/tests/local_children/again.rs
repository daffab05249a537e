// SPDX-License-Identifier: MIT OR Apache-2.0
//! A test's own process: this program again, with that test alone.

use std::any::type_name;
use std::env;
use std::process::Command;

use pcpu_linux::local::{Mode, Registrar, mode};

/// Set in such a process, to the test's name.
const CHILD: &str = "PCPU_TEST_ALONE";

/// Runs `body` in a process that `prepare` has set up, for the test of that name, which is to call this
/// and do nothing else.
pub fn alone<T: Fn()>(_: T, prepare: impl FnOnce(&mut Command), body: impl FnOnce()) {
    // crate::module::function
    let (_, name) = type_name::<T>().split_once("::").expect("a path");
    if env::var(CHILD).is_ok_and(|child| child == name) {
        return body();
    }
    let mut command = Command::new(env::current_exe().expect("a program knows where it is"));
    command.args(["--exact", name, "--nocapture"]).env(CHILD, name).env_remove("PCPU_RSEQ");
    prepare(&mut command);
    let output = command.output().expect("a program can run itself");
    let (out, err) = (&output.stdout, &output.stderr);
    let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    assert!(output.status.success(), "{}\n{out}{err}", output.status);
    assert!(out.contains("1 passed"), "no test was run:\n{out}{err}");
    out.lines().filter(|line| line.starts_with("LEFT OUT")).for_each(|line| println!("{line}"));
}

/// No more than a process of one's own.
pub fn as_it_is(_: &mut Command) {}

/// The C library registers no threads.
pub fn without_libc_s_areas(command: &mut Command) {
    command.env("GLIBC_TUNABLES", "glibc.pthread.rseq=0");
}

/// Who registers threads in this process. Says aloud where nobody does, which is the kernel's affair.
pub fn registrar() -> Option<Registrar> {
    match mode() {
        Mode::Sequences(sequence) => Some(sequence.by),
        Mode::Fallback(reason) => {
            println!("LEFT OUT: {reason}");
            None
        }
    }
}

/// Says that the process's threads are registered by pcpu, where the C library was told not to.
pub fn is_registered_by_pcpu() -> bool {
    let registrar = registrar();
    assert_ne!(registrar, Some(Registrar::Libc), "the C library was told not to");
    registrar.is_some()
}

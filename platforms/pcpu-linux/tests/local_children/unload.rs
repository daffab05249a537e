// SPDX-License-Identifier: MIT OR Apache-2.0
//! A loaded object with sequences in it, and its end (RS-14).
#![allow(unsafe_code)]
#![cfg(target_env = "gnu")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::{env, fs, thread};

use libloading::{Library, Symbol};

use crate::again::{alone, as_it_is};

/// Builds the example, beside this test's own program, and returns where it is.
fn example() -> PathBuf {
    let program = env::current_exe().unwrap();
    // <target>/<profile>/deps/<program>
    let profile: &Path = program.parent().and_then(Path::parent).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "pcpu-linux", "--example", "loadable"]);
    cargo.arg("--target-dir").arg(profile.parent().unwrap());
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success(), "the example does not build");
    profile.join("examples/libloadable.so")
}

/// What it exports.
struct Loaded {
    library: Library,
}

impl Loaded {
    fn new(path: &Path) -> Self {
        // SAFETY: an example of this crate, without constructors.
        Self { library: unsafe { Library::new(path) }.unwrap() }
    }

    fn call<R>(&self, name: &str) -> R {
        // SAFETY: those without arguments, with the types that they have there.
        let call: Symbol<'_, extern "C" fn() -> R> = unsafe { self.library.get(name) }.unwrap();
        call()
    }

    fn count(&self, times: u64) {
        // SAFETY: exported with this type.
        let call: Symbol<'_, extern "C" fn(u64)> =
            unsafe { self.library.get("loadable_count") }.unwrap();
        call(times);
    }
}

/// Whether anything is mapped there.
fn is_mapped(address: usize) -> bool {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let hex = |digits| usize::from_str_radix(digits, 16).unwrap();
    maps.lines()
        .filter_map(|line| line.split_whitespace().next()?.split_once('-'))
        .any(|(start, end)| (hex(start)..hex(end)).contains(&address))
}

/// A thread that counts when it is told to, in an object that is to be gone afterwards.
fn counter(orders: &mpsc::Receiver<usize>, done: &mpsc::Sender<()>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        // Between two orders it is preempted as often as can be.
        thread::yield_now();
        if let Ok(loaded) = orders.try_recv() {
            // SAFETY: the one who gave the order waits until this is done.
            let loaded = unsafe { &*std::ptr::with_exposed_provenance::<Loaded>(loaded) };
            loaded.count(1000);
            loaded.call::<()>("loadable_leave");
            done.send(()).unwrap();
        }
    }
}

#[test]
fn an_object_can_be_unloaded_when_its_threads_have_left_it() {
    alone(an_object_can_be_unloaded_when_its_threads_have_left_it, as_it_is, || {
        let path = example();
        let over = &AtomicBool::new(false);
        let (tell, done) = mpsc::channel();
        thread::scope(|scope| {
            let mut orders = Vec::new();
            for _ in 0..3 {
                let (order, told) = mpsc::channel();
                let tell = tell.clone();
                scope.spawn(move || counter(&told, &tell, over));
                orders.push(order);
            }
            let mut unloaded = 0;
            for _ in 0..50 {
                let loaded = Loaded::new(&path);
                // In a thread that ends: what it leaves for its end keeps the object loaded.
                let enter = || loaded.call::<u64>("loadable_enter");
                thread::scope(|scope| scope.spawn(enter).join().unwrap());
                let address = (&raw const loaded).expose_provenance();
                orders.iter().for_each(|order| order.send(address).unwrap());
                loaded.count(1000);
                orders.iter().for_each(|_| done.recv().unwrap());
                loaded.call::<()>("loadable_leave");
                assert_eq!(loaded.call::<u64>("loadable_sum"), 4000);
                let inside = loaded.call::<usize>("loadable_address");
                assert!(is_mapped(inside));
                drop(loaded);
                unloaded += usize::from(!is_mapped(inside));
                thread::sleep(std::time::Duration::from_millis(1));
            }
            over.store(true, Ordering::Relaxed);
            assert_eq!(unloaded, 50, "it stays where it is");
        });
    });
}

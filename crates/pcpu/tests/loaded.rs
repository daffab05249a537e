// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shared libraries that bring statics of their own: registered, found, refused, forgotten.
//!
//! The libraries are this crate's examples. Types cross the border between two copies of the same
//! crate, built by the same compiler; a real host would pass numbers.
#![cfg(target_os = "linux")]

mod common;

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, mpsc};
use std::thread;

use libloading::{Library, Symbol};
use pcpu::layout::CpuId;
use pcpu::platform::Event;
use pcpu::{AccessError, AttachError, Image, Pcpu, RegisterError};
use pcpu_linux::{Linux, Uni};

type ImageFn = fn() -> Image;
type CallFn = fn(&Pcpu<Linux>) -> Result<u64, AccessError>;
type CallUniFn = fn(&Pcpu<Uni>) -> Result<u64, AccessError>;
type SeenFn = fn(&Pcpu<Linux>, CpuId) -> Result<u32, AccessError>;

pcpu::statics! {
    static OWN: AtomicU32 = AtomicU32::new(1);
}

/// Builds an example, beside this test's own program, and loads it.
fn load(name: &str) -> Library {
    let program = std::env::current_exe().unwrap();
    // <target>/<profile>/deps/<program>
    let profile: &Path = program.parent().and_then(Path::parent).unwrap();
    let target = profile.parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "pcpu", "--example", name, "--target-dir"]);
    cargo.arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success(), "the example {name} does not build");
    let path: PathBuf = profile.join("examples").join(format!("lib{name}.so"));
    // SAFETY: an example of this crate, without constructors.
    unsafe { Library::new(path) }.unwrap()
}

fn image(library: &Library) -> Image {
    // SAFETY: both examples export it with this type.
    let image: Symbol<'_, ImageFn> = unsafe { library.get("plugin_image") }.unwrap();
    image()
}

#[test]
fn a_loaded_object_has_copies_of_its_own_once_it_is_registered() {
    let (pcpu, library) = (common::smp(), load("plugin"));
    // SAFETY: exported with this type.
    let call: Symbol<'_, CallFn> = unsafe { library.get("plugin_call") }.unwrap();
    // SAFETY: the same.
    let seen: Symbol<'_, SeenFn> = unsafe { library.get("plugin_seen") }.unwrap();
    let image = image(&library);
    assert!(image != Image::of_this_object() && !image.is_empty());
    assert_eq!(call(&pcpu), Err(AccessError::Detached), "not registered yet");

    let before = pcpu.stats();
    // SAFETY: the library outlives it, and is not used by others; nothing is freed by number.
    let registered = unsafe { pcpu.register(image) }.unwrap();
    let calls: u64 = (0..3).map(|_| call(&pcpu).unwrap() - 40).sum();
    assert!((3..=6).contains(&calls), "each CPU counts from 40: {calls}");
    for cpu in pcpu.geometry().cpus() {
        assert_eq!((seen(&pcpu, cpu), seen(&pcpu, cpu)), (Ok(5), Ok(6)));
        assert_eq!(OWN.on(&pcpu, cpu).unwrap().load(Relaxed), 1);
    }
    assert_eq!(pcpu.stats().nr_cur_alloc, before.nr_cur_alloc + 1);
    // SAFETY: refused.
    assert_eq!(unsafe { pcpu.register(image) }.unwrap_err(), RegisterError::Already);

    drop(registered);
    assert_eq!(call(&pcpu), Err(AccessError::Detached), "forgotten");
    assert_eq!(pcpu.stats().nr_cur_alloc, before.nr_cur_alloc);
    // SAFETY: as before.
    let _again = unsafe { pcpu.register(image) }.unwrap();
    assert_eq!(call(&pcpu), Ok(41), "from the start again");
}

#[test]
fn a_pool_of_one_cpu_takes_an_ordinary_area() {
    let (pcpu, library) = (common::uni(), load("plugin"));
    // SAFETY: exported with this type.
    let call: Symbol<'_, CallUniFn> = unsafe { library.get("plugin_call_uni") }.unwrap();
    // SAFETY: the library outlives it, and is not used by others; nothing is freed by number.
    let _registered = unsafe { pcpu.register(image(&library)) }.unwrap();
    assert_eq!((call(&pcpu), call(&pcpu)), (Ok(41), Ok(42)));
}

#[test]
fn a_cpu_attached_after_an_object_gets_its_copies_too() {
    let (config, library, one) = (common::config(), load("plugin"), CpuId::new(1));
    let platform = || Linux::builder().cpus(2).build().unwrap();
    let others = |cpu| cpu != one;
    let in_runs = Pcpu::<_>::with_attached(platform(), &config, others).unwrap();
    let paged = Pcpu::<_>::paged_with_attached(platform(), &config, others).unwrap();
    // SAFETY: exported with this type.
    let seen: Symbol<'_, SeenFn> = unsafe { library.get("plugin_seen") }.unwrap();
    for pcpu in [in_runs, paged] {
        // SAFETY: the library outlives it, and is not used by others; nothing is freed by number.
        let _registered = unsafe { pcpu.register(image(&library)) }.unwrap();
        assert_eq!(seen(&pcpu, one), Err(AccessError::NotAttached { cpu: one }));
        pcpu.attach(one).unwrap();
        assert_eq!(seen(&pcpu, one), Ok(5));
        assert_eq!(OWN.on(&pcpu, one).unwrap().load(Relaxed), 1);
    }
}

/// Asked by the registration itself, which is where an interrupt could come.
#[test]
fn while_an_object_is_registered_a_caller_that_may_not_wait_is_refused() {
    static POOL: OnceLock<Pcpu<Linux>> = OnceLock::new();
    static ANSWERS: Mutex<Vec<Result<(), AttachError>>> = Mutex::new(Vec::new());
    let one = CpuId::new(1);
    let ask = move |event: &Event| {
        if let (Event::Alloc { reserved: true, .. }, Some(pcpu)) = (event, POOL.get()) {
            let answers = [CpuId::new(0), one].map(|cpu| pcpu.try_attach(cpu));
            ANSWERS.lock().unwrap().extend(answers);
        }
    };
    let platform = Linux::builder().cpus(2).observer(Box::new(ask)).build().unwrap();
    let made = Pcpu::<_>::paged_with_attached(platform, &common::config(), |cpu| cpu != one);
    let pcpu = POOL.get_or_init(|| made.unwrap());
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let library = load("plugin");
        // SAFETY: the library outlives it, and is not used by others; nothing is freed by number.
        drop(unsafe { pcpu.register(image(&library)) }.unwrap());
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(120)).expect("it waits for its own thread");
    assert_eq!(*ANSWERS.lock().unwrap(), [Ok(()), Err(AttachError::Busy)]);
    pcpu.try_attach(one).unwrap();
    assert_eq!(OWN.on(pcpu, one).unwrap().load(Relaxed), 1);
}

#[test]
fn an_object_that_does_not_fit_in_the_reserved_region_is_refused() {
    let (pcpu, library) = (common::smp(), load("large_plugin"));
    let image = image(&library);
    // SAFETY: refused.
    let refused = unsafe { pcpu.register(image) }.unwrap_err();
    let reserved = pcpu.geometry().reserved_size();
    let RegisterError::ReservedFull { size, reserved: said, .. } = refused else {
        panic!("refused for another reason: {refused}");
    };
    assert_eq!((size, said), (image.len(), reserved));
    assert!(size >= 16384 && reserved == 8192);
    assert!(refused.to_string().contains("the reserved region of 8192"), "{refused}");
    assert_eq!(pcpu.stats().nr_cur_alloc, 0);
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A CPU goes and comes back while all count: nothing is lost, and its copy keeps its content.
#![allow(unsafe_code)]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use pcpu_linux::local::{Copies, Cpu};

use crate::local_common::{Area, Everywhere};

/// How often the CPU goes.
const TIMES: usize = 4;

/// Takes the last CPU away and gives it back while more threads than CPUs count.
pub fn last_cpu() -> Result<String, String> {
    let Some(switch) = last_switch() else {
        return Ok("no CPU can be taken away here".to_owned());
    };
    let area = Area::new(8);
    let copies = Copies::<Cpu>::new(area.address(0), area.table());
    let (stop, counted) = (AtomicBool::new(false), AtomicU64::new(0));
    let switched = thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut own = 0;
                while !stop.load(Relaxed) {
                    // SAFETY: every copy is an aligned word, changed by these operations alone.
                    unsafe { copies.add(1_u64, &Everywhere) };
                    own += 1;
                }
                counted.fetch_add(own, Relaxed);
            });
        }
        let switched = (0..TIMES).try_for_each(|_| {
            ["0", "1"].into_iter().try_for_each(|state| {
                thread::sleep(Duration::from_millis(100));
                fs::write(&switch, state)
            })
        });
        stop.store(true, Relaxed);
        switched
    });
    // Whatever happened, all CPUs are to be there for the next check.
    let _ = fs::write(&switch, "1");
    switched.map_err(|error| format!("{}: {error}", switch.display()))?;
    match (area.sum(0), counted.load(Relaxed)) {
        (sum, counted) if sum == counted => Ok(format!("{sum} counted, CPU gone {TIMES} times")),
        (sum, counted) => Err(format!("{sum} of {counted}")),
    }
}

/// The file that turns the last CPU off and on, if this process may write it and is alone here.
fn last_switch() -> Option<PathBuf> {
    if std::process::id() != 1 {
        return None;
    }
    let last = fs::read_to_string("/sys/devices/system/cpu/online").ok()?;
    let last = last.trim().rsplit(['-', ',']).next()?.to_owned();
    let switch = PathBuf::from(format!("/sys/devices/system/cpu/cpu{last}/online"));
    switch.exists().then_some(switch)
}

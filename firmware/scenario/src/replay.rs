// SPDX-License-Identifier: MIT OR Apache-2.0
//! A cut of a real kernel's boot: the first requests of the trace that ships with the command.

use pcpu::{AllocError, Context, Cookie, Request};

use crate::console::say;
use crate::{Image, Shared};

/// One step of the trace.
enum Op {
    Alloc {
        id: u16,
        size: u16,
        align: u16,
        context: Context,
    },
    Free {
        id: u16,
    },
    #[allow(dead_code, reason = "a kernel's trace has none; a trace of another kind would")]
    Balance,
}

include!(concat!(env!("OUT_DIR"), "/trace.rs"));

/// Replays the cut, prints what the kernel would print of the pool then, and frees what is left.
///
/// # Panics
/// When a request is refused that could have been served, or an area cannot be freed.
pub fn run<I: Image>(shared: &Shared<I>) {
    let pcpu = shared.pcpu();
    let mut areas: [Option<Cookie>; NR_IDS] = [const { None }; NR_IDS];
    let mut refused = 0;
    for op in &TRACE {
        match *op {
            Op::Alloc { id, size, align, context } => {
                let request = Request::new(size.into(), align.into()).context(context);
                match pcpu.alloc(request) {
                    Ok(cookie) => areas[usize::from(id)] = Some(cookie),
                    Err(AllocError::WouldSleep { .. }) => refused += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            Op::Free { id } => {
                let Some(cookie) = areas[usize::from(id)].take() else { continue };
                pcpu.free(cookie).expect("areas of the trace are live");
            }
            Op::Balance => {}
        }
        if pcpu.balance_wanted() {
            pcpu.balance();
        }
    }
    let requests = TRACE.len();
    say(shared, format_args!("replay: {requests} requests of a kernel's boot, {refused} refused"));
    say(shared, format_args!("percpu_stats:\n{}", pcpu.percpu_stats()));
    for cookie in areas.into_iter().flatten() {
        pcpu.free(cookie).expect("areas of the trace are live");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Out of memory, on purpose, and on again.
//!
//! Areas of the largest size until one is refused. There is no memory for a list of what to free,
//! so the areas are the list: each holds the number of the one before it.

use core::num::NonZeroUsize;

use pcpu::layout::CpuId;
use pcpu::{AllocError, Cookie, Request};

use crate::{Image, Shared};

/// Takes all there is; returns how many areas that were.
///
/// # Panics
/// When memory ends with another error than that of having none, or is not there again after.
pub fn run<I: Image>(shared: &Shared<I>) -> u32 {
    let pcpu = shared.pcpu();
    pcpu.trim();
    let before = pcpu.stats();
    let size = pcpu.geometry().max_area();
    let (mut last, mut nr_areas) = (None, 0);
    let error = loop {
        match pcpu.alloc(Request::new(size, 8)) {
            Ok(cookie) => {
                // SAFETY: the area is live and nobody else's.
                unsafe { word(shared, &cookie).write(last.map_or(0, NonZeroUsize::get)) };
                last = Some(cookie.into_raw());
                nr_areas += 1;
            }
            Err(error) => break error,
        }
    };
    let out_of_memory = matches!(error, AllocError::NoChunk { .. } | AllocError::OutOfPages { .. });
    assert!(out_of_memory, "memory ends in another way: {error}");
    assert!(nr_areas > 0, "there was memory for some");

    while let Some(raw) = last {
        let cookie = Cookie::from_raw(raw);
        // SAFETY: as above; written in the loop above.
        last = NonZeroUsize::new(unsafe { word(shared, &cookie).read() });
        pcpu.free(cookie).expect("a live area");
    }
    pcpu.trim();
    let after = pcpu.stats();
    assert_eq!(after.nr_cur_alloc, before.nr_cur_alloc, "all areas are free again");
    assert_eq!(after.nr_chunks, before.nr_chunks, "and their chunks are gone");
    assert_eq!(after.total_pages, before.total_pages, "and every page is back");
    nr_areas
}

/// The first word of CPU 0's copy.
fn word<I: Image>(shared: &Shared<I>, cookie: &Cookie) -> *mut usize {
    let at = shared.pcpu().address(cookie, CpuId::new(0)).expect("there is a CPU 0");
    core::ptr::with_exposed_provenance_mut(at.get())
}

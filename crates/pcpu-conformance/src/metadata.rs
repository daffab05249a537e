// SPDX-License-Identifier: MIT OR Apache-2.0
//! The promises of [`Metadata`]: zeroed, aligned, and the caller's alone.

use core::alloc::Layout;
use core::ptr::NonNull;

use pcpu_platform::{Metadata, NoMetadata};

/// Size and alignment of pieces that are held at once.
const SHAPES: [(usize, usize); 7] =
    [(1, 1), (24, 8), (3, 2), (64, 64), (200, 16), (4096, 8), (12_000, 64)];
/// How many small pieces are held at once.
const MANY: usize = 24;

/// Checks the promises of [`Metadata`].
///
/// # Panics
/// When one is not kept; the message says which.
pub fn metadata<P: Metadata>(platform: &P) {
    // Twice, so that memory which was used and given back is had again.
    for _ in 0..2 {
        let layouts = SHAPES.map(|(size, align)| layout(size, align));
        hold_at_once(platform, layouts);
        hold_at_once(platform, [layout(48, 8); MANY]);
    }
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("the suite's own layouts are sound")
}

/// Takes all, marks each with a byte of its own, and looks whether each still has it.
fn hold_at_once<P: Metadata, const N: usize>(platform: &P, layouts: [Layout; N]) {
    let pieces = layouts.map(|layout| (take(platform, layout), layout));
    for (mark, &(at, layout)) in (1..).zip(&pieces) {
        // SAFETY: the piece was taken above with this layout, so it may be written in full.
        unsafe { at.write_bytes(mark, layout.size()) };
    }
    for (mark, &(at, layout)) in (1..).zip(&pieces) {
        assert!(
            is_all(at, layout, mark),
            "Metadata, take_metadata: a piece belongs to the caller alone ({layout:?})"
        );
    }
    for (at, layout) in pieces {
        // SAFETY: taken above with this layout, given once, not used below.
        unsafe { platform.give_metadata(at, layout) };
    }
}

fn take<P: Metadata>(platform: &P, layout: Layout) -> NonNull<u8> {
    let at = match platform.take_metadata(layout) {
        Ok(at) => at,
        Err(NoMetadata) => {
            panic!("Metadata, take_metadata: {layout:?} was refused; the suite needs about 20 KiB")
        }
    };
    assert!(
        at.addr().get().is_multiple_of(layout.align()),
        "Metadata, take_metadata: the memory is aligned as asked ({layout:?})"
    );
    assert!(
        is_all(at, layout, 0),
        "Metadata, take_metadata: the memory is all zeros, also when it was used before ({layout:?})"
    );
    at
}

fn is_all(at: NonNull<u8>, layout: Layout, value: u8) -> bool {
    (0..layout.size()).all(|i| {
        // SAFETY: `i` lies within the size that was taken.
        let byte = unsafe { at.add(i) };
        // SAFETY: the platform promises initialised memory, and the suite is its only user.
        let byte = unsafe { byte.read() };
        byte == value
    })
}

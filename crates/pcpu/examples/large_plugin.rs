// SPDX-License-Identifier: MIT OR Apache-2.0
//! A shared library with more statics than a reserved region of the usual size takes.
//!
//! Loading it is refused by `tests/loaded.rs`, before any of its code uses them.

use core::cell::Cell;

use pcpu::Image;

pcpu::statics! {
    /// Twice what is reserved for modules.
    pub static BUFFER: [Cell<u8>; 16384] = [const { Cell::new(0) }; 16384];
}

/// What the host must register.
#[unsafe(no_mangle)]
// SAFETY: no other function of that name is in the host.
pub fn plugin_image() -> Image {
    // Named, so that no linker leaves it out as unused.
    core::hint::black_box(&BUFFER);
    Image::of_this_object()
}

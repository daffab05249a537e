// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the images do on their boards, whatever the board (all but `an521-tiny`, which is too small
//! for it).
//!
//! ```text
//!  CPU 0                                         the others
//!  conformance suite
//!  pool, with the image's static variables
//!  release_others ───────────────────────────►   are they who they think they are?
//!  statics ──────── all CPUs at once ────────────────── statics
//!  crowd: alloc, use, hand over, free ── all ──── crowd     (CPU 0 balances as well)
//!  interrupts into the crowd ────────────────►   handlers that count, allocate and free
//!  mapped: map, depopulate, flush ── all ─────── probe every page, from every CPU
//!  replay of a real kernel's boot, percpu_stats  wait
//!  out of memory, and on again
//!  crowd once more ─────────── all ──────────────────── crowd
//!  check, PASS                                   wait
//! ```
//!
//! Every step checks what it did; the first thing that is not as it should be ends the machine
//! with a sentence and a status that is not 0. Only an image that came to the end prints `PASS`.
//!
//! A board's crate supplies an [`Image`] and start-up code; a program is an image by
//! [`image!`] and nothing more.
#![no_std]

mod console;
mod crowd;
mod exhaust;
mod faulty;
mod image;
mod mapped;
mod meeting;
mod random;
mod replay;
mod run;
mod statics;

pub use faulty::Faulty;
pub use image::{Image, MappedImage, Memory, Shared};
pub use mapped::primary as primary_mapped;
pub use mapped::secondary as secondary_mapped;
pub use meeting::Meeting;
pub use run::{interrupted, primary, secondary};

/// Makes the program an image: supplies the functions that start-up and interrupt code of the
/// board call, for an [`Image`], or after the word `mapped` for a [`MappedImage`].
#[macro_export]
macro_rules! image {
    (mapped $image:ty) => {
        $crate::image!($image, primary_mapped, secondary_mapped);
    };
    ($image:ty) => {
        $crate::image!($image, primary, secondary);
    };
    ($image:ty, $primary:ident, $secondary:ident) => {
        static SHARED: $crate::Shared<$image> = $crate::Shared::new();

        #[unsafe(no_mangle)]
        fn image_primary() -> ! {
            $crate::$primary(&SHARED)
        }

        #[unsafe(no_mangle)]
        fn image_secondary() -> ! {
            $crate::$secondary(&SHARED)
        }

        #[unsafe(no_mangle)]
        fn image_interrupted() {
            $crate::interrupted(&SHARED)
        }
    };
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Images: all templates of one object, as the linker laid them out.
//!
//! An *object* is what a linker makes in one go: a program, a firmware image, a shared library.
//! It gathers the templates of all its crates in one section, and two symbols say where that
//! begins and ends:
//!
//! ```text
//!  __start_pcpu_statics                                   __stop_pcpu_statics
//!  │ template │ template │ .. │ template │ ...   template │
//! ```
//!
//! The section's name is one that C could spell, so linkers make the symbols without being asked.
//! A firmware's own linker script makes them with `link/pcpu.x`; see [`statics!`](crate::statics!).
//! The symbols are hidden, so that each object sees its own, and weak, so that an object without
//! statics links too.
#![allow(unsafe_code)]

use core::fmt;
use core::ptr;
use core::slice;

use super::template::MAX_ALIGN;

/// The static per-CPU variables of one object: their initial values, in one piece.
///
/// A value of this type is the promise of whoever made it, see [`from_raw`](Self::from_raw).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// Address of the first byte; its provenance is exposed.
    start: usize,
    len: usize,
}

impl Image {
    /// An image without statics.
    pub const EMPTY: Self = Self { start: 0, len: 0 };

    /// Returns the image of the object that this copy of the crate was linked into: the calling
    /// program, or the calling shared library if that brought a copy of its own. Whoever unloads a
    /// library sees to it that nobody keeps its image.
    pub fn of_this_object() -> Self {
        let (start, stop) = symbols::bounds();
        Self { start, len: stop - start }
    }

    /// Makes an image of the `len` bytes from `start`.
    ///
    /// # Safety
    /// - They are initialised and may be read, and nobody changes them, for as long as the image,
    ///   a copy of it or a [`Registered`](crate::Registered) made of it exists.
    /// - Each template of a static lies wholly inside or wholly outside.
    pub unsafe fn from_raw(start: *const u8, len: usize) -> Self {
        Self { start: start.expose_provenance(), len }
    }

    /// Returns its size in bytes, which is what each CPU's copies of these statics take.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Says whether there are no statics.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The alignment that a copy must have for everything in it to be aligned as in the image, at
    /// most [`MAX_ALIGN`]; in bytes.
    ///
    /// An object has nowhere that says what its section was aligned to. It was not aligned to more
    /// than it happens to be, nor to more than it is long: a type's size is a multiple of its
    /// alignment.
    pub(crate) fn align(&self) -> usize {
        let by_start = self.start.trailing_zeros();
        let by_len = self.len.max(1).ilog2();
        1 << by_start.min(by_len).min(MAX_ALIGN.ilog2())
    }

    /// How far into the image an address is.
    #[inline]
    pub(crate) const fn offset_of(&self, template: usize) -> Option<usize> {
        let offset = template.wrapping_sub(self.start);
        if offset < self.len { Some(offset) } else { None }
    }

    /// Whether the images share a byte.
    pub(crate) const fn overlaps(&self, other: &Self) -> bool {
        let both = !self.is_empty() && !other.is_empty();
        both && (self.offset_of(other.start).is_some() || other.offset_of(self.start).is_some())
    }

    /// The numbers, for storage in atomics.
    pub(crate) const fn into_parts(self) -> (usize, usize) {
        (self.start, self.len)
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.is_empty() {
            return &[];
        }
        let start = ptr::with_exposed_provenance(self.start);
        // SAFETY: readable, initialised and unchanged while the image exists: by the promise of
        // who made it. The section of this object is there as long as its code, a file has no
        // uninitialised bytes, and templates are never written. Exposed in `from_raw` or `bounds`.
        unsafe { slice::from_raw_parts(start, self.len) }
    }
}

impl fmt::Debug for Image {
    /// Prints no address: it would tell the layout of memory.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("len", &self.len).finish_non_exhaustive()
    }
}

/// The linker's two symbols.
#[cfg(not(any(miri, windows, target_vendor = "apple", target_family = "wasm")))]
mod symbols {
    use core::hint::black_box;

    core::arch::global_asm!(
        ".weak __start_pcpu_statics",
        ".hidden __start_pcpu_statics",
        ".weak __stop_pcpu_statics",
        ".hidden __stop_pcpu_statics",
    );

    unsafe extern "C" {
        #[link_name = "__start_pcpu_statics"]
        safe static START: [u8; 0];
        #[link_name = "__stop_pcpu_statics"]
        safe static STOP: [u8; 0];
    }

    /// Where the section begins and ends; twice 0 without one.
    ///
    /// Only in this object file are the symbols weak and hidden. So it is not to be inlined
    /// elsewhere, nor may the compiler tell callers what it returns, which is as good as a constant:
    /// a program without statics would not link then.
    #[inline(never)]
    pub(super) fn bounds() -> (usize, usize) {
        let [start, stop] = black_box([&raw const START, &raw const STOP]);
        (start.expose_provenance(), stop.expose_provenance())
    }
}

/// No such symbols: every static is outside every image, which its accessors say.
#[cfg(any(miri, windows, target_vendor = "apple", target_family = "wasm"))]
mod symbols {
    pub(super) const fn bounds() -> (usize, usize) {
        (0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn image(start: usize, len: usize) -> Image {
        Image { start, len }
    }

    #[test]
    fn an_address_is_in_the_image_from_its_first_byte_to_its_last() {
        let offsets = [999, 1000, 1015, 1016].map(|at| image(1000, 16).offset_of(at));
        assert_eq!(offsets, [None, Some(0), Some(15), None]);
        assert_eq!(Image::EMPTY.offset_of(0), None);
    }

    #[test]
    fn images_overlap_where_they_share_a_byte() {
        let sixteen = image(1000, 16);
        assert!(sixteen.overlaps(&image(990, 11)) && sixteen.overlaps(&image(1004, 1)));
        assert!(image(1004, 1).overlaps(&sixteen) && sixteen.overlaps(&image(1015, 1)));
        assert!(!sixteen.overlaps(&image(990, 10)) && !sixteen.overlaps(&image(1016, 4)));
        assert!(!sixteen.overlaps(&image(1004, 0)));
    }

    #[test]
    fn a_copy_is_aligned_as_its_image_may_have_had_to_be() {
        let cases = [(0x1004, 100, 4), (0x1040, 100, 64), (0x1000, 100, 64), (0x8000, 9999, 4096)];
        for (start, len, align) in cases {
            assert_eq!(image(start, len).align(), align, "{start:#x}, {len} bytes");
        }
        assert_eq!(Image::EMPTY.align(), 1);
    }

    #[test]
    fn an_image_prints_its_length_and_no_address() {
        extern crate std;
        assert_eq!(std::format!("{:?}", image(4242, 8)), "Image { len: 8, .. }");
    }
}

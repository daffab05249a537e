// SPDX-License-Identifier: MIT OR Apache-2.0
//! The three groups of figures in `percpu_stats`.
//!
//! Each field is named once, here: the name in the file is the name in Rust, and the order
//! of the lines is the order of the fields.

use std::fmt;

/// A group of `name : value` lines.
pub(super) trait Group: Default {
    /// All fields, in the file's order.
    const NAMES: &'static [&'static str];

    /// The field of that name.
    fn field_mut(&mut self, name: &str) -> Option<&mut u64>;
}

/// Makes a [`Group`] that prints as the kernel prints it.
macro_rules! group {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: u64,)*
        }

        impl Group for $name {
            const NAMES: &[&str] = &[$(stringify!($field)),*];

            fn field_mut(&mut self, name: &str) -> Option<&mut u64> {
                match name {
                    $(stringify!($field) => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(writeln!(f, "  {:<20}: {:>12}", stringify!($field), self.$field)?;)*
                Ok(())
            }
        }
    };
}

group! {
    /// How the allocator was set up; all in bytes.
    Allocation {
        /// One CPU's piece of a chunk.
        unit_size,
        /// Static region of the first chunk.
        static_size,
        /// Reserved region of the first chunk.
        reserved_size,
        /// Dynamic region of the first chunk.
        dyn_size,
        /// Smallest piece the first chunk's memory came in.
        atom_size,
        /// Bytes that one such allocation takes.
        alloc_size,
    }
}

group! {
    /// Totals over all chunks.
    Global {
        /// Areas handed out since boot.
        nr_alloc,
        /// Areas freed since boot.
        nr_dealloc,
        /// Areas alive.
        nr_cur_alloc,
        /// Most areas ever alive.
        nr_max_alloc,
        /// Chunks; the first and the reserved one count as one.
        nr_chunks,
        /// Most chunks ever.
        nr_max_chunks,
        /// Smallest area ever, in bytes per CPU.
        min_alloc_size,
        /// Largest area ever, in bytes per CPU.
        max_alloc_size,
        /// Pages that are populated and hold no area.
        empty_pop_pages,
    }
}

group! {
    /// Figures of one chunk.
    ChunkStats {
        /// Areas alive.
        nr_alloc,
        /// Largest area ever, in bytes per CPU.
        max_alloc_size,
        /// Pages that are populated and hold no area.
        empty_pop_pages,
        /// First free place, in bits of 4 bytes from the chunk's start.
        first_bit,
        /// Free bytes.
        free_bytes,
        /// Longest free run as the chunk remembers it, in bytes.
        contig_bytes,
        /// Free bytes before the end of the last area.
        sum_frag,
        /// Longest free run among those, in bytes.
        max_frag,
        /// Smallest area alive, in bytes.
        cur_min_alloc,
        /// Median of the areas alive, in bytes.
        cur_med_alloc,
        /// Largest area alive, in bytes.
        cur_max_alloc,
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Static per-CPU variables: a name in the program, a copy on every CPU of every pool.
//!
//! [`statics!`](crate::statics!) is the place to read about them; this is how it is done.
//!
//! ```text
//!  statics! { static HITS: Cell<u64> = Cell::new(0); }
//!
//!     HITS (type)    implements Definition: the value's type, the template's address
//!     HITS (value)   Static<HITS>, a handle of no size
//!     a template     in the linker section pcpu_statics ──► Image ──► a copy in each unit
//! ```

mod handle;
mod image;
mod macros;
mod template;

pub use handle::{AccessError, Static};
pub use image::Image;
pub use template::{Definition, Initial, MAX_ALIGN, Template};

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The macro, in the same words for firmware and for Linux.

/// Defines static per-CPU variables.
///
/// Each has one initial value in the program, and in every [`Pcpu`](crate::Pcpu) a copy for every
/// CPU. The name is a [`Static`](crate::Static): a handle of no size, from which the running CPU's
/// copy is had by [`get`](crate::Static::get), and any CPU's by [`on`](crate::Static::on). In a
/// program an atomic needs no pool to name: [`this_cpu`](crate::Static::this_cpu).
///
/// ```
/// # #[cfg(all(feature = "std", target_os = "linux"))]
/// # fn main() -> Result<(), Box<dyn core::error::Error>> {
/// use core::cell::Cell;
/// use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
/// use pcpu::Config;
///
/// pcpu::statics! {
///     /// Used by its own CPU alone: a `Cell` will do.
///     pub static DEPTH: Cell<u32> = Cell::new(0);
///     /// Read by others too.
///     pub static HITS: AtomicU64 = AtomicU64::new(0);
/// }
///
/// let pcpu = pcpu::default::pcpu(&Config::default())?;
/// pcpu.pinned(|here| {
///     DEPTH.get(here).set(1);
///     HITS.get(here).fetch_add(1, Relaxed);
/// });
/// let hits = pcpu.geometry().cpus().filter_map(|cpu| HITS.on(&pcpu, cpu));
/// assert_eq!(hits.map(|hits| hits.load(Relaxed)).sum::<u64>(), 1);
/// # Ok(())
/// # }
/// # #[cfg(not(all(feature = "std", target_os = "linux")))]
/// # fn main() {}
/// ```
///
/// # What may be one
/// The type is `Send`, because copies are used by whatever runs on the CPU; `'static`; needs no
/// dropping; and is aligned to at most [`MAX_ALIGN`](crate::MAX_ALIGN), 4096. It need not be `Sync`
/// for `get`. The initial value is a constant, and stands outside any `unsafe` block. Each of these
/// is an error at compile time.
///
/// A static that other CPUs write too is kept apart from its neighbours by its type's alignment,
/// as anywhere in Rust: `crossbeam_utils::CachePadded<AtomicU64>`.
///
/// # Soundness
/// Holes that were published of other libraries, and why they are not here. `tests/holes.rs` has
/// each of them, or the reason why it does not compile, in `tests/ui`.
///
/// | hole | where it was | here |
/// |---|---|---|
/// | a nested or interrupting access gets a second `&mut` | percpu `with_current`, Hermit, moss-kernel | `get` gives `&T`, never `&mut` |
/// | an interrupt handler runs in the middle of an access | the same | `pinned` keeps out all others that pin, by the platform's promise |
/// | a guard that is `Sync` is used on another CPU | ostd #3891 | [`Pinned`](crate::Pinned) is neither `Send` nor `Sync` |
/// | guards dropped out of order unmask too early | ostd #3896 | there is no guard, only a closure |
/// | use before set-up reads nothing or something else | ostd #1069 | a copy is reached through a pool, which exists once it is set up; a pool that has none of this static says so |
/// | a borrow leaves as the closure's result | ostd #997 | `for<'pin>`, and `'pin` is invariant |
/// | a token of one pool is used with another | — | the token names the pool, handles look there |
/// | a second set-up resets variables that are in use | percpu `init` | each pool has copies of its own |
/// | a CPU out of range is read | percpu `remote_ptr` | `on` returns `None` |
/// | any type, though values move between threads | percpu | `Send`; for `on` also `Sync` |
/// | safe functions that set base registers | percpu `init` | nothing here sets one |
/// | unsafe code smuggled into the initial value | percore before 0.3 | the macro puts it in no `unsafe` block |
/// | addresses without provenance, symbols taken for objects | percore before 0.3, percpu #18 | exposed provenance throughout; Miri runs the tests |
/// | memory is freed under a reference, by its number | areas of this allocator, before they could be kept | statics cannot be freed; areas of loaded objects are kept |
/// | values duplicated that must not be | ax-percpu names it | a constant's value may be; and nothing that needs dropping |
/// | a handler that nothing masks runs in the middle | Linux's fallback | the platform refuses, or panics |
///
/// # Where it works
/// Where objects are ELF. The linker gathers the templates in the section `pcpu_statics` and makes
/// two symbols that say where it is. Under a script that does not mention the section, it lands
/// beside other writable data, which on a machine that starts from flash nobody loads. Such a
/// script takes the file `link/pcpu.x` of this crate as the content of a section,
///
/// ```text
/// SECTIONS
/// {
///   pcpu_statics : { INCLUDE pcpu.x } > FLASH
/// }
/// ```
///
/// which may lie in read-only memory. (GNU ld wants the option `-L`, for the folder with `pcpu.x`,
/// before `-T`.) A script that discards the section shows at the first access, which panics with a
/// message that says so.
///
/// On a machine of one CPU there is one copy, and the CPU is not looked at but for being possible.
#[macro_export]
macro_rules! statics {
    ($($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = $value:expr;)*) => {$(
        $(#[$attribute])*
        #[doc(hidden)]
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        $visibility struct $name {}

        $(#[$attribute])*
        impl $crate::__statics::Initial for $name {
            type Value = $type;
            const VALUE: $type = $value;
        }

        $(#[$attribute])*
        // SAFETY: one static, initialised from a constant, in the section.
        unsafe impl $crate::__statics::Definition for $name {
            #[inline]
            fn template() -> *const $crate::__statics::Template<
                <$name as $crate::__statics::Initial>::Value,
            > {
                // The user's type and value are not named here, where `TEMPLATE` would shadow.
                #[used]
                #[cfg_attr(
                    not(any(windows, target_vendor = "apple", target_family = "wasm")),
                    // SAFETY: the section has templates and nothing else.
                    unsafe(link_section = "pcpu_statics")
                )]
                static TEMPLATE: $crate::__statics::Template<
                    <$name as $crate::__statics::Initial>::Value,
                > = $crate::__statics::Template::new(<$name as $crate::__statics::Initial>::VALUE);
                &raw const TEMPLATE
            }
        }

        $(#[$attribute])*
        $visibility static $name: $crate::Static<$name> = $crate::Static::new();
    )*};
}

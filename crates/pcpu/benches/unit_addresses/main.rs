// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a sequence finds the running CPU's unit, and how far apart units lie: what each choice costs.
//!
//! ```text
//!   a table:      load cpu ─► load table[cpu] ─► + area ─► negative? ─► add     what pcpu does
//!   a shift:      load cpu ─► negative? ─► << 16 ─────────────────────► add     64 KiB apart
//!   colour:       load cpu ─► negative? ─► × (64 KiB + 4 KiB + 64) ───► add     no two in one cache set
//! ```
//!
//! The first part adds to one counter, and to sixteen in turn: one counter alone is bound by how soon
//! a store is seen by the next load, which hides everything else. The second part sums one counter
//! over units at different distances, which is where colour pays. Medians over processes: where code and
//! data come to lie matters, and differs from one to the next.
//!
//! The answer is in docs/decisions/0002-unit-addresses.md. `cargo bench -p pcpu --bench
//! unit_addresses`

#[cfg(target_os = "linux")]
mod processes;
#[cfg(target_os = "linux")]
mod region;
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
mod sequences;
#[cfg(target_os = "linux")]
mod strides;
#[cfg(target_os = "linux")]
mod turns;

/// Asks for one process's figures.
#[cfg(target_os = "linux")]
const CHILD: &str = "one-process";

#[cfg(target_os = "linux")]
fn main() {
    let mut words = std::env::args().skip(1);
    match words.find(|word| [CHILD, "--test", "--list"].contains(&&**word)).as_deref() {
        Some(CHILD) => {
            #[cfg(all(target_env = "gnu", target_arch = "x86_64"))]
            sequences::compare();
            strides::compare();
        }
        // Cargo asks benchmarks whether they have tests.
        Some(_) => {}
        None => processes::run(CHILD),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}

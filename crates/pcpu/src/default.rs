// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pools in this process: the one place where `pcpu` names a platform.
//!
//! On Linux every possible CPU of the machine gets a unit; memory is committed page by page as
//! areas need it and returned when they are gone (the vm back end). On other systems CPUs are
//! numbers that threads get in turn, and chunks come from the program's heap, whole (the km back
//! end); see [`Portable`](pcpu_linux::Portable). Which of the two is [`Host`].

use core::fmt;

use pcpu_core::{Allocator, AttachError, Config, SetupError};
use pcpu_linux::BuildError;

use crate::{Image, Pcpu};

/// This process as a machine.
#[cfg(all(target_os = "linux", not(miri)))]
pub type Host = pcpu_linux::Linux;

/// This process as a machine.
#[cfg(not(all(target_os = "linux", not(miri))))]
pub type Host = pcpu_linux::Portable;

/// Why a pool could not be made. Nothing is kept then.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolError {
    /// The process cannot have the addresses, or the configuration does not suit this system. Only
    /// on Linux.
    Platform(BuildError),
    /// The pool could not be set up.
    Setup(SetupError),
    /// There is no memory for the first CPU's copies.
    Attach(AttachError),
}

/// Makes a pool with the system's possible CPUs and nodes, as far as they are known.
///
/// # Context
/// May sleep: asks the system for addresses and for the first chunk's memory.
///
/// # Errors
/// [`PoolError`].
///
/// # Examples
/// See the [crate's documentation](crate).
pub fn pool(config: &Config) -> Result<Allocator<Host>, PoolError> {
    let pool = Allocator::new(platform(config)?, config, &[]).map_err(PoolError::Setup)?;
    pool.enable_balance();
    Ok(pool)
}

/// Makes a pool, as [`pool`] does, that carries the program's [static variables](crate::statics!),
/// where these [work](crate::statics!#where-it-works); elsewhere it carries none.
///
/// # Context
/// As for [`pool`].
///
/// # Errors
/// [`PoolError`].
///
/// # Examples
/// See [`Pcpu`].
pub fn pcpu(config: &Config) -> Result<Pcpu<Host>, PoolError> {
    let pcpu = Pcpu::new(platform(config)?, config).map_err(PoolError::Setup)?;
    pcpu.enable_balance();
    Ok(pcpu)
}

#[cfg(all(target_os = "linux", not(miri)))]
fn platform(config: &Config) -> Result<Host, PoolError> {
    Host::builder().page_size(config.page_size).build().map_err(PoolError::Platform)
}

/// Pages that are not the machine's own are refused at set-up.
#[cfg(not(all(target_os = "linux", not(miri))))]
fn platform(_config: &Config) -> Result<Host, PoolError> {
    Ok(Host::new())
}

/// The size of this machine's pages in bytes.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) fn page_size() -> usize {
    pcpu_linux::system_page_size()
}

/// The size of this machine's pages in bytes.
#[cfg(not(all(target_os = "linux", not(miri))))]
pub(crate) fn page_size() -> usize {
    pcpu_platform::Frames::page_size(&Host::new())
}

/// Makes a pool for copies by `config.index_by`: a unit for each number, and one more for strays. No
/// CPU is attached. Where pages can be mapped, none is.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) fn for_copies(
    config: &Config,
    statics: Image,
    address_space: Option<usize>,
) -> Result<Pcpu<Host>, PoolError> {
    let mut machine = Host::builder().page_size(config.page_size).copies(config.index_by);
    if let Some(bytes) = address_space {
        machine = machine.address_space(bytes);
    }
    let machine = machine.build().map_err(PoolError::Platform)?;
    Pcpu::paged_with_image(machine, config, statics, |_| false).map_err(PoolError::Setup)
}

/// Makes a pool for copies by `config.index_by`: a unit for each number, and one more for strays. No
/// CPU is attached. Chunks are in the heap, which has limits of its own.
#[cfg(not(all(target_os = "linux", not(miri))))]
pub(crate) fn for_copies(
    config: &Config,
    statics: Image,
    _address_space: Option<usize>,
) -> Result<Pcpu<Host>, PoolError> {
    let nr_units = pcpu_linux::local::nr_indexes() as u32 + 1;
    let machine = Host::with_cpus(nr_units).map_err(PoolError::Platform)?;
    Pcpu::with_image(machine, config, statics, |_| false).map_err(PoolError::Setup)
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform(error) => error.fmt(f),
            Self::Setup(error) => error.fmt(f),
            Self::Attach(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for PoolError {}

#[cfg(test)]
mod tests {
    use super::*;
    use pcpu_core::Request;

    #[test]
    fn a_pool_needs_no_more_than_a_configuration() {
        let pool = pool(&Config::default()).unwrap();
        let cookies: [_; 40] = core::array::from_fn(|n| pool.alloc(Request::new(n * 700 + 4, 8)));
        for cookie in cookies {
            pool.free(cookie.unwrap()).unwrap();
        }
        pool.balance();
        pool.check().unwrap();
        assert_eq!(pool.stats().nr_cur_alloc, 0);
    }
}

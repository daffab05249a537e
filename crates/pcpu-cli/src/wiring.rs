// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where concrete machines meet the allocator: the only file that names the platforms.
//!
//! |  | UP | SMP, no MMU | SMP, MMU |
//! |---|---|---|---|
//! | linux | [`pcpu_linux::Uni`] | [`pcpu_linux::NoMmu`] | [`pcpu_linux::Linux`] |
//! | sim | [`pcpu_sim::Uni`] | [`pcpu_sim::NoMmu`] | [`pcpu_sim::Smp`] |
//!
//! A machine of one CPU has the same back end with and without an MMU, so both rows run the same
//! code.

use pcpu_core::{Allocator, SetupError};
#[cfg(target_os = "linux")]
use pcpu_linux::{BuildError, Linux};
use pcpu_sim::Machine as Sim;
use thiserror::Error;

use crate::args::{PlatformName, Setup};
use crate::cells::Cell;
use crate::plan::Plan;
use crate::row::{self, Machinery, Row};
use crate::trace::Trace;

/// Frames and pages of address space of a simulated machine: as many as there can be. None costs
/// memory before it is used.
const SIM_PAGES: usize = 1 << 31;

/// Why a row could not begin.
#[derive(Debug, Error)]
pub enum StartError {
    /// The platform refused.
    #[cfg(target_os = "linux")]
    #[error("{cell}: {error}")]
    Platform {
        /// The row.
        cell: Cell,
        /// Why.
        error: BuildError,
    },
    /// The allocator refused.
    #[error("{cell}: {error}")]
    Allocator {
        /// The row.
        cell: Cell,
        /// Why.
        error: SetupError,
    },
}

/// Replays the trace in one cell.
///
/// # Errors
/// Sizes that make no allocator, or a machine without the memory for one.
pub fn replay(cell: Cell, plan: &Plan, trace: &Trace) -> Result<Row, StartError> {
    match plan.platform {
        #[cfg(target_os = "linux")]
        PlatformName::Linux => on_linux(cell, plan, trace),
        PlatformName::Sim => on_sim(cell, plan, trace),
    }
}

#[cfg(target_os = "linux")]
fn on_linux(cell: Cell, plan: &Plan, trace: &Trace) -> Result<Row, StartError> {
    let (config, machinery) = (&plan.config, machinery(cell, plan));
    let refused = |error| StartError::Platform { cell, error };
    let unset = |error| StartError::Allocator { cell, error };
    let builder = || {
        let builder = Linux::builder().cpus(machinery.cpus).nodes(machinery.nodes);
        builder.page_size(machinery.page_size)
    };
    if !cell.is_smp() {
        return row::replay(machinery, trace, || {
            let machine = builder().build_uni().map_err(refused)?;
            Allocator::<pcpu_linux::Uni>::new(machine, config, &[]).map_err(unset)
        });
    }
    if !cell.has_mmu() {
        return row::replay(machinery, trace, || {
            let machine = builder().build_no_mmu().map_err(refused)?;
            Allocator::<pcpu_linux::NoMmu>::new(machine, config, &[]).map_err(unset)
        });
    }
    row::replay(machinery, trace, || {
        let machine = builder().build().map_err(refused)?;
        let made = match plan.setup {
            Setup::Embed => Allocator::<Linux>::new(machine, config, &[]),
            Setup::Page => Allocator::<Linux>::new_paged(machine, config, &[]),
        };
        made.map_err(unset)
    })
}

fn on_sim(cell: Cell, plan: &Plan, trace: &Trace) -> Result<Row, StartError> {
    let (config, machinery) = (&plan.config, machinery(cell, plan));
    let unset = |error| StartError::Allocator { cell, error };
    let machine = || {
        let builder = Sim::builder().cpus(machinery.cpus).nodes(machinery.nodes);
        let frames = SIM_PAGES / machinery.nodes as usize;
        let builder = builder.frames_per_node(frames).address_space(SIM_PAGES);
        builder.page_size(machinery.page_size).build()
    };
    if !cell.is_smp() {
        return row::replay(machinery, trace, || {
            Allocator::<pcpu_sim::Uni>::new(machine().uni(), config, &[]).map_err(unset)
        });
    }
    if !cell.has_mmu() {
        return row::replay(machinery, trace, || {
            Allocator::<pcpu_sim::NoMmu>::new(machine().no_mmu(), config, &[]).map_err(unset)
        });
    }
    row::replay(machinery, trace, || {
        let made = match plan.setup {
            Setup::Embed => Allocator::<pcpu_sim::Smp>::new(machine().smp(), config, &[]),
            Setup::Page => Allocator::<pcpu_sim::Smp>::new_paged(machine().smp(), config, &[]),
        };
        made.map_err(unset)
    })
}

fn machinery(cell: Cell, plan: &Plan) -> Machinery {
    Machinery {
        cell,
        cpus: plan.cpus_of(cell),
        nodes: plan.nodes_of(cell),
        platform: plan.platform.word(),
        page_size: plan.config.page_size,
        balance: plan.balance,
        offsets: plan.offsets,
    }
}

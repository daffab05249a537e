// SPDX-License-Identifier: MIT OR Apache-2.0
//! From flags to a plan: which machines to build, and how large. Contradictions end here.
//!
//! Two questions are asked at different times. [`check`] needs only the flags, so that a
//! contradiction is reported before a long trace is read; [`Plan::new`] fills in what the trace
//! says about its machine.
//!
//! # Defaults
//! Sizes are those of the kernel that the built-in trace was recorded on, for every trace: what
//! a recorded kernel's static region was is in no trace, and two runs should differ only in
//! what was typed. CPUs are the recorded machine's where the trace says how many.

use pcpu_core::Config;
use thiserror::Error;

use crate::args::{Balance, PlatformName, ReplayArgs, Setup};
use crate::cells::{Cell, Mmu, Processors};
use crate::embedded;
use crate::row::Offsets;
use crate::trace::Trace;

/// CPUs of the SMP rows where nothing says how many.
const DEFAULT_CPUS: u32 = 8;

/// Page sizes that a unit can be made of, in bytes.
const PAGE_SIZES: std::ops::RangeInclusive<usize> = 256..=65536;

/// Flags or numbers that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UsageError {
    /// More CPUs on a machine of one.
    #[error("--cpus {asked} with --up: a UP machine has 1 CPU")]
    CpusOfUp {
        /// CPUs asked for.
        asked: u32,
    },
    /// A flag of some rows, and a filter that leaves none of them.
    #[error("{flag} with {filter}: {flag} applies to the {rows} only")]
    NoSuchRow {
        /// The flag.
        flag: &'static str,
        /// The filter that it contradicts.
        filter: &'static str,
        /// Whom the flag is for.
        rows: &'static str,
    },
    /// No CPUs or too many.
    #[error("{asked} CPUs, from 1 to {most} are possible on platform {platform}")]
    Cpus {
        /// CPUs asked for.
        asked: u32,
        /// Most CPUs.
        most: u32,
        /// The platform's name.
        platform: &'static str,
    },
    /// No node or more than CPUs.
    #[error("--nodes {asked}, from 1 to {cpus} are possible with {cpus} CPUs")]
    Nodes {
        /// Nodes asked for.
        asked: u32,
        /// CPUs to put on them.
        cpus: u32,
    },
    /// A page size that no machine has.
    #[error("--page-size {asked}, possible are powers of two from 256 to 65536")]
    PageSize {
        /// Bytes asked for.
        asked: usize,
    },
    /// A page size that the system cannot map.
    #[error(
        "--page-size {asked}: the MMU rows of platform linux need a multiple of the system's {system}; \
         --nommu or --platform sim do not"
    )]
    PageNotOfSystem {
        /// Bytes asked for.
        asked: usize,
        /// The system's page size.
        system: usize,
    },
}

/// What to build and how to run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The rows.
    pub cells: Vec<Cell>,
    /// Where memory comes from.
    pub platform: PlatformName,
    /// Possible CPUs of the SMP rows.
    pub cpus: u32,
    /// Memory nodes of the vm row.
    pub nodes: u32,
    /// First chunk of the vm row.
    pub setup: Setup,
    /// When the worker runs.
    pub balance: Balance,
    /// Whether to collect where each allocation went.
    pub offsets: Offsets,
    /// Sizes, for every row.
    pub config: Config,
}

impl PlatformName {
    /// Returns the word for it on the command line.
    pub fn word(self) -> &'static str {
        match self {
            #[cfg(target_os = "linux")]
            Self::Linux => "linux",
            Self::Sim => "sim",
        }
    }

    fn most_cpus(self) -> u32 {
        match self {
            #[cfg(target_os = "linux")]
            Self::Linux => 65_536,
            Self::Sim => 8_192,
        }
    }

    fn default_page_size(self) -> usize {
        match self {
            #[cfg(target_os = "linux")]
            Self::Linux => rustix::param::page_size(),
            Self::Sim => 4096,
        }
    }

    /// Returns what page sizes of MMU rows must be multiples of.
    fn mapped_page(self) -> usize {
        match self {
            #[cfg(target_os = "linux")]
            Self::Linux => rustix::param::page_size(),
            Self::Sim => 1,
        }
    }
}

/// Refuses flags that contradict each other, whatever the trace.
pub fn check(args: &ReplayArgs) -> Result<(), UsageError> {
    let machines = &args.machines;
    if let (true, Some(asked @ 2..)) = (machines.up, machines.cpus) {
        return Err(UsageError::CpusOfUp { asked });
    }

    const SMP: &str = "SMP rows";
    const VM: &str = "SMP row with MMU";
    let geometry = &args.geometry;
    let given = [
        ("--static", SMP, geometry.static_size.is_some()),
        ("--reserved", SMP, geometry.reserved_size.is_some()),
        ("--atom", SMP, geometry.atom_size.is_some()),
        ("--nodes", VM, machines.nodes.is_some()),
        ("--setup page", VM, machines.setup == Setup::Page),
    ];
    for (flag, rows, _) in given.into_iter().filter(|&(.., given)| given) {
        if machines.up {
            return Err(UsageError::NoSuchRow { flag, filter: "--up", rows });
        }
        if machines.nommu && rows == VM {
            return Err(UsageError::NoSuchRow { flag, filter: "--nommu", rows });
        }
    }
    Ok(())
}

impl Plan {
    /// Makes the plan for a trace.
    ///
    /// # Errors
    /// Numbers that do not suit each other or the platform.
    pub fn new(args: &ReplayArgs, trace: &Trace) -> Result<Self, UsageError> {
        check(args)?;
        let machines = &args.machines;
        let platform = machines.platform;
        let cells = Cell::filtered(
            filter(machines.up, Processors::Up, machines.smp, Processors::Smp),
            filter(machines.nommu, Mmu::Without, machines.mmu, Mmu::With),
        );

        let cpus = machines.cpus.or(trace.header_cpus()).unwrap_or(DEFAULT_CPUS);
        let most = platform.most_cpus();
        if !(1..=most).contains(&cpus) {
            return Err(UsageError::Cpus { asked: cpus, most, platform: platform.word() });
        }
        let recorded_nodes = if args.trace.is_none() { embedded::NODES } else { 1 };
        let nodes = machines.nodes.unwrap_or(recorded_nodes.min(cpus));
        if !(1..=cpus).contains(&nodes) {
            return Err(UsageError::Nodes { asked: nodes, cpus });
        }

        let config = config(args);
        check_page_size(config.page_size, platform, &cells)?;
        let (setup, balance) = (machines.setup, args.balance);
        let offsets = if args.output.offsets { Offsets::Collected } else { Offsets::Dropped };
        Ok(Self { cells, platform, cpus, nodes, setup, balance, offsets, config })
    }

    /// Returns the possible CPUs of a row.
    pub fn cpus_of(&self, cell: Cell) -> u32 {
        if cell.is_smp() { self.cpus } else { 1 }
    }

    /// Returns the memory nodes of a row.
    pub fn nodes_of(&self, cell: Cell) -> u32 {
        if cell.is_vm() { self.nodes } else { 1 }
    }
}

fn filter<T>(first: bool, if_first: T, second: bool, if_second: T) -> Option<T> {
    match (first, second) {
        (true, _) => Some(if_first),
        (_, true) => Some(if_second),
        _ => None,
    }
}

fn config(args: &ReplayArgs) -> Config {
    let sizes = &args.geometry;
    let default_page = args.machines.platform.default_page_size();
    let base = Config::linux(sizes.page_size.unwrap_or(default_page));
    // Linux's smallest unit is its largest area; here a larger area makes larger units.
    let asked =
        sizes.max_area.and_then(|area| area.checked_next_multiple_of(base.page_size.max(1)));
    Config {
        min_unit_size: base.min_unit_size.max(asked.unwrap_or(0)),
        max_area: sizes.max_area,
        static_size: sizes.static_size.unwrap_or(embedded::STATIC_SIZE),
        reserved_size: sizes.reserved_size.unwrap_or(embedded::RESERVED_SIZE),
        dyn_size: sizes.dyn_size,
        atom_size: sizes.atom_size.unwrap_or(embedded::ATOM_SIZE),
        ..base
    }
}

fn check_page_size(asked: usize, platform: PlatformName, cells: &[Cell]) -> Result<(), UsageError> {
    if !asked.is_power_of_two() || !PAGE_SIZES.contains(&asked) {
        return Err(UsageError::PageSize { asked });
    }
    let system = platform.mapped_page();
    if !asked.is_multiple_of(system) && cells.iter().any(|cell| cell.has_mmu()) {
        return Err(UsageError::PageNotOfSystem { asked, system });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn plan_of(words: &str, trace: &'static str) -> Result<Plan, UsageError> {
        let words =
            ["pcpu", "replay", "x", "--platform", "sim"].into_iter().chain(words.split(' '));
        let words = words.filter(|word| !word.is_empty());
        let Command::Replay(args) = Cli::try_parse_from(words).unwrap().command else {
            panic!("not a replay");
        };
        Plan::new(&args, &Trace::of(trace))
    }

    fn plan(words: &str) -> Result<Plan, UsageError> {
        plan_of(words, "b")
    }

    #[test]
    fn cpus_are_asked_for_or_recorded_or_eight() {
        let headed = "# tracer: nop\n# entries-in-buffer/entries-written: 0/0 #P:3\n";
        assert_eq!(plan("").unwrap().cpus, 8);
        assert_eq!(plan_of("", headed).unwrap().cpus, 3);
        assert_eq!(plan_of("--cpus 5", headed).unwrap().cpus, 5);
    }

    #[test]
    fn one_cpu_is_all_that_up_has() {
        assert_eq!(plan("--up --cpus 4"), Err(UsageError::CpusOfUp { asked: 4 }));
        let plan = plan("--cpus 4").unwrap();
        assert_eq!(Cell::ALL.map(|cell| plan.cpus_of(cell)), [1, 1, 4, 4]);
    }

    #[test]
    fn flags_of_rows_that_are_filtered_out_are_refused() {
        for words in [
            "--up --static 1K",
            "--up --reserved 1K",
            "--up --atom 4K",
            "--up --nodes 1",
            "--up --setup page",
            "--nommu --nodes 1",
            "--nommu --setup page",
        ] {
            assert!(matches!(plan(words), Err(UsageError::NoSuchRow { .. })), "{words}");
        }
        assert!(plan("--nommu --static 1K").is_ok());
        assert!(plan("--setup page --nodes 2").is_ok());
    }

    #[test]
    fn nodes_are_at_least_one_and_at_most_the_cpus() {
        assert!(plan("--cpus 4 --nodes 4").is_ok());
        assert_eq!(plan("--cpus 4 --nodes 5"), Err(UsageError::Nodes { asked: 5, cpus: 4 }));
        assert_eq!(plan("--nodes 0"), Err(UsageError::Nodes { asked: 0, cpus: 8 }));
        assert!(matches!(plan("--cpus 0"), Err(UsageError::Cpus { asked: 0, .. })));
        assert!(plan("--cpus 8192").is_ok() && plan("--cpus 8193").is_err());
    }

    #[test]
    fn page_sizes_are_powers_of_two_from_256_to_65536() {
        for good in ["256", "4K", "64K"] {
            assert!(plan(&format!("--page-size {good}")).is_ok(), "{good}");
        }
        for bad in ["0", "1", "128", "5000", "128K"] {
            let refused = plan(&format!("--page-size {bad}"));
            assert!(matches!(refused, Err(UsageError::PageSize { .. })), "{bad}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn real_memory_is_mapped_in_pages_of_the_system() {
        let plan = |words: &str| {
            let words = "pcpu replay --page-size 256 ".to_owned() + words;
            let Command::Replay(args) = Cli::parse_from(words.split_whitespace()).command else {
                panic!("not a replay");
            };
            Plan::new(&args, &Trace::of("b"))
        };
        for words in ["", "--mmu", "--up", "--smp --mmu"] {
            let refused = plan(words);
            assert!(matches!(refused, Err(UsageError::PageNotOfSystem { .. })), "{words}");
        }
        assert!(plan("--nommu").is_ok());
    }

    #[test]
    fn a_larger_largest_area_makes_larger_units() {
        let config = |words| plan(words).unwrap().config;
        assert_eq!(config("").min_unit_size, 32 << 10);
        assert_eq!(config("--max-area 100").min_unit_size, 32 << 10);
        assert_eq!(config("--max-area 40000").min_unit_size, 40_960);
        assert_eq!(config("--page-size 64K").min_unit_size, 64 << 10);
        // Nothing can be that large; the geometry says so.
        assert_eq!(config("--max-area 0xffffffffffffffff").min_unit_size, 32 << 10);
    }
}

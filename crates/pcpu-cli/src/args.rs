// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line as people type it, and the help that they read.
//!
//! Only what one word or two flags can say wrong is refused here. What depends on the trace or
//! on several numbers together is [`plan`](crate::plan)'s to judge.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

#[cfg(target_os = "linux")]
use crate::bench;
use crate::embedded;
use crate::size;

const AFTER_ALL: &str = "\
Begin with `pcpu replay`: it needs no file, a real boot of Linux is built in. `pcpu help replay`
tells what its answer means, and how to record a trace of your own machine.";

const AFTER_COMPLETIONS: &str = "\
Examples:
  pcpu completions bash > ~/.local/share/bash-completion/completions/pcpu
  pcpu completions fish > ~/.config/fish/completions/pcpu.fish";

const AFTER_MAN: &str = "\
Example:
  pcpu man | man -l -";

const AFTER_REPLAY: &str = "\
Examples:
  pcpu replay                                the built-in trace, on all four kinds
  pcpu replay --cpus 64 --nodes 2            the same requests on a larger machine
  pcpu replay --smp --nommu my.trace.zst     one kind, and a trace of your own
  pcpu replay --json | jq '.cells[].peak_total_pages'
  printf 'a 1 24 8\\nf 1\\n' | pcpu replay --up -

To record a trace on Linux, as root, in /sys/kernel/tracing:
  echo 1 > events/percpu/enable; sleep 10; cat trace > my.trace

A trace of your own making has one operation a line:
  a ID SIZE ALIGN [atomic] [reserved]        allocate SIZE bytes on every CPU
  f ID                                       free it
  b                                          run the balance work

Exit codes: 0 every check held, 1 a check failed, 2 bad usage or unreadable input.";

#[cfg(target_os = "linux")]
const AFTER_BENCH: &str = "\
Examples:
  pcpu bench                                 everything
  pcpu bench P1 stack                        an addition, alone and with a second thread; a stack
  PCPU_RSEQ=0 pcpu bench P1                  without restartable sequences
  pcpu bench --json P5 | jq '.rows[].ours'

Exit codes: 0 something was measured, whether targets were met or not, 1 nothing could be, 2 bad
usage.";

#[cfg(target_os = "linux")]
const AFTER_DOCTOR: &str = "\
Examples:
  pcpu doctor                                of a process started like this one
  docker run ... pcpu doctor                 of one in a container
  pcpu doctor --json | jq -r .mode

Exit code: 0, whatever was found.";

/// Looks into per-CPU memory: replays real allocation traces through pcpu's allocator.
#[derive(Debug, Parser)]
#[command(
    name = "pcpu",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = AFTER_ALL
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replays a trace on four kinds of machine: one CPU or many, with an MMU or without
    ///
    /// One request for per-CPU memory is memory on every CPU at once, at the same place of each
    /// CPU's share. The allocator keeps it in chunks, and gets these in one of two ways, by the kind
    /// of machine: as one contiguous block each (back end km), or as reserved addresses with pages
    /// mapped on demand (vm, which takes several CPUs and an MMU).
    ///
    /// The answer has one row for each kind: how much memory the trace takes there and how much of
    /// it lies idle, how long an allocation and a free take, and whether every area was zeroed,
    /// disjoint from all others and kept its contents.
    #[command(after_help = AFTER_REPLAY)]
    Replay(Box<ReplayArgs>),
    /// Measures pcpu beside what people use instead, on this machine
    ///
    /// Rows with a P are figures of the project's scoreboard, and have targets: P1 an addition, P2
    /// to P4 allocation, P5 memory, P9 eight thousand CPUs. The others are operations that programs
    /// are made of.
    ///
    /// Every row is measured by several processes, one after the other, in which contenders take
    /// turns in short batches; medians are printed. It takes less than a minute.
    #[cfg(target_os = "linux")]
    #[command(after_help = AFTER_BENCH)]
    Bench(BenchArgs),
    /// Says how programs work on per-CPU memory here, and what would make it better
    ///
    /// The mode of operations on the running CPU's copy (restartable sequences, or atomic
    /// instructions and why), who registers threads with the kernel, what a test of the kernel saw,
    /// what else the kernel offers, processors and memory; and advice for each of these that is not
    /// as good as it could be.
    #[cfg(target_os = "linux")]
    #[command(after_help = AFTER_DOCTOR)]
    Doctor(DoctorArgs),
    /// Prints a completion script for a shell
    #[command(after_help = AFTER_COMPLETIONS)]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Prints the manual page
    #[command(after_help = AFTER_MAN)]
    Man,
}

/// Arguments of `pcpu replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Trace to replay: pcpu's trace language, or kernel text as tracefs, `perf script` and
    /// `trace-cmd report` print it; plain, .zst, .xz or .gz. `-` reads standard input. Without
    /// it: a real boot of Linux 6.12, built in
    pub trace: Option<PathBuf>,

    /// Which rows.
    #[command(flatten)]
    pub machines: MachineArgs,

    /// How large.
    #[command(flatten)]
    pub geometry: GeometryArgs,

    /// When the allocator's background work runs: backing spare pages, returning others
    #[arg(long, value_enum, default_value_t = Balance::Auto, help_heading = "Running")]
    pub balance: Balance,

    /// What to print.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `pcpu bench`.
#[cfg(target_os = "linux")]
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// What to measure: names of rows, or figures of the scoreboard, each with all its rows [default:
    /// everything]
    #[arg(value_name = "ROW", value_parser = bench::parse_name)]
    pub rows: Vec<String>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
    /// Take a few seconds, for figures that are worth little
    #[arg(long)]
    pub quick: bool,
    /// Measure this row in this process, and print a sample: what the command starts itself by
    #[arg(long, hide = true, value_name = "ROW", conflicts_with_all = ["rows", "json"])]
    pub in_child: Option<String>,
    /// Which process this is
    #[arg(long, hide = true, default_value_t = 0, requires = "in_child")]
    pub turn: usize,
}

/// Arguments of `pcpu doctor`.
#[cfg(target_os = "linux")]
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

/// Flags that choose machines.
#[derive(Debug, Args)]
#[command(next_help_heading = "Machines")]
pub struct MachineArgs {
    /// Only the rows with many CPUs
    #[arg(long, conflicts_with = "up")]
    pub smp: bool,
    /// Only the rows with one CPU
    #[arg(long)]
    pub up: bool,
    /// Only the rows with an MMU
    #[arg(long, conflicts_with = "nommu")]
    pub mmu: bool,
    /// Only the rows without an MMU
    #[arg(long)]
    pub nommu: bool,
    /// Where the memory comes from
    #[arg(long, value_enum, default_value_t = PlatformName::default())]
    pub platform: PlatformName,
    /// Possible CPUs of the SMP rows [default: those of the recorded machine, else 8]
    #[arg(long, value_name = "N")]
    pub cpus: Option<u32>,
    /// NUMA nodes of the SMP row with MMU, 1 to N [default: 1; the built-in trace's machine has 2]
    #[arg(long, value_name = "M")]
    pub nodes: Option<u32>,
    /// How the first chunk of the SMP row with MMU comes to be
    #[arg(long, value_enum, default_value_t = Setup::Embed)]
    pub setup: Setup,
}

/// Flags that set sizes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sizes, per CPU in bytes; K, M, G and 0x are understood")]
pub struct GeometryArgs {
    /// Page size, a power of two from 256 to 64K [default: the system's; 4096 in the simulator]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub page_size: Option<usize>,
    /// Static variables at the start of the first chunk; SMP rows only [default: 194968, as in
    /// the built-in trace's kernel]
    #[arg(long = "static", value_name = "SIZE", value_parser = size::parse)]
    pub static_size: Option<usize>,
    /// Reserved region after it, for modules; SMP rows only [default: 0, likewise]
    #[arg(long = "reserved", value_name = "SIZE", value_parser = size::parse)]
    pub reserved_size: Option<usize>,
    /// Dynamic region of the first chunk, rounded up to fill pages
    #[arg(
        long = "dyn", value_name = "SIZE", value_parser = size::parse,
        default_value_t = embedded::DYN_SIZE
    )]
    pub dyn_size: usize,
    /// Granularity of the memory for groups of units; SMP rows only [default: 2M]
    #[arg(long = "atom", value_name = "SIZE", value_parser = size::parse)]
    pub atom_size: Option<usize>,
    /// Largest area; units grow to hold it [default: 32K, as in Linux, or a page if that is
    /// larger]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub max_area: Option<usize>,
}

/// Flags that choose what is printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
    /// Add to the JSON where each allocation went: chunk and offset
    #[arg(long, requires = "json")]
    pub offsets: bool,
    /// Add for each row what Linux shows in /sys/kernel/debug/percpu_stats
    #[arg(long)]
    pub stats: bool,
}

/// When the background work of the allocator runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Balance {
    /// After every operation that asked for it
    Auto,
    /// Only at `b` lines of the trace
    Manual,
}

/// Where memory comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlatformName {
    /// Real memory of this Linux system
    #[cfg(target_os = "linux")]
    Linux,
    /// A simulated machine: any number of CPUs, every access checked
    Sim,
}

impl Default for PlatformName {
    fn default() -> Self {
        #[cfg(target_os = "linux")]
        return Self::Linux;
        #[cfg(not(target_os = "linux"))]
        return Self::Sim;
    }
}

/// How a first chunk comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Setup {
    /// In memory found for each group of CPUs
    Embed,
    /// Mapped page by page
    Page,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn replay(words: &str) -> Result<ReplayArgs, clap::Error> {
        let cli =
            Cli::try_parse_from(["pcpu", "replay"].into_iter().chain(words.split_whitespace()))?;
        match cli.command {
            Command::Replay(args) => Ok(*args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_are_read_in_all_their_forms() {
        let geometry = replay("--page-size 0x1000 --static 190K --atom 2M").unwrap().geometry;
        assert_eq!(geometry.page_size, Some(4096));
        assert_eq!(geometry.static_size, Some(194_560));
        assert_eq!((geometry.atom_size, geometry.dyn_size), (Some(2 << 20), 30_312));
    }

    #[test]
    fn both_of_a_pair_and_offsets_without_json_are_refused() {
        for words in
            ["--smp --up", "--mmu --nommu", "--nommu --mmu", "--offsets", "--stats --offsets"]
        {
            assert_eq!(replay(words).unwrap_err().exit_code(), 2, "{words}");
        }
        assert!(replay("--smp --mmu --json --offsets --stats -").is_ok());
    }

    #[test]
    fn what_is_no_number_or_unknown_is_refused() {
        for words in [
            "--cpus many",
            "--cpus -1",
            "--cpus 4294967296",
            "--dyn 1T",
            "--atom 99999999999999999999",
            "--platform mars",
            "--balance never",
            "--no-such-flag",
            "one two",
        ] {
            assert_eq!(replay(words).unwrap_err().exit_code(), 2, "{words}");
        }
    }
}

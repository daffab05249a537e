// SPDX-License-Identifier: MIT OR Apache-2.0
//! `pcpu doctor`: how a program works on per-CPU memory here, and what would make it better.
//!
//! A *finding* is a name, what was found, and advice where that is not as good as it could be. The
//! table and the JSON are made of the same findings and facts.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use pcpu::{Mode, Reason, Registrar, Sequence, Tested};
use rustix::thread::{MembarrierCommand, membarrier_query};
use serde::Serialize;

use crate::args::DoctorArgs;
use crate::system::{Cpus, System};

const TITLE: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const POOR: Style = AnsiColor::Yellow.on_default();

/// Columns of a terminal that lines of advice are kept to.
const WIDTH: usize = 96;

/// What there is to know, for programs.
#[derive(Debug, Serialize)]
struct Facts<'a> {
    /// `rseq-cpu-id`, or `fallback`.
    mode: &'static str,
    /// The same in words.
    says: String,
    /// Why there are no sequences.
    reason: Option<&'static str>,
    /// Who registers threads: `libc`, `pcpu`.
    registrar: Option<&'static str>,
    /// Bytes of a thread's area that the kernel fills in.
    active_size: Option<u32>,
    /// Whether the test at start-up saw an abort.
    saw_abort: Option<bool>,
    concurrency_ids: bool,
    membarrier: bool,
    system: &'a System,
    advice: Vec<Advice>,
}

/// What was seen.
struct Seen {
    mode: Mode,
    /// Whether the kernel has `membarrier` for sequences.
    membarrier: bool,
    system: System,
}

/// One thing to do.
#[derive(Debug, Serialize)]
struct Advice {
    about: &'static str,
    advice: String,
}

/// A line of the table.
struct Finding {
    about: &'static str,
    found: String,
    advice: Option<String>,
}

/// Looks, and prints.
///
/// # Errors
/// The answer cannot be written.
pub fn run(args: &DoctorArgs) -> io::Result<()> {
    let seen = Seen::look();
    let mut out = anstream::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &seen.facts())?;
        writeln!(out)?;
    } else {
        write(&mut out, &seen.findings())?;
    }
    out.flush()
}

/// A mode in one word.
pub fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Sequences(_) => "rseq-cpu-id",
        Mode::Fallback(_) => "fallback",
    }
}

fn reason_word(reason: Reason) -> &'static str {
    match reason {
        Reason::System => "system",
        Reason::Processor => "processor",
        Reason::Build => "build",
        Reason::Environment => "environment",
        Reason::NotInKernel => "not-in-kernel",
        Reason::Forbidden { .. } => "forbidden",
        Reason::ForeignOwner => "foreign-owner",
        Reason::UnknownFlags { .. } => "unknown-flags",
        Reason::NotThisThread => "not-this-thread",
        Reason::NoPlace => "no-place",
        Reason::NoAbort => "no-abort",
        _ => "other",
    }
}

impl Seen {
    fn look() -> Self {
        let fence = MembarrierCommand::PrivateExpeditedRseq;
        let membarrier = membarrier_query().contains_command(fence);
        Self { mode: pcpu::mode(), membarrier, system: System::look() }
    }

    fn facts(&self) -> Facts<'_> {
        let (sequence, reason) = match self.mode {
            Mode::Sequences(sequence) => (Some(sequence), None),
            Mode::Fallback(reason) => (None, Some(reason)),
        };
        let advice = self.findings().into_iter().filter_map(|finding| {
            finding.advice.map(|advice| Advice { about: finding.about, advice })
        });
        Facts {
            mode: mode_word(self.mode),
            says: self.mode.to_string(),
            reason: reason.map(reason_word),
            registrar: sequence.map(|it| match it.by {
                Registrar::Libc => "libc",
                Registrar::Pcpu => "pcpu",
            }),
            active_size: sequence.map(|it| it.active_size),
            saw_abort: sequence.map(|it| it.tested == Tested::Aborts),
            concurrency_ids: sequence.is_some_and(|it| it.has_concurrency_ids()),
            membarrier: self.membarrier,
            system: &self.system,
            advice: advice.collect(),
        }
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings = match self.mode {
            Mode::Sequences(sequence) => of_sequences(sequence, self.system.cpus),
            Mode::Fallback(reason) => {
                let found = format!("atomic instructions, because {reason}");
                vec![Finding::new("mode", found, reason.advice())]
            }
        };
        let (found, advice) = match self.membarrier {
            true => ("yes, for restartable sequences", None),
            false => (
                "no: a fence visits every CPU, which takes milliseconds",
                Some(
                    "use Linux 5.10 or later, and allow membarrier in the container's seccomp profile",
                ),
            ),
        };
        findings.push(Finding::new("membarrier", found, advice));
        findings.extend(of_system(&self.system));
        findings
    }
}

impl Finding {
    fn new(about: &'static str, found: impl Into<String>, advice: Option<&str>) -> Self {
        Self { about, found: found.into(), advice: advice.map(str::to_owned) }
    }
}

fn of_sequences(sequence: Sequence, cpus: Cpus) -> Vec<Finding> {
    let (by, why_not_libc) = match sequence.by {
        Registrar::Libc => ("by the C library, when they start", None),
        Registrar::Pcpu => (
            "by pcpu, each at its first operation",
            Some(
                "one system call for each thread is saved where the C library registers: glibc 2.35 or \
                 later, without glibc.pthread.rseq=0 in GLIBC_TUNABLES",
            ),
        ),
    };
    let (seen, why_not_seen) = match sequence.tested {
        Tested::Aborts => ("the kernel aborted a sequence that it had preempted, as it must", None),
        Tested::Not => (
            "nothing seen: nobody was preempted in time, or threads could not be pinned",
            Some(
                "the kernel is believed; to see for yourself, run this again when the system is idle, \
                 where sched_setaffinity is allowed",
            ),
        ),
    };
    let area = format!("{} bytes that the kernel fills in", sequence.active_size);
    vec![
        Finding::new("mode", "restartable sequences", None),
        Finding::new("threads registered", by, why_not_libc),
        Finding::new("thread's area", area, None),
        Finding::new("self-test", seen, why_not_seen),
        of_concurrency_ids(sequence, cpus),
    ]
}

fn of_concurrency_ids(sequence: Sequence, cpus: Cpus) -> Finding {
    let about = "concurrency ids";
    if !sequence.has_concurrency_ids() {
        let found = "no: pools by concurrency id go by CPU number";
        return Finding::new(about, found, Some("use Linux 6.3 or later"));
    }
    let advice = match (cpus.allowed, cpus.possible) {
        // Half the machine or less: as in a container.
        (Some(allowed), Some(possible)) if allowed * 2 <= possible => Some(format!(
            "this process may use {allowed} of {possible} CPUs: index pools by concurrency id, and there \
             are about {allowed} copies however often threads move"
        )),
        _ => None,
    };
    Finding::new(about, "yes", advice.as_deref())
}

fn of_system(system: &System) -> Vec<Finding> {
    let count = |number: Option<usize>| number.map_or("?".to_owned(), |it| it.to_string());
    let [possible, online, allowed] =
        [system.cpus.possible, system.cpus.online, system.cpus.allowed].map(count);
    let cpus = format!("{possible} possible, {online} online, {allowed} for this process");
    let (accounting, advice) = match system.overcommit_memory {
        Some(2) => (
            "2: the system counts every page that may be written",
            Some(
                "pools protect what is not in use, so that it is not counted, and each stretch of pages in \
                 use is a mapping: with many CPUs raise vm.max_map_count, or set \
                 vm.overcommit_memory to 0",
            ),
        ),
        Some(1) => ("1: addresses cost nothing", None),
        Some(_) => ("0: addresses cost nothing", None),
        None => ("unknown", None),
    };
    vec![
        Finding::new("kernel", format!("{} on {}", system.kernel, system.architecture), None),
        Finding::new("processor", system.processor(), None),
        Finding::new("CPUs", cpus, None),
        Finding::new("memory nodes", count(system.nodes), None),
        Finding::new("page size", format!("{} bytes", system.page_size), None),
        Finding::new("vm.overcommit_memory", accounting, advice),
    ]
}

fn write(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    writeln!(out, "{TITLE}How this process works on the running CPU's copy{TITLE:#}\n")?;
    for Finding { about, found, advice } in findings {
        let style = if advice.is_some() { POOR } else { Style::new() };
        writeln!(out, "  {about:21} {style}{found}{style:#}")?;
    }
    writeln!(out)?;
    let advised: Vec<_> =
        findings.iter().filter_map(|it| Some((it.about, it.advice.as_deref()?))).collect();
    if advised.is_empty() {
        return writeln!(out, "{GOOD}Nothing could be better.{GOOD:#}");
    }
    writeln!(out, "{TITLE}What could be better{TITLE:#}\n")?;
    for (about, advice) in advised {
        for (number, line) in wrapped(advice, WIDTH - 24).into_iter().enumerate() {
            let about = if number == 0 { about } else { "" };
            writeln!(out, "  {about:21} {line}")?;
        }
    }
    Ok(())
}

/// Breaks a text between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(mode: Mode, possible: usize, allowed: usize) -> Seen {
        let cpus =
            Cpus { possible: Some(possible), online: Some(possible), allowed: Some(allowed) };
        let system = System {
            processor: None,
            kernel: "Linux 6.0".to_owned(),
            architecture: "x86_64",
            cpus,
            nodes: Some(1),
            page_size: 4096,
            overcommit_memory: Some(0),
        };
        Seen { mode, membarrier: true, system }
    }

    fn advised(seen: &Seen) -> Vec<&'static str> {
        let findings = seen.findings();
        findings.iter().filter(|it| it.advice.is_some()).map(|it| it.about).collect()
    }

    #[test]
    fn a_fallback_is_advised_about_by_its_reason() {
        let forbidden = seen(Mode::Fallback(Reason::Environment), 8, 8);
        assert_eq!(advised(&forbidden), ["mode"]);
        let facts = forbidden.facts();
        assert_eq!((facts.mode, facts.reason), ("fallback", Some("environment")));
        assert_eq!(facts.advice[0].advice, "unset PCPU_RSEQ");
        // Nothing can be done about a processor.
        assert!(advised(&seen(Mode::Fallback(Reason::Processor), 8, 8)).is_empty());
    }

    #[test]
    fn what_the_system_lacks_is_advised_about() {
        let mut seen = seen(Mode::Fallback(Reason::Processor), 8, 8);
        seen.membarrier = false;
        seen.system.overcommit_memory = Some(2);
        assert_eq!(advised(&seen), ["membarrier", "vm.overcommit_memory"]);
    }

    #[test]
    fn a_small_part_of_a_large_machine_is_told_of_concurrency_ids() {
        let Mode::Sequences(sequence) = pcpu::mode() else { return };
        let expected = sequence.has_concurrency_ids();
        let small = seen(Mode::Sequences(sequence), 512, 4);
        let told = advised(&small).contains(&"concurrency ids");
        assert!(told, "one way or the other");
        let advice = of_concurrency_ids(sequence, small.system.cpus).advice.unwrap();
        assert_eq!(advice.contains("4 of 512"), expected, "{advice}");
    }

    #[test]
    fn lines_break_between_words_and_lose_none() {
        let text = "one two three four, five";
        let lines = wrapped(text, 9);
        assert_eq!(lines, ["one two", "three", "four,", "five"]);
        assert_eq!(lines.join(" "), text);
    }
}

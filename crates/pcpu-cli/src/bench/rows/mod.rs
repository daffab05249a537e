// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be measured: one table, and a file for each kind.

mod counters;
mod locked;
mod memory;
mod pairs;
mod scaling;
mod simulated;
mod stack;
mod together;
mod words;

use std::error::Error;
use std::time::Duration;

use serde::Serialize;

use super::Turn;
use super::sample::Sample;

/// Measures a row once, in a process of its own.
type Measure = fn(Turn) -> Result<Sample, Box<dyn Error>>;

/// One row of the answer, not yet measured.
#[derive(Debug)]
pub struct Figure {
    /// Its name on the command line. That of a figure of the scoreboard begins with a P and its
    /// number.
    pub id: &'static str,
    /// What is measured.
    pub what: &'static str,
    /// Of all its values.
    pub unit: &'static str,
    /// Which values are good.
    pub better: Better,
    /// What pcpu's value over the first peer's is to be.
    pub target: Option<f64>,
    /// How many processes measure it.
    pub processes: usize,
    /// For how long each, if it is not the usual.
    pub budget: Option<Duration>,
    /// How.
    pub measure: Measure,
}

/// Which values are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Small ones.
    Lower,
    /// Large ones.
    Higher,
}

/// A figure in nanoseconds, without a target, measured the usual way.
const USUAL: Figure = Figure {
    id: "",
    what: "",
    unit: "ns",
    better: Better::Lower,
    target: None,
    processes: 11,
    budget: None,
    measure: counters::add,
};

const LONG: Option<Duration> = Some(Duration::from_millis(300));

/// All rows, in the order of the answer.
const ALL: &[Figure] = &[
    Figure {
        id: "P1",
        what: "add to the running CPU's copy",
        target: Some(0.40),
        processes: 15,
        budget: LONG,
        ..USUAL
    },
    Figure {
        id: "P1b",
        what: "add, while a second thread adds too",
        target: Some(1.10),
        budget: LONG,
        measure: together::measure,
        ..USUAL
    },
    Figure {
        id: "add-cid",
        what: "add, by concurrency id",
        measure: counters::add_by_concurrency_id,
        ..USUAL
    },
    Figure { id: "read", what: "read", measure: words::read, ..USUAL },
    Figure { id: "xchg", what: "exchange", measure: words::exchange, ..USUAL },
    Figure {
        id: "cmpxchg",
        what: "compare and exchange",
        measure: words::compare_exchange,
        ..USUAL
    },
    Figure {
        id: "stack",
        what: "push and pop on a stack per CPU",
        measure: stack::measure,
        ..USUAL
    },
    Figure {
        id: "with",
        what: "a lock per CPU, and work under it",
        measure: locked::measure,
        ..USUAL
    },
    Figure {
        id: "P2",
        what: "alloc + free, 16 bytes, 2 CPUs",
        target: Some(0.70),
        measure: pairs::two_cpus,
        ..USUAL
    },
    Figure {
        id: "P3",
        what: "the same, 512 CPUs, 2 used",
        target: Some(1.50),
        measure: pairs::many_possible,
        ..USUAL
    },
    Figure {
        id: "P3b",
        what: "the same, 512 CPUs, all used",
        target: Some(1.50),
        measure: pairs::many_used,
        ..USUAL
    },
    Figure {
        id: "P4",
        what: "2 threads over 1, pair by pair",
        target: Some(0.90),
        measure: scaling::pair_by_pair,
        ..SCALING
    },
    Figure {
        id: "P4b",
        what: "2 threads over 1, 1000 out, 1000 back",
        target: Some(0.90),
        measure: scaling::out_and_back,
        ..SCALING
    },
    Figure {
        id: "P4c",
        what: "2 threads, each frees the other's",
        unit: "M/s",
        target: Some(1.00),
        measure: scaling::handed_over,
        ..SCALING
    },
    Figure {
        id: "P4-1",
        what: "pairs of 1 thread",
        unit: "M/s",
        measure: scaling::one_thread,
        ..SCALING
    },
    Figure {
        id: "P4-2",
        what: "pairs of 2 threads together",
        unit: "M/s",
        measure: scaling::two_threads,
        ..SCALING
    },
    Figure {
        id: "P5",
        what: "memory of an item of 16 bytes",
        measure: memory::items::<16>,
        ..MEMORY
    },
    Figure {
        id: "P5-24",
        what: "memory of an item of 24 bytes",
        measure: memory::items::<24>,
        ..MEMORY
    },
    Figure {
        id: "P5-40",
        what: "memory of an item of 40 bytes",
        measure: memory::items::<40>,
        ..MEMORY
    },
    Figure {
        id: "P5-136",
        what: "memory of an item of 136 bytes",
        measure: memory::items::<136>,
        ..MEMORY
    },
    Figure {
        id: "P9",
        what: "8192 simulated CPUs, 2 used",
        target: Some(2.00),
        processes: 5,
        measure: simulated::many_possible,
        ..USUAL
    },
    Figure {
        id: "P9b",
        what: "8192 simulated CPUs, all used",
        target: Some(2.00),
        processes: 3,
        measure: simulated::many_used,
        ..USUAL
    },
];

/// Throughput of threads.
const SCALING: Figure = Figure { unit: "x", better: Better::Higher, budget: LONG, ..USUAL };

/// Memory, which is the same each time or nearly so.
const MEMORY: Figure = Figure { unit: "bytes", target: Some(1.05), processes: 3, ..USUAL };

/// Returns the rows that the words name, in the order of the answer; all, if there is no word. What
/// no row is called names none.
pub fn chosen(words: &[String]) -> Vec<&'static Figure> {
    let named = |figure: &&Figure| words.is_empty() || words.iter().any(|word| figure.is(word));
    ALL.iter().filter(named).collect()
}

/// Returns the row of exactly this name.
pub fn exactly(id: &str) -> Option<&'static Figure> {
    ALL.iter().find(|figure| figure.id == id)
}

/// Takes a word that names a row.
///
/// # Errors
/// What there is, if it does not.
pub fn parse_name(word: &str) -> Result<String, String> {
    if ALL.iter().any(|figure| figure.is(word)) {
        return Ok(word.to_owned());
    }
    let known: Vec<_> = ALL.iter().map(|figure| figure.id).collect();
    Err(format!("no row is called that; there are {}", known.join(", ")))
}

impl Figure {
    /// Whether a word names this row: by itself, or as one of a figure of the scoreboard.
    fn is(&self, word: &str) -> bool {
        let of_scoreboard =
            word.starts_with(['P', 'p']) && word.ends_with(|it: char| it.is_ascii_digit());
        let begins = self.id.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word));
        let rest = self.id.get(word.len()..).unwrap_or_default();
        begins
            && (rest.is_empty()
                || of_scoreboard && !rest.starts_with(|it: char| it.is_ascii_digit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(word: &str) -> Vec<&'static str> {
        chosen(&[word.to_owned()]).iter().map(|figure| figure.id).collect()
    }

    #[test]
    fn a_figure_of_the_scoreboard_names_all_its_rows() {
        assert_eq!(ids("P1"), ["P1", "P1b"]);
        assert_eq!(ids("p5"), ["P5", "P5-24", "P5-40", "P5-136"]);
    }

    #[test]
    fn a_row_is_named_by_itself() {
        assert_eq!(ids("P1b"), ["P1b"]);
        assert_eq!(ids("Stack"), ["stack"]);
        assert!(ids("st").is_empty() && ids("P").is_empty() && ids("P5-1").is_empty());
    }

    #[test]
    fn no_word_names_every_row_and_no_two_have_one_name() {
        let mut ids: Vec<_> = chosen(&[]).iter().map(|figure| figure.id).collect();
        assert_eq!(ids.len(), ALL.len());
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ALL.len());
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let said = parse_name("P77").unwrap_err();
        assert!(said.contains("P1, P1b, add-cid"), "{said}");
        assert_eq!(parse_name("p9"), Ok("p9".to_owned()));
    }

    #[test]
    fn figures_with_a_target_and_a_clock_have_ten_processes_or_more() {
        let timed = ALL.iter().filter(|it| it.unit != "bytes" && !it.id.starts_with("P9"));
        assert!(timed.filter(|it| it.target.is_some()).all(|it| it.processes >= 10));
    }
}

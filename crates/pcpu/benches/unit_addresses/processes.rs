// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same figures from several processes, and what is in their middle.

use std::env;
use std::process::Command;

use crate::turns::median;

/// How many.
const PROCESSES: usize = 15;

/// The figures of one thing: title, name, and nanoseconds from each process.
type Line = (String, String, Vec<f64>);

/// Starts this program again with `word`, so many times, and prints a table for each title.
pub fn run(word: &str) {
    let mut lines: Vec<Line> = Vec::new();
    for _ in 0..PROCESSES {
        let program = env::current_exe().expect("a program knows its file");
        let output = Command::new(program).arg(word).output().expect("a process");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout)
            .expect("text")
            .lines()
            .for_each(|text| add(&mut lines, text));
    }
    let mut title = String::new();
    let mut first = 1.0;
    for (of, name, times) in lines {
        let (low, middle, high) = (at(&times, 4), median(times.clone()), at(&times, PROCESSES - 5));
        if of != title {
            println!("\n{of}: ns, over the first, middle half of the processes");
            (title, first) = (of, middle);
        }
        println!("  {name:32} {middle:9.2} {:6.2}   {low:.2} to {high:.2}", middle / first);
    }
}

/// Takes a line that a process printed; what is none is for people to read.
fn add(lines: &mut Vec<Line>, text: &str) {
    let fields: Vec<_> = text.split('\t').collect();
    let [title, name, ns] = fields[..] else {
        println!("{text}");
        return;
    };
    let ns = ns.parse().expect("a number");
    match lines.iter_mut().find(|line| line.0 == title && line.1 == name) {
        Some(line) => line.2.push(ns),
        None => lines.push((title.to_owned(), name.to_owned(), vec![ns])),
    }
}

/// The time at a place in their order.
fn at(times: &[f64], place: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable_by(f64::total_cmp);
    times[place.min(times.len() - 1)]
}

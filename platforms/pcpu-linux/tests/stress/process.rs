// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two processes, their figures, and the judgement.

use std::process::{Command, Stdio, exit};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, thread};

use pcpu_linux::local::{By, ConcurrencyId, Cpu, Mode, Node, Reason, mode};

use crate::crowd::{self, Work};
use crate::ground::Ground;
use crate::lists::Lists;
use crate::plan::{Combination, Disturbance, FULL, Kind, NUMBERS, Number, combinations};
use crate::stacks::{Onto, Stacks};
use crate::words::{Exchange, Locks, Sums};

/// Set for the processes that work.
const CHILD: &str = "PCPU_STRESS_CHILD";

/// A part of the name of combinations, to run these alone.
const ONLY: &str = "PCPU_STRESS_ONLY";

/// Whether ranges have points to delay at, and aborts are counted.
const INJECTS: bool = cfg!(all(pcpu_inject, target_arch = "x86_64"));

/// Rounds of a delay in a range: microseconds.
const DELAY: usize = 8_000;

/// For how long a combination may last before somebody is said to be stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a process did.
#[derive(Default)]
struct Figures {
    combinations: usize,
    rounds: u64,
    aborts: u64,
}

/// Takes the arguments of the usual harness, and closes as that does.
pub fn main() {
    if env::var_os(CHILD).is_some() {
        return work();
    }
    let arguments: Vec<_> = env::args().skip(1).collect();
    if arguments.iter().any(|it| it == "--list") {
        return println!("stress: test\n\n1 test, 0 benchmarks");
    }
    let mut filters = arguments.iter().filter(|it| !it.starts_with('-')).peekable();
    if filters.peek().is_some() && !filters.any(|it| "stress".contains(it.as_str())) {
        return close("ok", [0, 0, 1], Instant::now());
    }
    let start = Instant::now();
    match in_both_ways() {
        Ok(number) => {
            println!("stress: {number} combinations");
            close("ok", [1, 0, 0], start);
        }
        Err(fault) => {
            println!("stress: FAULT: {fault}");
            close("FAILED", [0, 1, 0], start);
            exit(101);
        }
    }
}

fn close(word: &str, [passed, failed, filtered]: [u32; 3], start: Instant) {
    let rest = format!("0 ignored; 0 measured; {filtered} filtered out");
    let time = start.elapsed().as_secs_f64();
    println!(
        "\ntest result: {word}. {passed} passed; {failed} failed; {rest}; finished in {time:.2}s\n"
    );
}

/// Returns how many combinations were run.
fn in_both_ways() -> Result<usize, String> {
    let number = run_again(&[])? + run_again(&[("PCPU_RSEQ", "0")])?;
    let is_full = INJECTS && env::var_os(ONLY).is_none();
    let wanted = if is_full { FULL } else { 1 };
    if number < wanted {
        return Err(format!("{number} combinations are fewer than {wanted}"));
    }
    Ok(number)
}

/// Runs this program again to do the work, and returns how many combinations it did.
fn run_again(variables: &[(&str, &str)]) -> Result<usize, String> {
    let program = env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new(program);
    command.env_remove("PCPU_RSEQ").env(CHILD, "1").envs(variables.iter().copied());
    let output = command.stderr(Stdio::inherit()).output().map_err(|e| e.to_string())?;
    let printed = String::from_utf8_lossy(&output.stdout);
    print!("{printed}");
    if !output.status.success() {
        return Err(format!("a process ended with {}", output.status));
    }
    let before = printed.lines().find_map(|line| line.split_once(" combinations,"));
    let number = before.and_then(|(before, _)| before.rsplit_once(' ')?.1.parse().ok());
    number.ok_or_else(|| "a process did not say how much it did".to_owned())
}

/// What combination runs, and since when.
static NOW: Mutex<Option<(Instant, String)>> = Mutex::new(None);

fn work() {
    let mode = mode();
    let off = env::var_os("PCPU_RSEQ").is_some();
    match mode {
        Mode::Fallback(reason) if !off => {
            println!("stress: LEFT OUT: sequences; {mode}");
            assert_ne!(reason, Reason::Environment, "nobody said so");
            let may_lose = cfg!(target_arch = "aarch64");
            assert!(reason != Reason::NoAbort || may_lose, "such kernels are not known");
        }
        Mode::Sequences(_) if off => panic!("PCPU_RSEQ=0 was not heard"),
        _ => {}
    }
    crowd::install_handler();
    thread::spawn(watch);
    let (mut faults, mut done) = (0, 0);
    for number in NUMBERS {
        let mut figures = Figures::default();
        let wanted = |it: &Combination| it.number == number && is_wanted(it);
        for combination in combinations(INJECTS).into_iter().filter(wanted) {
            *NOW.lock().unwrap() = Some((Instant::now(), format!("{combination:?}")));
            if let Err(fault) = run(combination, &mut figures) {
                println!("stress: FAULT: {combination:?}: {fault}");
                faults += 1;
            }
        }
        let Figures { combinations, rounds, aborts } = figures;
        println!("stress: {mode}, by {number:?}: {rounds} rounds, {}", said(aborts));
        let aborting = INJECTS && number.has_sequences() && matches!(mode, Mode::Sequences(_));
        if aborting && combinations != 0 && aborts == 0 {
            println!("stress: FAULT: nothing was ever aborted");
            exit(1);
        }
        done += combinations;
    }
    println!("stress: {done} combinations, {faults} faults");
    exit(i32::from(faults != 0));
}

fn is_wanted(combination: &Combination) -> bool {
    env::var(ONLY).map_or(true, |part| format!("{combination:?}").contains(&part))
}

fn said(aborts: u64) -> String {
    if INJECTS { format!("{aborts} aborts") } else { "aborts not counted".to_owned() }
}

/// Ends the process when a combination does not.
fn watch() {
    loop {
        thread::sleep(Duration::from_secs(1));
        if let Some((since, what)) = &*NOW.lock().unwrap()
            && since.elapsed() > PATIENCE
        {
            println!("stress: FAULT: {what}: somebody is stuck");
            exit(1);
        }
    }
}

/// For how long a combination runs.
fn time() -> Duration {
    match env::var("PCPU_STRESS").as_deref() {
        Ok("long") => Duration::from_secs(1),
        _ if INJECTS => Duration::from_millis(30),
        _ => Duration::from_millis(10),
    }
}

fn run(combination: Combination, figures: &mut Figures) -> Result<(), String> {
    match combination.number {
        Number::Cpu => run_by::<Cpu>(combination, figures),
        Number::ConcurrencyId => run_by::<ConcurrencyId>(combination, figures),
        Number::Node => run_by::<Node>(combination, figures),
    }
}

fn run_by<B: By>(combination: Combination, figures: &mut Figures) -> Result<(), String> {
    let ground = Ground::new();
    let most = 1 + 5_000 * time().as_millis() as usize;
    let work: Box<dyn Work + '_> = match combination.kind {
        Kind::SpinLock => Box::new(Locks::<B>::new(&ground)),
        Kind::List => Box::new(Lists::<B>::new(&ground, false)),
        Kind::Buffer => Box::new(Stacks::<B>::new(&ground, Onto::Push, false)),
        Kind::Memcpy => Box::new(Stacks::<B>::new(&ground, Onto::Append, false)),
        Kind::Increment => Box::new(Sums::<B>::new(&ground)),
        Kind::Exchange => Box::new(Exchange::<B>::new(&ground, most)),
        Kind::DrainedList => Box::new(Lists::<B>::new(&ground, true)),
        Kind::DrainedStack => Box::new(Stacks::<B>::new(&ground, Onto::Push, true)),
    };
    let before = aborts();
    set_delays(combination.disturbance);
    let outcome = crowd::let_loose(&*work, combination.disturbance, time());
    set_delays(Disturbance::None);
    figures.combinations += 1;
    figures.rounds += outcome.rounds;
    figures.aborts += aborts() - before;
    work.check(&outcome.left)
}

#[cfg(pcpu_inject)]
fn set_delays(disturbance: Disturbance) {
    use std::sync::atomic::Ordering;

    for (point, rounds) in pcpu_linux::local::inject::ROUNDS.iter().enumerate() {
        let delay = match disturbance {
            Disturbance::InRanges(at) if at == point => DELAY,
            Disturbance::AllOverRanges => DELAY / 4,
            _ => 0,
        };
        rounds.store(delay, Ordering::Relaxed);
    }
}

#[cfg(not(pcpu_inject))]
fn set_delays(_: Disturbance) {
    let _ = DELAY;
}

#[cfg(pcpu_inject)]
fn aborts() -> u64 {
    pcpu_linux::local::inject::ABORTS.load(std::sync::atomic::Ordering::Relaxed)
}

#[cfg(not(pcpu_inject))]
fn aborts() -> u64 {
    0
}

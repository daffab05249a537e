// SPDX-License-Identifier: MIT OR Apache-2.0
//! P4: what two threads do together, over what one does alone.
//!
//! Two CPUs of a shared machine do not do twice as much as one, whatever the program. So a loop that
//! touches no memory is measured beside it, and is what the others are compared with.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

use super::super::Turn;
use super::super::duo::rate;
use super::super::glibc::Block;
use super::super::sample::{Sample, median};
use super::pairs::{attach_two, item};

/// How long threads work at once.
const WINDOW: Duration = Duration::from_millis(1);

/// Windows of each kind at least.
const FEWEST: usize = 3;

/// Items that are alive at once, where they are not freed at once.
const OUT: usize = 1000;

/// Items that go to the other thread in one piece, and pieces on their way at most.
const PIECE: usize = 256;
const PIECES: usize = 4;

/// What threads do until told to stop.
type Work<'a> = &'a (dyn Fn(usize, Instant) -> u64 + Sync);

/// P4.
pub fn pair_by_pair(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    let work: [(&str, Work<'_>); 3] = [
        ("pcpu", &|_, end| pairs(end, || drop(item()))),
        ("a loop in registers", &|_, end| registers(end)),
        ("malloc + free", &|_, end| pairs(end, || drop(Block::new(16)))),
    ];
    gain(&work, turn)
}

/// P4b.
pub fn out_and_back(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    let work: [(&str, Work<'_>); 3] = [
        ("pcpu", &|_, end| batches(end, item)),
        ("a loop in registers", &|_, end| registers(end)),
        ("malloc + free", &|_, end| batches(end, || Block::new(16))),
    ];
    gain(&work, turn)
}

/// P4c.
pub fn handed_over(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    let (ours, theirs) = (Exchange::new(), Exchange::new());
    let work: [(&str, Work<'_>); 2] = [
        ("pcpu", &|number, end| ours.work(number, end, item)),
        ("malloc + free", &|number, end| theirs.work(number, end, || Block::new(16))),
    ];
    throughput(&work, turn, 2)
}

/// Pairs a second, alone.
pub fn one_thread(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    throughput(&PAIRS, turn, 1)
}

/// Pairs a second, of two threads.
pub fn two_threads(turn: Turn) -> Result<Sample, Box<dyn Error>> {
    throughput(&PAIRS, turn, 2)
}

const PAIRS: [(&str, Work<'static>); 2] = [
    ("pcpu", &|_, end| pairs(end, || drop(item()))),
    ("malloc + free", &|_, end| pairs(end, || drop(Block::new(16)))),
];

/// Two threads over one, for each kind of work.
fn gain(work: &[(&str, Work<'_>)], turn: Turn) -> Result<Sample, Box<dyn Error>> {
    let cpus = attach_two()?;
    let kinds: Vec<_> = work.iter().flat_map(|(_, work)| [(*work, 1), (*work, 2)]).collect();
    let rates = windows(&kinds, cpus, turn)?;
    let gains = rates.chunks(2).map(|pair| pair[1] / pair[0]);
    Ok(named(work, gains))
}

/// Millions a second, for each kind of work.
fn throughput(
    work: &[(&str, Work<'_>)],
    turn: Turn,
    nr_threads: usize,
) -> Result<Sample, Box<dyn Error>> {
    let cpus = attach_two()?;
    let kinds: Vec<_> = work.iter().map(|(_, work)| (*work, nr_threads)).collect();
    let rates = windows(&kinds, cpus, turn)?;
    Ok(named(work, rates.iter().map(|rate| rate / 1e6)))
}

fn named(work: &[(&str, Work<'_>)], values: impl Iterator<Item = f64>) -> Sample {
    let mut named = work.iter().map(|(name, _)| (*name).to_owned()).zip(values);
    let (_, ours) = named.next().expect("pcpu itself");
    Sample { ours, peers: named.collect() }
}

/// The median rate of each kind of work with its number of threads, in turn.
fn windows(
    kinds: &[(Work<'_>, usize)],
    cpus: [usize; 2],
    turn: Turn,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut rates = vec![Vec::new(); kinds.len()];
    let end = Instant::now() + turn.budget;
    // On a busy machine hardly a window is quiet.
    let last = end + 16 * turn.budget;
    let few = |rates: &[Vec<f64>]| rates.iter().any(|rates| rates.len() < FEWEST);
    while Instant::now() < end || (few(&rates) && Instant::now() < last) {
        for ((work, nr_threads), rates) in kinds.iter().zip(&mut rates) {
            rates.extend(rate(&cpus[..*nr_threads], WINDOW, *work));
        }
    }
    if few(&rates) {
        return Err("other programs hardly ever left two CPUs alone for a millisecond".into());
    }
    Ok(rates.iter().map(|rates| median(rates)).collect())
}

fn pairs(end: Instant, pair: impl Fn()) -> u64 {
    let mut done = 0;
    while Instant::now() < end {
        (0..64).for_each(|_| pair());
        done += 64;
    }
    done
}

fn batches<T>(end: Instant, make: impl Fn() -> T) -> u64 {
    let mut out = Vec::with_capacity(OUT);
    let mut done = 0;
    while Instant::now() < end {
        out.extend((0..OUT).map(|_| make()));
        out.clear();
        done += OUT as u64;
    }
    done
}

fn registers(end: Instant) -> u64 {
    let mut done = 0;
    while Instant::now() < end {
        let mut number: u64 = black_box(done);
        for _ in 0..4096 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
        black_box(number);
        done += 4096;
    }
    done
}

/// Two threads that make items for each other to free.
struct Exchange<T> {
    /// For each thread, what it is to free.
    boxes: [CachePadded<Mutex<Vec<Vec<T>>>>; 2],
}

impl<T> Exchange<T> {
    fn new() -> Self {
        Self { boxes: [const { Vec::new() }; 2].map(|it| CachePadded::new(Mutex::new(it))) }
    }

    /// Returns how many items were freed here.
    fn work(&self, number: usize, end: Instant, make: impl Fn() -> T) -> u64 {
        let (mine, theirs) = (&self.boxes[number], &self.boxes[number ^ 1]);
        let mut spare: Vec<Vec<T>> = Vec::new();
        let mut done = 0;
        while Instant::now() < end {
            if theirs.lock().len() < PIECES {
                let mut piece = spare.pop().unwrap_or_else(|| Vec::with_capacity(PIECE));
                piece.extend((0..PIECE).map(|_| make()));
                theirs.lock().push(piece);
            }
            // In a statement of its own: the lock is not held while items are freed.
            let piece = mine.lock().pop();
            if let Some(mut piece) = piece {
                done += piece.len() as u64;
                piece.clear();
                spare.push(piece);
            }
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_freed_by_the_other_thread() {
        let exchange = Exchange::new();
        let made = [0, 1].map(|number| exchange.work(number, Instant::now(), || number));
        assert_eq!(made, [0, 0], "no time, no work");
        let end = Instant::now() + Duration::from_millis(5);
        std::thread::scope(|scope| {
            for number in 0..2 {
                let exchange = &exchange;
                scope.spawn(move || exchange.work(number, end, || number));
            }
        });
        for (number, pieces) in exchange.boxes.iter().enumerate() {
            assert!(pieces.lock().iter().flatten().all(|made_by| *made_by != number));
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! One line of the answer: medians over the processes that measured it.

use super::rows::{Better, Figure};
use super::sample::{Sample, median, quantile};

/// A figure, measured.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub figure: &'static Figure,
    /// pcpu's own value.
    pub ours: f64,
    /// Others', by name; the first is the one that the ratio is against.
    pub peers: Vec<(String, f64)>,
    /// The middle half of the processes' ratios, from its lower to its upper end, over their median.
    pub spread: f64,
    /// How many processes the medians are over.
    pub rounds: usize,
}

impl Row {
    /// # Panics
    /// Without samples, or where they are not of the same peers.
    pub fn of(figure: &'static Figure, samples: &[Sample]) -> Self {
        let ours: Vec<_> = samples.iter().map(|sample| sample.ours).collect();
        let peers = samples[0].peers.iter().enumerate().map(|(idx, (name, _))| {
            let values: Vec<_> = samples.iter().map(|sample| sample.peers[idx].1).collect();
            assert!(samples.iter().all(|sample| sample.peers[idx].0 == *name));
            (name.clone(), median(&values))
        });
        let ratios: Vec<_> = samples.iter().map(Sample::ratio).collect();
        let width = quantile(&ratios, 0.75) - quantile(&ratios, 0.25);
        Self {
            figure,
            ours: median(&ours),
            peers: peers.collect(),
            spread: width / median(&ratios),
            rounds: samples.len(),
        }
    }

    /// pcpu's value over the peer's.
    pub fn ratio(&self) -> f64 {
        self.ours / self.peers[0].1
    }

    /// Whether the ratio is what it is to be; `None` where nobody has said.
    pub fn met(&self) -> Option<bool> {
        let (ratio, target) = (self.ratio(), self.figure.target?);
        Some(match self.figure.better {
            Better::Lower => ratio <= target,
            Better::Higher => ratio >= target,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows;
    use super::*;

    fn sample(ours: f64, peers: &[(&str, f64)]) -> Sample {
        let peers = peers.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Sample { ours, peers }
    }

    #[test]
    fn a_row_is_the_middle_of_its_processes() {
        let figure = rows::chosen(&["P1".to_owned()])[0];
        let one = sample(1.0, &[("atomic", 4.0), ("plain", 1.0)]);
        let slow = sample(90.0, &[("atomic", 4.0), ("plain", 2.0)]);
        let row = Row::of(figure, &[one.clone(), slow, one]);
        assert_eq!((row.ours, row.ratio(), row.met(), row.rounds), (1.0, 0.25, Some(true), 3));
        assert_eq!(row.peers[1], ("plain".to_owned(), 1.0));
        assert!(row.spread > 1.0, "{}", row.spread);
    }

    #[test]
    fn more_is_better_where_the_figure_says_so() {
        let figure = rows::chosen(&["P4".to_owned()])[0];
        assert_eq!(figure.better, Better::Higher);
        let good = Row::of(figure, &[sample(1.9, &[("control", 2.0)])]);
        let bad = Row::of(figure, &[sample(0.2, &[("control", 2.0)])]);
        assert_eq!((good.met(), bad.met()), (Some(true), Some(false)));
    }
}

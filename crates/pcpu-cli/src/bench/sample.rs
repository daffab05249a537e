// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one process found, and the middle of what several did.

use serde::{Deserialize, Serialize};

/// What one process measured for a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// pcpu's own figure.
    pub ours: f64,
    /// Others', by name; the first is the one that the ratio is against.
    pub peers: Vec<(String, f64)>,
}

impl Sample {
    /// pcpu's figure over the first peer's.
    pub fn ratio(&self) -> f64 {
        self.ours / self.peers[0].1
    }
}

/// The value at a quantile from 0 to 1: between two, the mean that is due.
///
/// # Panics
/// Without values.
pub fn quantile(values: &[f64], quantile: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    let place = quantile * (values.len() - 1) as f64;
    let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

/// The value in the middle.
///
/// # Panics
/// Without values.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        let values = [4.0, 1.0, 2.0, 3.0];
        assert_eq!([0.0, 0.5, 1.0].map(|it| quantile(&values, it)), [1.0, 2.5, 4.0]);
        assert_eq!(quantile(&values, 0.25), 1.75);
        assert_eq!(median(&[7.0]), 7.0);
    }

    #[test]
    fn one_wild_value_of_five_moves_no_median() {
        assert_eq!(median(&[1.0, 1.0, 900.0, 1.0, 1.0]), 1.0);
    }
}

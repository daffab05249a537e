// SPDX-License-Identifier: MIT OR Apache-2.0
//! A row of numbers as a row of little columns.

const COLUMNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws one character per number, from the lowest for 0 to the highest for `top`.
pub fn line(numbers: &[u64], top: u64) -> String {
    let highest = COLUMNS.len() as u64 - 1;
    let column = |number: &u64| {
        let height = (number * highest + top / 2).checked_div(top).unwrap_or(0);
        COLUMNS[height.min(highest) as usize]
    };
    numbers.iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lowest_and_the_top_is_highest() {
        assert_eq!(line(&[0, 4, 7, 14], 14), "▁▃▅█");
        assert_eq!(line(&[0, 0], 0), "▁▁");
        assert_eq!(line(&[9], 3), "█");
        assert_eq!(line(&[], 3), "");
    }
}

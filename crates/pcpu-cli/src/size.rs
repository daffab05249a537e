// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sizes in bytes as people write them: `32768`, `32K`, `2M`, `0x8000`.
//!
//! K, M and G are powers of 1024, in either case; nothing here is ever a power of 1000.

use std::num::IntErrorKind;

use thiserror::Error;

/// Why a word is no size.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum SizeError {
    /// Not a number with one of the known suffixes.
    #[error("not a size, expected are bytes: 32768, 32K, 2M, 1G or 0x8000")]
    NotASize,
    /// More than this machine can count.
    #[error("too large, the largest size is {}", usize::MAX)]
    TooLarge,
}

/// Reads a size in bytes.
pub fn parse(word: &str) -> Result<usize, SizeError> {
    let (digits, shift) = match word.as_bytes().last() {
        Some(b'k' | b'K') => (&word[..word.len() - 1], 10),
        Some(b'm' | b'M') => (&word[..word.len() - 1], 20),
        Some(b'g' | b'G') => (&word[..word.len() - 1], 30),
        _ => (word, 0),
    };
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (digits, radix) = hex.map_or((digits, 10), |hex| (hex, 16));
    // The standard library would take a sign.
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return Err(SizeError::NotASize);
    }
    let number = usize::from_str_radix(digits, radix).map_err(|error| match error.kind() {
        IntErrorKind::PosOverflow => SizeError::TooLarge,
        _ => SizeError::NotASize,
    })?;
    number.checked_mul(1 << shift).ok_or(SizeError::TooLarge)
}

/// Writes a size as a person would say it: `512 bytes`, `28.0 KiB`, `2.7 MiB`.
pub fn spoken(bytes: u64) -> String {
    const STEPS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let step = STEPS.iter().find(|(_, shift)| bytes >> shift > 0);
    step.map_or_else(
        || format!("{bytes} bytes"),
        |(unit, shift)| format!("{:.1} {unit}", bytes as f64 / (1u64 << shift) as f64),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_are_powers_of_1024_and_0x_is_hexadecimal() {
        let read = |word| parse(word).unwrap();
        assert_eq!((read("0"), read("32768"), read("32K"), read("2m")), (0, 32768, 32768, 2 << 20));
        assert_eq!(
            (read("1G"), read("0x8000"), read("0XfF"), read("0x2K")),
            (1 << 30, 32768, 255, 2048)
        );
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for word in
            ["", "K", "0x", "-1", "+1", "0x+1", "1.5M", "1T", "2 M", "ff", "1KK", "0xg", "ä"]
        {
            assert_eq!(parse(word), Err(SizeError::NotASize), "{word}");
        }
    }

    #[test]
    fn sizes_past_the_machine_s_own_are_refused() {
        assert_eq!(parse(&usize::MAX.to_string()), Ok(usize::MAX));
        for word in ["99999999999999999999999", "0xfffffffffffffffff", "18446744073709551615K"] {
            assert_eq!(parse(word), Err(SizeError::TooLarge), "{word}");
        }
    }

    #[test]
    fn spoken_sizes_have_a_unit() {
        assert_eq!(spoken(512), "512 bytes");
        assert_eq!(spoken(28 << 10), "28.0 KiB");
        assert_eq!(spoken(2_831_155), "2.7 MiB");
        assert_eq!(spoken(3 << 30), "3.0 GiB");
    }
}

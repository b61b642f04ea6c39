//! How many elements differ, on the command line.

use core::str::FromStr;

use crate::number::number;

/// A number of elements, or a share of the larger set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// So many, whatever the sets hold.
    Count(usize),
    /// So many of as many: 15 of 100 is `0.15n`.
    Share {
        /// Those that differ.
        part: usize,
        /// Of so many.
        of: usize,
    },
}

impl Difference {
    /// How many of `n` elements that are, rounded down.
    pub fn among(self, n: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Share { part, of } => n.saturating_mul(part) / of,
        }
    }
}

impl FromStr for Difference {
    type Err = String;

    /// A [`number`], or a decimal before `n`.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some(share) = text.strip_suffix('n') else { return number(text).map(Self::Count) };
        let (whole, decimals) = share.split_once('.').unwrap_or((share, "0"));
        let valid = [whole, decimals].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        let of = u32::try_from(decimals.len()).ok().and_then(|digits| 10_usize.checked_pow(digits));
        let part = [whole, decimals].concat().parse().ok().filter(|_| valid && !whole.is_empty());
        part.zip(of)
            .map(|(part, of)| Self::Share { part, of })
            .ok_or_else(|| "a share of n is written as 0.15n or 2n".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_a_count_or_a_share() {
        for (text, differ) in
            [("0", 0), ("1e3", 1_000), ("0.15n", 1_500), ("0.05n", 500), ("1n", 10_000), ("1.5n", 15_000), ("0n", 0)]
        {
            assert_eq!(text.parse::<Difference>().map(|difference| difference.among(10_000)), Ok(differ), "{text}");
        }
        for text in ["", "n", ".5n", "-1n", "+1n", "0.n5", "0,5n", "1e3n", "0.5", "0.-5n", "0.00000000000000000001n"] {
            assert!(text.parse::<Difference>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_is_rounded_down() {
        assert_eq!(Difference::Share { part: 15, of: 100 }.among(19), 2);
    }
}

//! Log-likelihoods for the estimator, in tables that are computed at compile time from integers alone.
//!
//! `x = d·r` is the expected number of `d` elements in a cell: the cell is empty with probability `e^-x`, and its
//! lowest check bit is set with probability `(1 − e^-x)/2`. Both are exact with `r = −ln(1 − P)`, where `P` is the
//! probability that an element is in the cell an odd number of times.

use super::parameters::{LONG, LONG_SHARE, POSITION_BITS, SHORT};

/// Steps of the logarithmic scale in a doubling.
pub(crate) const OCTAVE: i32 = 32;

/// One, in the logarithms of likelihoods: 2^16.
pub(crate) const ONE: i64 = 1 << 16;

/// The natural logarithm of two, times [`ONE`].
pub(crate) const LN_2: i64 = 45_426;

/// Range of the table: `x` from 2^-26 to 2^5, of which powers of `x` will do up to 2^-12. Above, `e^-x` is under 2^-46.
/// Of 2^-2 differences at a rate of 2^-21, and a little to the left for its curve, it is 2^-25.
const LOWEST: i32 = -26 * OCTAVE;
const SMALL: i32 = -12 * OCTAVE;
const ENTRIES: usize = 31 * OCTAVE as usize;

// With 6 bits before the point, for 2^5 and one more, products have 124 of 128 bits.
const Q: u32 = 56;
const Q_ONE: u128 = 1 << Q;

/// `ln(1 − e^-x)`, `ln(1 + e^-x)` and `ln(1 − (1 + x)·e^-x)`, times [`ONE`], at `x = 2^((LOWEST + index) / OCTAVE)`.
static LOGS: [[i32; 3]; ENTRIES] = {
    let mut logs = [[0; 3]; ENTRIES];
    let mut index = 0;
    let mut scale = LOWEST;
    while index < ENTRIES {
        logs[index] = if scale < SMALL {
            // 1 − e^-x is x there, 1 + e^-x is 2, and 1 − (1 + x)·e^-x is x²/2.
            let ln = scale * LN_2 as i32 / OCTAVE;
            [ln, LN_2 as i32, 2 * ln - LN_2 as i32]
        } else {
            let x = power(scale);
            let decay = exp_minus(x);
            // x²/2 where x is small, 2^-25 at the least: 31 of the 56 bits are left of this difference.
            let several = Q_ONE - (((Q_ONE + x) * decay) >> Q);
            [ln(Q_ONE - decay), ln(Q_ONE + decay), ln(several)]
        };
        index += 1;
        scale += 1;
    }
    logs
};

/// `log2(r)` in steps of the scale, for cells of one position in 2^index.
static RATES: [i32; POSITION_BITS as usize + 1] = {
    let mut rates = [0; POSITION_BITS as usize + 1];
    let mut bits = 1;
    while bits <= POSITION_BITS {
        // 1 − P = (1 + E[(1 − 2q)^k]) / 2, for q = 2^-bits and k positions.
        let miss = Q_ONE - ((2 * Q_ONE) >> bits);
        let long = LONG_SHARE as u128;
        let odd_less = (miss_power(miss, SHORT) * (65_536 - long) + miss_power(miss, LONG) * long) >> 16;
        let rate = -ln((Q_ONE + odd_less) / 2) as i64;
        // The logarithms have 16 bits, which is too few for the smallest rates: there P itself will do.
        let wide = if bits < 10 { (rate as u128) << (Q - 16) } else { (Q_ONE - odd_less) / 2 };
        rates[bits as usize] = log2_steps(wide);
        bits += 1;
    }
    rates
};

/// `log2(r)` in steps of the scale, for a cell of one position in 2^`bits`; `None` for a cell of all positions.
pub(crate) fn rate(bits: u32) -> Option<i32> {
    if bits == 0 { None } else { RATES.get(bits as usize).copied() }
}

/// The place of a positive number on the scale, rounded.
pub(crate) const fn scale_of(number: usize) -> i32 {
    // The whole part of the logarithm apart: the rest is of 1 to 2.
    let bits = number.ilog2();
    log2_steps(((number as u128) << Q) >> bits) + bits.cast_signed() * OCTAVE
}

/// Log-likelihoods of the number of elements in a cell, times [`ONE`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellLogs {
    /// `−x`.
    pub(crate) none: i64,
    /// `ln(x) − x`.
    pub(crate) one: i64,
    /// `ln(1 − (1 + x)·e^-x)`.
    pub(crate) several: i64,
}

/// Log-likelihoods of the lowest check bit of a cell, times [`ONE`], but for a constant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BitLogs {
    /// Set: `ln(1 − e^-x)`.
    pub(crate) odd: i64,
    /// Clear: `ln(1 + e^-x)`.
    pub(crate) even: i64,
}

/// At `x = 2^(scale / OCTAVE)`.
pub(crate) fn cell_logs(scale: i32) -> CellLogs {
    // Wide enough for any sum: far up, nothing but `several` is likely anyway.
    let none = -round_power(scale, 16).min(1 << 40);
    let one = ln_of(scale) + none;
    CellLogs { none, one, several: entry(scale)[2].into() }
}

/// At `x = 2^(scale / OCTAVE)`.
#[inline]
pub(crate) fn bit_logs(scale: i32) -> BitLogs {
    let [odd, even, _] = entry(scale);
    BitLogs { odd: odd.into(), even: even.into() }
}

/// Row of the table. Above it all logarithms are zero.
#[inline]
fn entry(scale: i32) -> [i32; 3] {
    LOGS.get((scale - LOWEST).max(0).unsigned_abs() as usize).copied().unwrap_or_default()
}

fn ln_of(scale: i32) -> i64 {
    i64::from(scale) * LN_2 / i64::from(OCTAVE)
}

/// 2^(`scale` / [`OCTAVE`]) times 2^`shift`, rounded; saturates at 2^62.
pub(crate) fn round_power(scale: i32, shift: u32) -> i64 {
    let whole = scale.div_euclid(OCTAVE) + i32::try_from(shift).unwrap_or(0);
    let root = ROOTS[scale.rem_euclid(OCTAVE).unsigned_abs() as usize];
    // To the nearest: one bit more than is wanted, and half of that rounded up. 31 bits shifted by 63 fit 128.
    let rounded = match u32::try_from(whole) {
        Ok(whole) => (root << whole.min(63) >> 29).div_ceil(2),
        Err(_) => root.checked_shr(29 + whole.unsigned_abs()).unwrap_or(0).div_ceil(2),
    };
    i64::try_from(rounded).unwrap_or(i64::MAX).min(1 << 62)
}

/// 2^(index / OCTAVE), times 2^30.
static ROOTS: [u128; OCTAVE as usize] = {
    let mut roots = [0; OCTAVE as usize];
    let mut index = 0;
    while index < OCTAVE {
        roots[index as usize] = power(index) >> (Q - 30);
        index += 1;
    }
    roots
};

/// 2^(`scale` / [`OCTAVE`]) in 2^-[`Q`], for scales below five octaves.
const fn power(scale: i32) -> u128 {
    // 2^(1/32), by five square roots, in 2^-60.
    let mut root: u128 = 2 << 60;
    let mut i = 0;
    while i < 5 {
        root = (root << 60).isqrt();
        i += 1;
    }
    // By products of roots, 31 at the most: each rounding costs 2^-60, so 55 bits are right.
    let mut product: u128 = 1 << 60;
    let mut i = 0;
    while i < scale.rem_euclid(OCTAVE) {
        product = (product * root) >> 60;
        i += 1;
    }
    product >> (60 - Q as i32 - scale.div_euclid(OCTAVE))
}

/// `e^-x`, both in 2^-[`Q`], for `x` up to 2^5: the series at `x / 2^8`, squared eight times.
const fn exp_minus(x: u128) -> u128 {
    // At 1/8 the term of 24 is below 2^-150; squaring eight times leaves 52 bits of 60 right.
    let small = (x << (60 - Q)) >> 8;
    let one: u128 = 1 << 60;
    let mut sum = one;
    let mut i = 24;
    while i > 0 {
        sum = one - ((small * sum) >> 60) / i;
        i -= 1;
    }
    let mut i = 0;
    while i < 8 {
        sum = (sum * sum) >> 60;
        i += 1;
    }
    sum >> (60 - Q)
}

/// `base^exponent` in 2^-[`Q`].
const fn miss_power(base: u128, exponent: usize) -> u128 {
    let mut product = Q_ONE;
    let mut i = 0;
    while i < exponent {
        product = (product * base) >> Q;
        i += 1;
    }
    product
}

/// Base-2 logarithm of a positive `x` in 2^-[`Q`]; the result is in 2^-24.
const fn log2(x: u128) -> i64 {
    let bit = x.ilog2();
    let mut mantissa = (x << 62) >> bit;
    let mut log = (bit as i64 - Q as i64) << 24;
    let mut place = 1 << 23;
    while place > 0 {
        // Each squaring doubles the logarithm, and what reaches 2 is its next bit. 1 to 2 in 2^-62: the square has 126
        // bits.
        mantissa = (mantissa * mantissa) >> 62;
        if mantissa >> 63 > 0 {
            mantissa >>= 1;
            log += place;
        }
        place >>= 1;
    }
    log
}

/// Natural logarithm of a positive `x` in 2^-[`Q`], times [`ONE`].
const fn ln(x: u128) -> i32 {
    // ln 2 in 2^-24: from 24 and 24 bits to 16.
    ((log2(x) * 11_629_080) >> 32) as i32
}

/// Base-2 logarithm of a positive `x` in 2^-[`Q`], in steps of the scale, rounded.
#[expect(clippy::cast_possible_truncation, reason = "4 096 is the largest")]
const fn log2_steps(x: u128) -> i32 {
    ((log2(x) + (1 << 18)) >> 19) as i32
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "the tables are compared with floating point")]
mod tests {
    use super::*;

    #[test]
    fn the_tables_agree_with_floating_point() {
        for scale in LOWEST..LOWEST + ENTRIES as i32 + 20 {
            let x = (f64::from(scale) / 32.0).exp2();
            let (found, bits) = (cell_logs(scale), bit_logs(scale));
            let near =
                |found: i64, expected: f64| (found as f64 / 65_536.0 - expected).abs() < 1e-4 * (1.0 + expected.abs());
            assert!(near(found.none, -x), "{scale}: {found:?}, {bits:?}");
            assert!(near(bits.odd, (-(-x).exp_m1()).ln()), "{scale}: {found:?}, {bits:?}");
            assert!(near(found.one, x.ln() - x), "{scale}: {found:?}, {bits:?}");
            let several = if x < 0.01 { x * x / 2.0 * (1.0 - x / 1.5) } else { -(-x).exp_m1() - x * (-x).exp() };
            assert!(near(found.several, several.ln()), "{scale}: {found:?}, {bits:?}");
            assert!(near(bits.even, (-x).exp().ln_1p()), "{scale}: {found:?}, {bits:?}");
        }
        for bits in 1..=POSITION_BITS {
            let q = (-f64::from(bits)).exp2();
            let long = LONG_SHARE as f64 / 65_536.0;
            let odd = (1.0 - (1.0 - long) * (1.0 - 2.0 * q).powi(3) - long * (1.0 - 2.0 * q).powi(17)) / 2.0;
            let expected = (-(-odd).ln_1p()).log2() * 32.0;
            let found = f64::from(rate(bits).expect("within the table"));
            assert!((found - expected).abs() < 0.6, "{bits}: {found} for {expected}");
        }
        assert_eq!((round_power(0, 0), round_power(320, 0), round_power(16, 20)), (1, 1_024, 1_482_910));
        assert_eq!((round_power(-64, 0), round_power(-32, 0), round_power(-1, 0)), (0, 1, 1));
        assert_eq!([61, 62, 63, 67_108_863].map(|octaves| round_power(octaves * OCTAVE, 0).ilog2()), [61, 62, 62, 62]);
    }
}

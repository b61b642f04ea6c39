//! A JSON number as its exact value.

use std::cmp::{Ordering, Reverse};

/// The exact value of a JSON number, read off its text without copying: ± 0.d₁d₂d₃… × 10^`point`.
///
/// The digits are `whole` followed by `fraction`; neither the first nor the last of them is a zero, and zero has none,
/// so that equal values have equal digits and points, however they were written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    point: i64,
}

/// An exponent of more digits is refused; what fits leaves room to add the length of any line.
const EXPONENT_DIGITS: usize = 18;

/// Zeros after the decimal point, beyond which a fraction is written with an exponent. ECMAScript draws the line here
/// too.
const LEADING_ZEROS: u64 = 5;

impl<'a> Number<'a> {
    /// The value of `text`, which follows JSON's grammar; `None` if its exponent has more than 18 digits.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Self::normal(negative, whole, fraction, exponent)
    }

    fn normal(negative: bool, whole: &'a str, fraction: &'a str, exponent: &str) -> Option<Self> {
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        // Before the exponent is read: zero is zero, however long its exponent is.
        if whole.is_empty() && fraction.is_empty() {
            return Some(Self { negative: false, whole, fraction, point: 0 });
        }
        let exponent = read_exponent(exponent)?;
        if whole.is_empty() {
            let digits = fraction.trim_start_matches('0');
            // Neither sum overflows: an exponent is below 10^18, and no line has more than 2^24 digits.
            let zeros = length(fraction) - length(digits);
            return Some(Self { negative, whole, fraction: digits, point: exponent - zeros });
        }
        let point = exponent + length(whole);
        let whole = if fraction.is_empty() { whole.trim_end_matches('0') } else { whole };
        Some(Self { negative, whole, fraction, point })
    }

    /// The one canonical text of this value; `None` if it has more than `limit` bytes. Nothing is allocated by the exponent
    /// before that is known.
    ///
    /// An integer is its digits and nothing else. Another value is written with a decimal point, or, below 10^-6, as
    /// `d.ddde-n`: no zeros that could be left out, one digit other than zero before the point.
    pub(crate) fn text(&self, limit: usize) -> Option<String> {
        // The length is known before anything is written, so 1e999999999999999999 is refused without a digit of it.
        let len = usize::try_from(self.written_len()).ok().filter(|len| *len <= limit)?;
        let mut out = String::with_capacity(len);
        if self.negative {
            out.push('-');
        }
        let count = self.len();
        if self.is_zero() {
            out.push('0');
        } else if self.point >= count {
            out.extend(self.digits());
            push_zeros(&mut out, self.point.abs_diff(count));
        } else if self.point > 0 {
            let before = usize::try_from(self.point).expect("fewer than there are digits");
            out.extend(self.digits().take(before));
            out.push('.');
            out.extend(self.digits().skip(before));
        } else if self.leading_zeros() <= LEADING_ZEROS {
            out.push_str("0.");
            push_zeros(&mut out, self.leading_zeros());
            out.extend(self.digits());
        } else {
            out.extend(self.digits().take(1));
            if count > 1 {
                out.push('.');
                out.extend(self.digits().skip(1));
            }
            out.push_str(&format!("e{}", self.point - 1));
        }
        Some(out)
    }

    /// How many bytes the canonical text has.
    fn written_len(&self) -> u64 {
        let digits = self.len().unsigned_abs();
        let sign = u64::from(self.negative);
        if self.is_zero() {
            1
        } else if self.point >= self.len() {
            sign + self.point.unsigned_abs()
        } else if self.point > 0 {
            sign + digits + 1
        } else if self.leading_zeros() <= LEADING_ZEROS {
            sign + 2 + self.leading_zeros() + digits
        } else {
            sign + digits + u64::from(digits > 1) + 1 + signed_len(self.point - 1)
        }
    }

    fn is_zero(&self) -> bool {
        self.len() == 0
    }

    /// How many digits there are.
    fn len(&self) -> i64 {
        length(self.whole) + length(self.fraction)
    }

    /// Zeros between the decimal point and the first digit, for a `point` that is not positive.
    fn leading_zeros(&self) -> u64 {
        self.point.unsigned_abs()
    }

    fn digits(&self) -> impl Iterator<Item = char> + use<'a> {
        self.whole.chars().chain(self.fraction.chars())
    }
}

/// Whether a number of JSON is canonical as it stands: digits alone, of which the grammar allows no zeros in front.
pub(crate) fn is_integer(text: &str) -> bool {
    is_natural(text.strip_prefix('-').unwrap_or(text)) && text != "-0"
}

fn is_natural(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The order of two numbers by value, off their canonical texts.
pub(crate) fn order(one: &str, other: &str) -> Ordering {
    match (one.strip_prefix('-'), other.strip_prefix('-')) {
        (None, None) => order_of_magnitudes(one, other),
        (Some(one), Some(other)) => order_of_magnitudes(other, one),
        (sign, other_sign) => other_sign.is_some().cmp(&sign.is_some()),
    }
}

fn order_of_magnitudes(one: &str, other: &str) -> Ordering {
    // Most numbers are integers, and each is compared some thirty times as it enters a set of 20 000. By parts that takes
    // half as long again.
    if is_natural(one) && is_natural(other) {
        return one.len().cmp(&other.len()).then_with(|| one.cmp(other));
    }
    Magnitude::of(one).cmp(&Magnitude::of(other))
}

/// The parts of a canonical text without its sign, in the order in which they tell.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Magnitude<'a> {
    /// How many digits stand before the point: none of them could be left out.
    whole: usize,
    /// Zero is less than what has an exponent.
    is_positive: bool,
    /// The exponent, a minus and digits, behind its length: the longer, the less. None is greater than any.
    exponent: Reverse<(usize, &'a str)>,
    /// The digits and the point. What begins another is less.
    digits: &'a str,
}

impl<'a> Magnitude<'a> {
    fn of(text: &'a str) -> Self {
        let (digits, exponent) = text.split_once('e').unwrap_or((text, ""));
        let whole = digits.find('.').unwrap_or(digits.len());
        Self { whole, is_positive: text != "0", exponent: Reverse((exponent.len(), exponent)), digits }
    }
}

fn read_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    // Zeros in front are off by now: they make no exponent longer.
    if digits.len() > EXPONENT_DIGITS {
        return None;
    }
    let magnitude: i64 = digits.parse().ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).expect("no text is that long")
}

/// How long an integer is in decimal.
fn signed_len(number: i64) -> u64 {
    u64::from(number < 0) + u64::from(number.unsigned_abs().checked_ilog10().unwrap_or(0)) + 1
}

fn push_zeros(out: &mut String, count: u64) {
    out.extend((0..count).map(|_| '0'));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Option<String> {
        Number::read(text)?.text(40)
    }

    #[test]
    fn one_value_has_one_text() {
        for (texts, expected) in [
            (&["0", "-0", "0.0", "-0e9", "0E-99999999999999999999"][..], "0"),
            (&["1", "1.0", "1e0", "1E+0", "10e-1", "0.1e1", "1.000e00"], "1"),
            (&["-120", "-1.2e2", "-12e1", "-0.12e+3"], "-120"),
            (&["1e20", "100000000000000000000"], "100000000000000000000"),
            (&["9007199254740993"], "9007199254740993"),
            (&["0.5", "5e-1", "0.50"], "0.5"),
            (&["123.456", "123456e-3", "0.123456e3"], "123.456"),
            (&["1e-6", "0.000001"], "0.000001"),
            (&["1e-7", "0.0000001", "10.0e-8"], "1e-7"),
            (&["-1.25e-9", "-125e-11"], "-1.25e-9"),
            (&["1e-999999999999999999"], "1e-999999999999999999"),
        ] {
            for text in texts {
                assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
            }
        }
    }

    #[test]
    fn an_exponent_allocates_nothing() {
        let number = Number::read("1e999999999999999999").expect("18 digits are read");
        assert_eq!(number.text(1 << 20), None);
        assert!(Number::read("1e1000000000000000000").is_none());
        assert!(Number::read("1e-1000000000000000000").is_none());
    }

    #[test]
    fn the_limit_is_exact() {
        for text in ["0", "-7", "1e5", "12.5", "-0.0001", "1.5e-7", "-2e-10", "3e-999999999999999999", "1.5e-10"] {
            let full = canonical(text).expect("short");
            let number = Number::read(text).expect("a number");
            assert_eq!(number.written_len(), full.len() as u64, "{text}");
            assert_eq!(number.text(full.len() - 1), None);
            assert_eq!(number.text(full.len()), Some(full));
        }
    }

    #[test]
    fn order_is_that_of_the_values() {
        let ascending = "-1000 -101 -100.5 -100 -1.5 -0.000001 -2e-7 -1.5e-7 -1e-7 -1e-10 \
                         0 1e-10 1e-7 1.5e-7 2e-7 0.000001 0.5 0.51 1 1.5 9 10 99 1000";
        let ascending: Vec<_> = ascending.split(' ').collect();
        for (i, low) in ascending.iter().enumerate() {
            for (j, high) in ascending.iter().enumerate() {
                assert_eq!(order(low, high), i.cmp(&j), "{low} {high}");
            }
        }
    }
}

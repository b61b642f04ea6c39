//! A number on the command line.

/// A whole number as `100000`, `100_000` or `1e5`.
///
/// # Errors
///
/// What it should look like.
pub fn number(text: &str) -> Result<usize, String> {
    let (digits, zeros) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let number = whole(digits).zip(whole(zeros)).and_then(|(number, zeros)| {
        let power = 10_usize.checked_pow(u32::try_from(zeros).ok()?)?;
        number.checked_mul(power)
    });
    number.ok_or_else(|| format!("a whole number is written as 100000, 100_000 or 1e5, up to {}", usize::MAX))
}

fn whole(text: &str) -> Option<usize> {
    let parts = text.split('_');
    let valid = parts.clone().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    if valid { parts.collect::<String>().parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_have_underscores_and_a_power_of_ten() {
        for (text, value) in
            [("0", 0), ("42", 42), ("1_000_000", 1_000_000), ("1e6", 1_000_000), ("25E1", 250), ("1_0e0", 10)]
        {
            assert_eq!(number(text), Ok(value), "{text}");
        }
        for text in ["", "e", "1e", "e6", "-1", "+1", "1.5e3", "_1", "1_", "1__0", "1e-1", "1e99", "9e19", "ten"] {
            assert!(number(text).is_err(), "{text}");
        }
    }
}

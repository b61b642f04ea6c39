//! The file that holds a cluster's secret key.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use gossip_core::Key;

/// A key in hexadecimal digits.
const DIGITS: usize = 32;

/// Why a file gives no key. Nothing of what it holds is shown: it may be a key but for one digit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("a key has {DIGITS} hexadecimal digits; what stands in column {column} is none")]
    NoDigit { column: usize },
    #[error("a key has {DIGITS} hexadecimal digits; this ends after {digits}")]
    TooShort { digits: usize },
    #[error("a key has {DIGITS} hexadecimal digits and perhaps a newline; there is more from column {column} on")]
    TooLong { column: usize },
}

/// Reads the key from a file of 32 hexadecimal digits, in either case, and perhaps a newline. Of a longer file it reads
/// no more than it takes to see that.
pub(crate) fn read_key(path: impl AsRef<Path>) -> Result<Key, KeyFileError> {
    let mut text = Vec::new();
    // The key, a newline of two bytes, and one byte more, which tells that it is too long. A device that never ends
    // would do no harm.
    File::open(path)?.take(DIGITS as u64 + 3).read_to_end(&mut text)?;
    parse_key(&text)
}

fn parse_key(text: &[u8]) -> Result<Key, KeyFileError> {
    let (line, newline) = match text {
        // Editors end files with a newline, some of them with two characters.
        [line @ .., b'\r', b'\n'] => (line, 2),
        [line @ .., b'\n'] => (line, 1),
        line => (line, 0),
    };
    let digit = |(byte, column): (&u8, usize)| {
        let digit = char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        digit.ok_or(KeyFileError::NoDigit { column })
    };
    let digits = line.iter().take(DIGITS).zip(1..).map(digit).collect::<Result<Vec<u8>, KeyFileError>>()?;
    if digits.len() < DIGITS {
        return Err(KeyFileError::TooShort { digits: digits.len() });
    }
    // After the digits are seen to be digits: where something else stands is worth more to know than that it is too
    // long.
    if text.len() > DIGITS + newline {
        return Err(KeyFileError::TooLong { column: DIGITS + 1 });
    }
    let mut key = [0; DIGITS / 2];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Ok(Key::secret(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_digits_and_perhaps_a_newline() {
        let key = Key::secret(std::array::from_fn(|index| 0x11_u8.wrapping_mul(index as u8)));
        for text in ["00112233445566778899aabbccddeeff", "00112233445566778899AABBCCDDEEFF"] {
            for end in ["", "\n", "\r\n"] {
                assert_eq!(parse_key(format!("{text}{end}").as_bytes()).ok(), Some(key.clone()));
            }
        }
    }

    #[test]
    fn anything_else_is_refused_and_says_where() {
        let digits = "0123456789abcdef0123456789abcdef";
        let cases = [
            ("", "ends after 0"),
            ("\n", "ends after 0"),
            (&digits[1..], "ends after 31"),
            (&format!("{}\n", &digits[1..]), "ends after 31"),
            (&format!("{digits}0"), "more from column 33 on"),
            (&format!("{digits}\n\n"), "more from column 33 on"),
            (&format!("{digits}\r"), "more from column 33 on"),
            (&format!("{digits} \n"), "more from column 33 on"),
            (&format!(" {digits}"), "column 1 is none"),
            (&format!("0x{digits}"), "column 2 is none"),
            (&digits.replacen('4', "é", 1), "column 5 is none"),
            (&digits.replacen('4', "\n", 1), "column 5 is none"),
            (&format!("{}g", &digits[1..]), "column 32 is none"),
        ];
        for (text, where_) in cases {
            let said = parse_key(text.as_bytes()).unwrap_err().to_string();
            assert!(said.ends_with(where_), "{text:?}: {said}");
        }
    }
}

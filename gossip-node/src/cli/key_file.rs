//! The file that holds a cluster's secret key.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use gossip_core::Key;
use zeroize::Zeroizing;

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
/// no more than it takes to see that. What it has read is wiped; the key itself lives as long as the replica.
pub(crate) fn read_key(path: impl AsRef<Path>) -> Result<Key, KeyFileError> {
    // With room to spare: a vector that grows leaves a copy behind, and one that is full is read on from a buffer elsewhere.
    let mut text = Zeroizing::new(Vec::with_capacity(2 * DIGITS));
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
    let digits = &line[..line.len().min(DIGITS)];
    if let Some(index) = digits.iter().position(|byte| !byte.is_ascii_hexdigit()) {
        return Err(KeyFileError::NoDigit { column: index + 1 });
    }
    let mut key = Zeroizing::new([0; DIGITS / 2]);
    // They are digits, and no more than it takes.
    hex::decode_to_slice(digits, key.as_mut()).map_err(|_| KeyFileError::TooShort { digits: digits.len() })?;
    // After the digits are seen to be digits: where something else stands is worth more to know than that it is too
    // long.
    if text.len() > DIGITS + newline {
        return Err(KeyFileError::TooLong { column: DIGITS + 1 });
    }
    Ok(Key::secret(*key))
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

//! A JSON text, token by token, and the objects in it whose keys are in another order than the canonical one.

use std::collections::BTreeMap;

use super::{Json, JsonError, decode_string};

/// Reads a JSON text that follows the grammar.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    /// How many bytes were read, those that were gone back to included.
    #[cfg(test)]
    pub(super) read: usize,
}

/// What cannot be seen in passing: objects that are to be written in another order, or not at all, by where they begin.
/// Most texts have none; it takes memory for nothing else.
#[derive(Debug, Default)]
pub(super) struct Outline<'a>(BTreeMap<usize, Result<Unordered<'a>, JsonError>>);

/// An object whose keys are not in ascending order, or have escapes.
#[derive(Debug)]
pub(super) struct Unordered<'a> {
    /// In ascending order.
    pub(super) entries: Vec<Entry<'a>>,
    /// Where it ends.
    pub(super) end: usize,
}

/// A key, as it is written, and where its value begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    pub(super) value: usize,
}

impl<'a> Tokens<'a> {
    pub(super) const fn of(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            #[cfg(test)]
            read: 0,
        }
    }

    /// The next token: a string, a number, a literal or a punctuation mark. `None` at the end.
    pub(super) fn next(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let start = self.at + bytes[self.at..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        let rest = &bytes[start + 1..];
        let len = match bytes[start] {
            b'[' | b']' | b'{' | b'}' | b',' | b':' => 1,
            b'"' => 1 + string_len(rest),
            _ => 1 + rest.iter().position(|byte| !is_of_a_word(*byte)).unwrap_or(rest.len()),
        };
        #[cfg(test)]
        {
            self.read += start + len - self.at;
        }
        self.at = start + len;
        Some(&self.text[start..self.at])
    }

    /// Where the token after this one begins, or space before it.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn go_to(&mut self, at: usize) {
        self.at = at;
    }
}

impl<'a> Outline<'a> {
    /// That of a text. One pass, however deep it is.
    pub(super) fn of(tokens: &mut Tokens<'a>) -> Self {
        let mut outline = Self::default();
        // Where each object that is open begins, how many entries those around it have, and all of these entries.
        let (mut open, mut entries) = (Vec::new(), Vec::new());
        let (mut depth, mut last) = (0, "");
        while let Some(token) = tokens.next() {
            depth += usize::from(matches!(token, "[" | "{"));
            // What is deeper is refused as it is come to, and half a million levels would take as much memory.
            if depth <= Json::MAX_DEPTH {
                match token {
                    "{" => open.push((tokens.at(), entries.len())),
                    // Between a key and its value, so it is of the object that was opened last.
                    ":" => entries.push(Entry { key: last, value: tokens.at() }),
                    "}" => {
                        let (start, first) = open.pop().expect("it was opened");
                        outline.note(start, &entries[first..], tokens.at());
                        entries.truncate(first);
                    }
                    _ => {}
                }
            }
            depth -= usize::from(matches!(token, "]" | "}"));
            last = token;
        }
        outline
    }

    /// What is to be known of the object that begins here, behind its brace.
    pub(super) fn take(&mut self, start: usize) -> Result<Option<Unordered<'a>>, JsonError> {
        self.0.remove(&start).transpose()
    }

    fn note(&mut self, start: usize, entries: &[Entry<'a>], end: usize) {
        let plain = entries.iter().all(|entry| !entry.key.contains('\\'));
        if !plain || !entries.is_sorted_by(|one, next| inside(one.key) < inside(next.key)) {
            self.0.insert(start, sorted(entries).map(|entries| Unordered { entries, end }));
        }
    }
}

/// The entries by their keys: by bytes, which in UTF-8 is by code point.
fn sorted<'a>(entries: &[Entry<'a>]) -> Result<Vec<Entry<'a>>, JsonError> {
    let decoded = |entry: &Entry<'a>| Ok((decode_string(entry.key)?, *entry));
    let mut entries = entries.iter().map(decoded).collect::<Result<Vec<_>, _>>()?;
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    match entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(twice) => Err(JsonError::duplicate_key(&twice[0].0)),
        None => Ok(entries.into_iter().map(|(_, entry)| entry).collect()),
    }
}

/// A string without its quotes.
fn inside(token: &str) -> &str {
    &token[1..token.len() - 1]
}

/// How long a string is, from behind its first quote to behind its last.
fn string_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        at += found + 1;
        if bytes[at - 1] == b'"' {
            break;
        }
        // What is escaped may be a quote.
        at += 1;
    }
    at
}

/// Whether a byte is of a number or a literal.
const fn is_of_a_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

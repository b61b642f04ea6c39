//! JSON as text: the one canonical text of a value, strings, and lines.

use std::borrow::Cow;
use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::value::RawValue;

use super::number::{Number, is_integer};
use super::outline::{Entry, Outline, Tokens, Unordered};
use super::{Json, JsonError};

/// The canonical text of `raw`, if it has at most `limit` bytes: borrowed where `raw` begins with it, as what is canonical
/// does. All is read once, and twice if there are objects in it, however deep it is.
pub(crate) fn canonical(raw: &RawValue, limit: usize) -> Result<Cow<'_, str>, JsonError> {
    let mut canonical = Canonical::of(raw.get(), limit);
    canonical.value(0)?;
    Ok(canonical.text)
}

/// A canonical text while it is written. `limit` is kept at every step, so memory follows the limit, not the value.
struct Canonical<'a> {
    raw: &'a str,
    tokens: Tokens<'a>,
    /// Made at the first object: most texts have none.
    outline: Option<Outline<'a>>,
    /// Borrowed for as long as it is how `raw` begins.
    text: Cow<'a, str>,
    limit: usize,
}

impl<'a> Canonical<'a> {
    const fn of(raw: &'a str, limit: usize) -> Self {
        Self { raw, tokens: Tokens::of(raw), outline: None, text: Cow::Borrowed(""), limit }
    }

    fn next(&mut self) -> &'a str {
        self.tokens.next().expect("the grammar was checked with the line it came in")
    }

    /// Appends the value that comes next.
    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        let token = self.next();
        self.value_of(token, depth)
    }

    /// Appends the value that begins with a token.
    fn value_of(&mut self, token: &str, depth: usize) -> Result<(), JsonError> {
        match token.as_bytes()[0] {
            // Before it is opened, as each level takes stack: a line of 1 MiB may have half a million of them.
            b'[' | b'{' if depth == Json::MAX_DEPTH => Err(JsonError::TooDeep),
            b'[' => self.array(depth + 1),
            b'{' => self.object(depth + 1),
            b'"' => self.string(token),
            b'n' | b't' | b'f' => self.push(token),
            _ => self.number(token),
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), JsonError> {
        let mut before = "[";
        loop {
            match self.next() {
                "]" => break self.push(if before == "[" { "[]" } else { "]" }),
                "," => {}
                token => {
                    self.push(before)?;
                    self.value_of(token, depth)?;
                    before = ", ";
                }
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), JsonError> {
        let mut before = "{";
        let start = self.tokens.at();
        match self.outline().take(start)? {
            Some(Unordered { entries, end }) => {
                for Entry { key, value } in entries {
                    self.key(before, key)?;
                    self.tokens.go_to(value);
                    self.value(depth)?;
                    before = ", ";
                }
                self.tokens.go_to(end);
            }
            None => loop {
                match self.next() {
                    "}" => break,
                    "," => {}
                    key => {
                        self.key(before, key)?;
                        // Its colon.
                        self.next();
                        self.value(depth)?;
                        before = ", ";
                    }
                }
            },
        }
        self.push(if before == "{" { "{}" } else { "}" })
    }

    fn outline(&mut self) -> &mut Outline<'a> {
        let tokens = &mut self.tokens;
        self.outline.get_or_insert_with(|| {
            let at = tokens.at();
            tokens.go_to(0);
            let outline = Outline::of(tokens);
            tokens.go_to(at);
            outline
        })
    }

    fn key(&mut self, before: &str, key: &str) -> Result<(), JsonError> {
        self.push(before)?;
        self.string(key)?;
        self.push(": ")
    }

    fn string(&mut self, text: &str) -> Result<(), JsonError> {
        match decode_string(text)? {
            // Raw JSON strings hold no control characters, so one without escapes is canonical as it stands.
            Cow::Borrowed(_) => self.push(text),
            Cow::Owned(characters) => self.push(&encode_string(&characters)),
        }
    }

    fn number(&mut self, text: &str) -> Result<(), JsonError> {
        if is_integer(text) {
            return self.push(text);
        }
        // A number is read off its text: no float comes between, so none of its digits is lost.
        let number = Number::read(text).ok_or(JsonError::Exponent)?;
        let text = number.text(self.limit - self.text.len()).ok_or_else(|| self.too_long())?;
        self.push(&text)
    }

    fn push(&mut self, text: &str) -> Result<(), JsonError> {
        // `text` never outgrows `limit`, so the difference is not negative.
        if text.len() > self.limit - self.text.len() {
            return Err(self.too_long());
        }
        match &mut self.text {
            Cow::Borrowed(same) if self.raw[same.len()..].starts_with(text) => {
                *same = &self.raw[..same.len() + text.len()]
            }
            other => other.to_mut().push_str(text),
        }
        Ok(())
    }

    fn too_long(&self) -> JsonError {
        JsonError::TooLong { limit: self.limit }
    }
}

/// The elements of an array, as they were written; none if `raw` is something else.
pub(crate) fn elements(raw: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// The characters of a JSON string that follows the grammar; those of one without escapes are as they stand.
pub(crate) fn decode_string(text: &str) -> Result<Cow<'_, str>, JsonError> {
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) if !inside.contains('\\') => Ok(Cow::Borrowed(inside)),
        // The grammar was checked with the line it came in; half of a surrogate pair is what is left to be wrong.
        _ => serde_json::from_str(text).map(Cow::Owned).map_err(|_| JsonError::LoneSurrogate),
    }
}

pub(crate) fn encode_string(text: &str) -> String {
    serde_json::to_string(text).expect("every string is a JSON string")
}

/// A text of a stranger, quoted, in a length fit for a message.
pub(crate) fn shortened(text: &str) -> String {
    // With `{:?}`, so that no stranger can break a line of the log or write to a terminal by way of it.
    match text.char_indices().nth(64) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// JSON on one line, with a space after each `,` and `:`.
pub(crate) fn spaced(value: &impl Serialize) -> String {
    // Most lines fit, and need no room found four times on the way.
    let mut bytes = Vec::with_capacity(128);
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, Spaced))
        .expect("memory takes any bytes, and all keys are strings");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

/// One line, with a space after each `,` and `:`.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        separate(writer, first)
    }

    fn begin_object_key<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        separate(writer, first)
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

fn separate<W: io::Write + ?Sized>(writer: &mut W, first: bool) -> io::Result<()> {
    if first { Ok(()) } else { writer.write_all(b", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An array of about so many bytes, three levels deep, in no canonical spelling.
    fn words(len: usize) -> String {
        let words = r#"1.50e1, "t\u0077o",{"d":null, "c": [true]} , "#;
        format!("[{}0]", words.repeat(len / words.len()))
    }

    #[test]
    fn all_of_a_text_is_read_at_most_twice_however_deep_it_is() {
        for levels in [1, 2, 16, Json::MAX_DEPTH - 3] {
            // Most of it at the deepest level, and as much of it at each.
            for (outer, inner) in [(0, 100_000), (100_000 / levels, 0)] {
                for (open, close) in [("[W, ", ", W]"), (r#"{"a":W, "b":"#, "}"), (r#"{"b":"#, r#", "\u0061":W}"#)] {
                    let [open, close] = [open, close].map(|part| part.replace('W', &words(outer)).repeat(levels));
                    let text = format!("{open}{}{close}", words(inner));
                    let mut canonical = Canonical::of(&text, usize::MAX);
                    canonical.value(0).unwrap();
                    let (read, all) = (canonical.tokens.read, text.len());
                    assert!(read >= all && read <= 2 * all, "{levels} levels: {read} of {all} bytes");
                    let written = Json::parse(&canonical.text, usize::MAX).unwrap();
                    assert_eq!(written.as_str(), canonical.text);
                }
            }
        }
    }
}

//! JSON as text: the one canonical text of a value, strings, and lines.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::value::RawValue;

use super::number::Number;
use super::{Json, JsonError, Object};

/// A canonical text while it is written. `limit` is kept at every step, so memory follows the limit, not the value.
pub(super) struct Canonical {
    text: String,
    limit: usize,
}

impl Canonical {
    /// The canonical text of `raw`.
    pub(super) fn write(raw: &RawValue, limit: usize) -> Result<String, JsonError> {
        let mut canonical = Self { text: String::new(), limit };
        canonical.value(raw, 0)?;
        Ok(canonical.text)
    }

    /// Appends `raw`. It is read level by level, each level by its own pass over the text, so that numbers come as they
    /// were written; hence O(length × depth).
    fn value(&mut self, raw: &RawValue, depth: usize) -> Result<(), JsonError> {
        let text = raw.get();
        match text.as_bytes().first() {
            // Before it is opened, as each level takes stack: a line of 1 MiB may have half a million of them.
            Some(b'[' | b'{') if depth == Json::MAX_DEPTH => Err(JsonError::TooDeep),
            Some(b'[') => self.array(&elements(raw), depth + 1),
            Some(b'{') => self.object(raw, depth + 1),
            Some(b'"') => self.string(text),
            Some(b'n' | b't' | b'f') => self.push(text),
            _ => self.number(text),
        }
    }

    fn array(&mut self, elements: &[&RawValue], depth: usize) -> Result<(), JsonError> {
        let mut before = "[";
        for element in elements {
            self.push(before)?;
            self.value(element, depth)?;
            before = ", ";
        }
        self.push(if elements.is_empty() { "[]" } else { "]" })
    }

    fn object(&mut self, raw: &RawValue, depth: usize) -> Result<(), JsonError> {
        // Sorted by key as it is read: by bytes, which in UTF-8 is by code point.
        let object = Object::read(raw).expect("it begins as an object").sound()?;
        let mut before = "{";
        for (key, value) in object.iter() {
            self.push(before)?;
            self.push(&encode_string(key))?;
            self.push(": ")?;
            self.value(value, depth)?;
            before = ", ";
        }
        self.push(if before == "{" { "{}" } else { "}" })
    }

    /// Raw JSON strings hold no control characters, so one without escapes is canonical as it stands.
    fn string(&mut self, text: &str) -> Result<(), JsonError> {
        if text.contains('\\') { self.push(&encode_string(&decode_string(text)?)) } else { self.push(text) }
    }

    fn number(&mut self, text: &str) -> Result<(), JsonError> {
        // A number is read off its text: no float comes between, so none of its digits is lost.
        let number = Number::read(text).ok_or(JsonError::Exponent)?;
        if number.write(&mut self.text, self.limit) { Ok(()) } else { Err(self.too_long()) }
    }

    fn push(&mut self, text: &str) -> Result<(), JsonError> {
        // `text` never outgrows `limit`, so the difference is not negative.
        if text.len() > self.limit - self.text.len() {
            return Err(self.too_long());
        }
        self.text.push_str(text);
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

/// The characters of a JSON string that follows the grammar.
pub(crate) fn decode_string(text: &str) -> Result<String, JsonError> {
    // The grammar was checked with the line it came in; half of a surrogate pair is what is left to be wrong.
    serde_json::from_str(text).map_err(|_| JsonError::LoneSurrogate)
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
    let mut bytes = Vec::new();
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

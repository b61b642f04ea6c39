//! A JSON value as an element of the set.
//!
//! Its canonical form is written here, and is not that of RFC 8785, which has crates: there numbers are doubles, so that 2^53 and
//! 2^53 + 1 would be one element.

mod number;
mod object;
mod outline;
mod text;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use gossip_core::{Element, TypeTag};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

pub(crate) use object::Object;
pub(crate) use text::{canonical, decode_string, elements, encode_string, shortened, spaced};

/// Any JSON value, held as its one canonical text. A clone shares it.
///
/// Two values are equal if their canonical texts are, which makes numbers equal by exact value, whatever their size,
/// and objects equal whatever the order of their keys. Strings are compared as they are, not normalised. In canonical
/// text
///
/// - a number that is an integer is its digits; another one has a decimal point and no superfluous zero, or, below 10^-6,
///   is `d.ddde-n`;
/// - a string escapes `"`, `\` and control characters, in their shortest form, and nothing else;
/// - keys are sorted by code point;
/// - a space follows each `,` and `:` and stands nowhere else.
///
/// Values are ordered: numbers by value, `null`, `false`, `true`, strings by code point, arrays, objects, these two by
/// the bytes of their canonical texts.
///
/// ```
/// use gossip_node::Json;
///
/// let value = Json::parse(r#"{"b":[1.0, 1e2, -0], "a": 5e-1}"#, 1_000)?;
/// assert_eq!(value.as_str(), r#"{"a": 0.5, "b": [1, 100, 0]}"#);
/// # Ok::<(), gossip_node::JsonError>(())
/// ```
// A raw value, since a reply writes one as it is. A text would be parsed for each reply.
#[derive(Clone)]
pub struct Json(Arc<RawValue>);

/// Why a text is not a value. Nothing was taken from it.
///
/// ```
/// use gossip_node::{Json, JsonError};
///
/// let error = Json::parse(r#"{"a": 1, "a": 2}"#, 1_000).unwrap_err();
/// assert_eq!(error, JsonError::DuplicateKey(r#""a""#.into()));
/// assert_eq!(error.to_string(), r#"an object has the key "a" twice"#);
/// // As many bytes as its canonical text has, `[1, 2, 3]`, and not as it is written here.
/// assert_eq!(Json::parse("[1,2,3]", 8), Err(JsonError::TooLong { limit: 8 }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text does not follow JSON's grammar.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// An object has a key twice.
    #[error("an object has the key {0} twice")]
    DuplicateKey(String),
    /// A string has an escape that stands for half a character.
    #[error("a string holds half of a surrogate pair")]
    LoneSurrogate,
    /// Arrays and objects stand in each other more than [`Json::MAX_DEPTH`] deep.
    #[error("nested more than {max} deep", max = Json::MAX_DEPTH)]
    TooDeep,
    /// A number's exponent has more than 18 digits.
    #[error("a number's exponent has more than 18 digits")]
    Exponent,
    /// The canonical text is longer than it may be.
    #[error("longer than {limit} bytes in canonical form")]
    TooLong {
        /// The most bytes it may have.
        limit: usize,
    },
}

impl Json {
    /// How deep arrays and objects may stand in each other.
    pub const MAX_DEPTH: usize = 128;

    /// The value that `text` stands for, if its canonical text has at most `limit` bytes. Neither time nor memory
    /// depend on a number's exponent: `1e1000000000` is refused before it is written out.
    ///
    /// # Errors
    ///
    /// `text` is not JSON, is nested too deeply, has a duplicate key, half a surrogate pair or a number too long.
    pub fn parse(text: &str, limit: usize) -> Result<Self, JsonError> {
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| JsonError::Syntax(error.to_string()))?;
        Self::from_raw(raw, limit)
    }

    pub(crate) fn from_raw(raw: &RawValue, limit: usize) -> Result<Self, JsonError> {
        let text = canonical(raw, limit)?;
        Ok(if text == raw.get() { Self(raw.to_owned().into()) } else { Self::from_canonical(text.into()) })
    }

    /// The value of a text that is known to be canonical.
    pub(crate) fn from_canonical(text: String) -> Self {
        Self(RawValue::from_string(text).expect("a canonical text is JSON").into())
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    fn rank(&self) -> Rank {
        // A canonical text has no space in front, so its first byte tells its kind; what is left is a digit or a sign.
        match self.as_str().as_bytes()[0] {
            b'n' => Rank::Null,
            b'f' => Rank::False,
            b't' => Rank::True,
            b'"' => Rank::String,
            b'[' => Rank::Array,
            b'{' => Rank::Object,
            _ => Rank::Number,
        }
    }

    fn string(&self) -> Cow<'_, str> {
        decode_string(self.as_str()).expect("the canonical text of a string is one")
    }
}

impl JsonError {
    pub(crate) fn duplicate_key(key: &str) -> Self {
        Self::DuplicateKey(shortened(key))
    }
}

/// A varint of the text's length, then the canonical text.
impl Element for Json {
    const TYPE: TypeTag = TypeTag::new("gossip-node.json");

    fn encode(&self, out: &mut Vec<u8>) {
        let mut len = self.as_str().len();
        while len >= 0x80 {
            out.push(0x80 | low_seven_bits(len));
            len >>= 7;
        }
        out.push(low_seven_bits(len));
        out.extend_from_slice(self.as_str().as_bytes());
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let mut rest = *input;
        let len = take_length(&mut rest)?;
        let (text, rest) = rest.split_at_checked(len)?;
        let text = std::str::from_utf8(text).ok()?;
        let raw: &RawValue = serde_json::from_str(text).ok()?;
        // Only the canonical text is taken: two encodings of one value would be two elements, and sets that are equal
        // would differ in their digests.
        canonical(raw, len).ok().filter(|canonical| canonical == text)?;
        *input = rest;
        Some(Self(raw.to_owned().into()))
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

impl Hash for Json {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Ord for Json {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.rank(), other.rank()) {
            (Rank::Number, Rank::Number) => number::order(self.as_str(), other.as_str()),
            // As text, escapes are out of order: that of a line feed begins with a backslash, which comes after all
            // capitals.
            (Rank::String, Rank::String) => self.string().cmp(&other.string()),
            (rank, other_rank) => rank.cmp(&other_rank).then_with(|| self.as_str().cmp(other.as_str())),
        }
    }
}

impl PartialOrd for Json {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({self})")
    }
}

/// As its canonical text, verbatim; for `serde_json` only.
impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // By way of serde's numbers, those beyond 64 bits would lose digits.
        self.0.serialize(serializer)
    }
}

/// The kinds of values, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Number,
    Null,
    False,
    True,
    String,
    Array,
    Object,
}

fn low_seven_bits(number: usize) -> u8 {
    u8::try_from(number & 0x7f).expect("seven bits fit a byte")
}

/// Takes a length in its shortest form.
fn take_length(input: &mut &[u8]) -> Option<usize> {
    let mut len = 0;
    // Four bytes hold 28 bits; the longest message has 2^20 bytes.
    for shift in [0, 7, 14, 21] {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        len |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            // A zero at the end makes it longer than need be, and only the shortest form is taken: one element, one
            // encoding.
            return (byte != 0 || shift == 0).then_some(len);
        }
    }
    None
}

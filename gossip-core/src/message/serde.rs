//! `Serialize` and `Deserialize` for messages.

use alloc::vec::Vec;
use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Message;
use crate::element::Element;

/// A base64 string (standard alphabet, no padding) in readable formats, bytes in others.
impl<E> Serialize for Message<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // As one value: serde loses a `u128` within a tagged enum in JSON.
        let bytes = self.encode();
        if serializer.is_human_readable() {
            serializer.serialize_str(&STANDARD_NO_PAD.encode(bytes))
        } else {
            serializer.serialize_bytes(&bytes)
        }
    }
}

impl<'de, E: Element> Deserialize<'de> for Message<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = if deserializer.is_human_readable() {
            deserializer.deserialize_str(BytesVisitor)?
        } else {
            deserializer.deserialize_bytes(BytesVisitor)?
        };
        // The same checks as for bytes from a socket: there is no other way to make a message.
        Self::decode(&bytes).map_err(D::Error::custom)
    }
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message, as base64 or bytes")
    }

    fn visit_str<X: Error>(self, text: &str) -> Result<Vec<u8>, X> {
        STANDARD_NO_PAD.decode(text).map_err(X::custom)
    }

    fn visit_bytes<X: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, X> {
        Ok(bytes.into())
    }
}

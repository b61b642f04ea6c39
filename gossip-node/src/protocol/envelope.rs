//! The envelope that every line is.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Skipped;
use crate::json::{Object, canonical, decode_string};

/// One line, opened: who sent it to whom, and a body yet to be read.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) src: Cow<'a, str>,
    pub(crate) dest: Cow<'a, str>,
    pub(crate) body: Object<'a>,
    /// The other keys of the line.
    pub(crate) others: Object<'a>,
}

impl<'a> Envelope<'a> {
    /// A line is an envelope if it is one JSON object that has, each of them once, a string `src`, a string `dest` and
    /// an object `body`. What is wrong inside the body and beside the three is seen later, when there is somebody to
    /// tell.
    pub(crate) fn read(line: &'a [u8]) -> Result<Self, Skipped> {
        // Only of a line that is none is it asked whether it is JSON at all.
        Self::open(line).ok_or_else(|| match serde_json::from_slice::<&RawValue>(line) {
            Ok(_) => Skipped::NotAnEnvelope,
            Err(error) => Skipped::NotJson(error.to_string()),
        })
    }

    fn open(line: &'a [u8]) -> Option<Self> {
        // Each key once: of two senders or two bodies, nobody can tell which one is meant, and there is nobody to ask.
        let mut others = Object::read(str::from_utf8(line).ok()?)?;
        let src = decode_string(others.take_only("src")?.get()).ok()?;
        let dest = decode_string(others.take_only("dest")?.get()).ok()?;
        let body = Object::read(others.take_only("body")?.get())?;
        Some(Self { src, dest, body, others })
    }

    /// Whether the body is a reply: it has an `in_reply_to` that is not `null`.
    pub(crate) fn is_reply(&self) -> bool {
        // One that occurs twice, or is no number, marks a reply as well: to be answered could only start a loop.
        self.body.has("in_reply_to") && self.body.only("in_reply_to").is_none_or(|raw| raw.get() != "null")
    }

    /// Takes out the `msg_id`, which a reply quotes: an integer of up to 128 bits; `None` if there is none, or `null`.
    pub(crate) fn take_msg_id(&mut self) -> Result<Option<i128>, Skipped> {
        if !self.body.has("msg_id") {
            return Ok(None);
        }
        let raw = self.body.take_only("msg_id").ok_or(Skipped::MsgId)?;
        // By way of the canonical text, so that 1e3 and 1000.0 are the integer 1000, and are quoted as that.
        let text = canonical(raw, MSG_ID_LEN).map_err(|_| Skipped::MsgId)?;
        if text == "null" { Ok(None) } else { text.parse().map(Some).map_err(|_| Skipped::MsgId) }
    }

    /// The type of the body, if it has one `type` and that is a string.
    pub(crate) fn kind(&self) -> Option<Cow<'a, str>> {
        decode_string(self.body.only("type")?.get()).ok()
    }
}

/// The digits and the sign of an integer of 128 bits.
// 2^127 has 39 digits.
const MSG_ID_LEN: usize = 40;

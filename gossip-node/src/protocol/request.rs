//! The requests of clients.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::Refusal;
use crate::json::{self, Json, JsonError, Object, canonical, decode_string, shortened};
use crate::settings::{MaxLine, Settings};
use crate::workload::counter::Increment;
use crate::workload::{Row, Workload};

/// A request, read and valid.
#[derive(Debug)]
pub(crate) enum Request {
    Init {
        node_id: String,
        node_ids: Vec<String>,
    },
    /// The neighbours of each node.
    Topology {
        neighbours: BTreeMap<String, Vec<String>>,
    },
    /// The write of the workload, whatever its type is called.
    Write {
        /// The key under which a refusal names the element.
        key: &'static str,
        element: Json,
    },
    Read,
    Digest,
    DigestSync {
        remote_digest: String,
        remote_messages: Vec<Json>,
    },
    Echo {
        echo: Json,
    },
    Stats,
}

impl Request {
    /// Reads a body, sent by `client` with `msg_id`. What the request has no use for, in the body or among the `others`
    /// beside it, is ignored once it is seen to be sound.
    pub(crate) fn read(
        body: Object<'_>,
        others: Object<'_>,
        client: &str,
        msg_id: Option<i128>,
        settings: &Settings,
    ) -> Result<Self, Refusal> {
        let workload = settings.workload;
        // Before any key is read: of a key that occurs twice nobody can tell which value is meant.
        let body = body.sound().map_err(|error| Refusal::Value { key: "body".into(), error })?;
        let mut fields = Fields { body, max_line: settings.max_line };
        let kind = fields.string("type")?;
        let Row { write, written, least_delta, .. } = workload.row();
        let request = match kind.as_ref() {
            "init" => Self::Init { node_id: fields.string("node_id")?.into(), node_ids: fields.strings("node_ids")? },
            "topology" => Self::Topology { neighbours: fields.topology("topology")? },
            kind if kind == write => match least_delta {
                None => Self::Write { key: written, element: fields.element(written)? },
                Some(least) => {
                    let delta = fields.delta(written, least)?;
                    let msg_id = msg_id.ok_or(Refusal::Unidentified)?;
                    // Not `written`: a delta is never too long, but the element that names the client may be.
                    Self::Write { key: "element", element: Increment::element(client, msg_id, delta) }
                }
            },
            "read" => Self::Read,
            "digest" => Self::Digest,
            "digest_sync" => Self::DigestSync {
                remote_digest: fields.string("remote_digest")?.into(),
                remote_messages: fields.elements_or_null("remote_messages", workload)?,
            },
            "echo" => Self::Echo { echo: fields.anything("echo")? },
            "stats" => Self::Stats,
            _ => return Err(Refusal::Unsupported { kind: shortened(&kind), workload }),
        };
        // At the end, since a key that is missing or wrong says more about what the client did than one that is not
        // used.
        check(fields.body, settings.max_line)?;
        check(others, settings.max_line)?;
        Ok(request)
    }
}

/// A body's fields, taken one by one.
struct Fields<'a> {
    body: Object<'a>,
    max_line: MaxLine,
}

impl<'a> Fields<'a> {
    fn take(&mut self, key: &'static str) -> Result<&'a RawValue, Refusal> {
        self.body.take(key).ok_or(Refusal::Missing(key))
    }

    fn string(&mut self, key: &'static str) -> Result<Cow<'a, str>, Refusal> {
        string(self.take(key)?, key, "a string")
    }

    fn strings(&mut self, key: &'static str) -> Result<Vec<String>, Refusal> {
        strings(self.take(key)?, key, "an array of strings")
    }

    /// Takes a value that the set will hold.
    fn element(&mut self, key: &'static str) -> Result<Json, Refusal> {
        let limit = self.max_line.element_bytes();
        value(self.take(key)?, key, limit)
    }

    /// Takes values that the set will hold; none for `null` or a missing key.
    fn elements_or_null(&mut self, key: &'static str, workload: Workload) -> Result<Vec<Json>, Refusal> {
        let limit = self.max_line.element_bytes();
        let element = |raw| {
            let element = value(raw, key, limit)?;
            // Each node that this element spreads to counts it, so nothing else may come in by this way.
            if workload.row().least_delta.is_some() && Increment::read(&element, workload).is_none() {
                return Err(Refusal::Wrong {
                    key,
                    expected: "an array of increments, [client, msg_id, delta], or null",
                });
            }
            Ok(element)
        };
        match self.body.take(key) {
            None => Ok(Vec::new()),
            Some(raw) if raw.get() == "null" => Ok(Vec::new()),
            Some(raw) => array(raw, key, "an array or null")?.into_iter().map(element).collect(),
        }
    }

    /// Takes the growth of a counter.
    fn delta(&mut self, key: &'static str, least: i64) -> Result<i64, Refusal> {
        let expected = if least < 0 { "an integer from -2^63 to 2^63 - 1" } else { "an integer from 0 to 2^63 - 1" };
        // The text may be as long as a line: 5.000000 is the integer 5.
        let text = canonical(self.take(key)?, self.max_line.bytes()).map_err(|error| refusal(key, error))?;
        text.parse().ok().filter(|delta| *delta >= least).ok_or(Refusal::Wrong { key, expected })
    }

    /// Takes a value that the set will not hold.
    fn anything(&mut self, key: &'static str) -> Result<Json, Refusal> {
        let limit = self.max_line.bytes();
        value(self.take(key)?, key, limit)
    }

    /// Takes an object of arrays of strings.
    fn topology(&mut self, key: &'static str) -> Result<BTreeMap<String, Vec<String>>, Refusal> {
        const EXPECTED: &str = "an object of arrays of strings";
        // By hand and not by serde, which takes an object with a key twice and lets the last one win.
        let object = Object::read(self.take(key)?.get()).ok_or(Refusal::Wrong { key, expected: EXPECTED })?;
        let object = object.sound().map_err(|error| Refusal::Value { key: key.into(), error })?;
        object.iter().map(|(node, neighbours)| Ok((node.into(), strings(neighbours, key, EXPECTED)?))).collect()
    }
}

/// Checks that the keys which no request uses are sound as well.
fn check(object: Object<'_>, max_line: MaxLine) -> Result<(), Refusal> {
    let object = object.sound().map_err(Refusal::Line)?;
    for (key, raw) in object.iter() {
        canonical(raw, max_line.bytes()).map_err(|error| refusal(key, error))?;
    }
    Ok(())
}

fn string<'a>(raw: &'a RawValue, key: &'static str, expected: &'static str) -> Result<Cow<'a, str>, Refusal> {
    // The raw text is sound JSON by now, so its first byte tells the type without parsing it.
    if !raw.get().starts_with('"') {
        return Err(Refusal::Wrong { key, expected });
    }
    decode_string(raw.get()).map_err(|error| Refusal::Value { key: key.into(), error })
}

fn strings(raw: &RawValue, key: &'static str, expected: &'static str) -> Result<Vec<String>, Refusal> {
    array(raw, key, expected)?.into_iter().map(|raw| string(raw, key, expected).map(Cow::into_owned)).collect()
}

fn array<'a>(raw: &'a RawValue, key: &'static str, expected: &'static str) -> Result<Vec<&'a RawValue>, Refusal> {
    if raw.get().starts_with('[') { Ok(json::elements(raw)) } else { Err(Refusal::Wrong { key, expected }) }
}

fn value(raw: &RawValue, key: &str, limit: usize) -> Result<Json, Refusal> {
    Json::from_raw(raw, limit).map_err(|error| refusal(key, error))
}

fn refusal(key: &str, error: JsonError) -> Refusal {
    Refusal::Value { key: short_key(key), error }
}

/// A key as it is; shortened if it is longer than any of ours.
fn short_key(key: &str) -> String {
    // A stranger's key may be as long as a line, and the refusal quotes it; the longest of ours has 15 bytes.
    if key.len() <= 64 { key.into() } else { shortened(key) }
}

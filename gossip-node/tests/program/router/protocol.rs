//! What lines nodes may write: a table of the protocol, and the one spelling of each.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

/// One kind of request and the only reply to it.
struct Row {
    /// The workloads that have it; none for all.
    workloads: &'static [&'static str],
    request: &'static str,
    reply: &'static str,
    /// What the reply holds beside `type`, `in_reply_to` and `msg_id`, in order.
    payload: &'static [(&'static str, Shape)],
}

/// What a value looks like.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    /// From 0 on.
    Count,
    /// Of either sign.
    Whole,
    List,
    Object,
}

const COUNTERS: &[&str] = &["g-counter", "pn-counter"];

const TABLE: &[Row] = &[
    Row { workloads: &[], request: "init", reply: "init_ok", payload: &[] },
    Row { workloads: &[], request: "topology", reply: "topology_ok", payload: &[] },
    Row { workloads: &["broadcast"], request: "broadcast", reply: "broadcast_ok", payload: &[] },
    Row { workloads: &["broadcast"], request: "read", reply: "read_ok", payload: &[("messages", Shape::List)] },
    Row { workloads: &["g-set"], request: "add", reply: "add_ok", payload: &[] },
    Row { workloads: &["g-set"], request: "read", reply: "read_ok", payload: &[("value", Shape::List)] },
    Row { workloads: COUNTERS, request: "add", reply: "add_ok", payload: &[] },
    Row { workloads: COUNTERS, request: "read", reply: "read_ok", payload: &[("value", Shape::Whole)] },
    Row {
        workloads: &[],
        request: "digest",
        reply: "digest_ok",
        payload: &[("digest", Shape::Text), ("count", Shape::Count)],
    },
    Row {
        workloads: &[],
        request: "stats",
        reply: "stats_ok",
        payload: &[
            ("elements", Shape::Count),
            ("state_bytes", Shape::Count),
            ("total", Shape::Object),
            ("peers", Shape::Object),
        ],
    },
];

/// A line that a node wrote.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) src: String,
    pub(crate) dest: String,
    pub(crate) body: Value,
    raw: Box<RawValue>,
}

impl Line {
    /// Takes a line apart, if there is nothing in it but `src`, `dest` and `body`, in this order and spelled this way.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        #[derive(serde::Deserialize)]
        struct Envelope {
            src: String,
            dest: String,
            body: Box<RawValue>,
        }
        let Envelope { src, dest, body: raw } = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let fields = [("src", Value::from(&*src).to_string()), ("dest", Value::from(&*dest).to_string())];
        let fields = fields.iter().map(|(key, value)| (*key, value.as_str())).chain([("body", raw.get())]);
        if text != spelled(fields) {
            return Err("it is not spelled as lines are, or holds more".into());
        }
        let body = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
        Ok(Self { src, dest, body, raw })
    }

    /// Whether it is what one node may send to another.
    pub(crate) fn check_gossip(&self) -> Result<(), String> {
        self.check("gossip", &[("type", Shape::Text), ("message", Shape::Text)])
    }

    /// Whether it is what this request is to be answered with, as the reply with this number.
    pub(crate) fn check_reply(&self, workload: &str, request: &Value, number: u64) -> Result<(), String> {
        let row = TABLE.iter().find(|row| {
            request["type"] == row.request && (row.workloads.is_empty() || row.workloads.contains(&workload))
        });
        let row = row.ok_or_else(|| format!("the workload {workload} has no such request: {request}"))?;
        let head: &[_] = &[("type", Shape::Text), ("in_reply_to", Shape::Count)];
        self.check(row.reply, &[head, row.payload, &[("msg_id", Shape::Count)]].concat())?;
        if self.body["msg_id"] != number {
            return Err(format!("`msg_id` is not {number}, how many replies came before it"));
        }
        Ok(())
    }

    /// Whether the body is of this type and has these keys, in this order, no others, and each once.
    fn check(&self, kind: &str, fields: &[(&str, Shape)]) -> Result<(), String> {
        if self.body["type"] != kind {
            return Err(format!("its type is {}, not {kind}", self.body["type"]));
        }
        let raw: BTreeMap<String, &RawValue> =
            serde_json::from_str(self.raw.get()).map_err(|error| error.to_string())?;
        for (key, shape) in fields {
            let value = raw.get(*key).ok_or_else(|| format!("`{key}` is missing"))?;
            if !shape.fits(value) {
                return Err(format!("`{key}` is of the wrong type or wrongly spelled"));
            }
        }
        let keys = fields.iter().map(|(key, _)| (*key, raw[*key].get()));
        if self.raw.get() == spelled(keys) { Ok(()) } else { Err(format!("its keys are not those of a {kind}")) }
    }
}

impl Shape {
    fn fits(self, raw: &RawValue) -> bool {
        let text = raw.get();
        match self {
            Self::Text => text.starts_with('"'),
            Self::Count => text.parse::<u64>().is_ok_and(|number| number.to_string() == text),
            Self::Whole => text.parse::<i128>().is_ok_and(|number| number.to_string() == text),
            Self::List => serde_json::from_str::<Vec<&RawValue>>(text).is_ok_and(|values| {
                let values: Vec<_> = values.iter().map(|value| value.get()).collect();
                text == format!("[{}]", values.join(", "))
            }),
            Self::Object => text.starts_with('{'),
        }
    }
}

/// An object of these keys and values as nodes write it.
fn spelled<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let fields: Vec<_> = fields.map(|(key, value)| format!(r#""{key}": {value}"#)).collect();
    format!("{{{}}}", fields.join(", "))
}

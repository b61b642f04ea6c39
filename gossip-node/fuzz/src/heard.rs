//! A line that a node is given, as far as it can be read without the node.

use gossip_node::Json;

use super::fields::Fields;

/// A sound envelope with a sound body: no key twice, in neither.
pub(crate) struct Heard {
    pub(crate) src: String,
    pub(crate) dest: String,
    pub(crate) kind: Option<String>,
    pub(crate) msg_id: MsgId,
    pub(crate) is_reply: bool,
    /// What an `init` says.
    pub(crate) init: Option<(String, Vec<String>)>,
    /// The canonical text of what is to be echoed.
    pub(crate) echo: Option<String>,
}

pub(crate) enum MsgId {
    Missing,
    /// As its canonical text.
    Number(String),
    Other,
}

impl Heard {
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        let envelope = Fields::read(line)?;
        let body = Fields::read(envelope.raw("body")?.as_bytes())?;
        let msg_id = match body.raw("msg_id") {
            None | Some("null") => MsgId::Missing,
            Some(text) => match Json::parse(text, 40) {
                Ok(value) if value.as_str().parse::<i128>().is_ok() => MsgId::Number(value.as_str().into()),
                _ => MsgId::Other,
            },
        };
        Some(Self {
            src: envelope.get("src")?,
            dest: envelope.get("dest")?,
            kind: body.get("type"),
            msg_id,
            is_reply: body.raw("in_reply_to").is_some_and(|text| text != "null"),
            init: body.get("node_id").zip(body.get("node_ids")),
            echo: body.raw("echo").and_then(|text| Json::parse(text, 1 << 20).ok()).map(|value| value.as_str().into()),
        })
    }
}

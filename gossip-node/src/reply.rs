//! What a client is answered, and what a line looks like.

use std::collections::BTreeSet;
use std::io;

use gossip_core::Message;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::json::Json;
use crate::ledger::Report;
use crate::refusal::Refusal;

/// A reply's payload.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Reply<'a> {
    InitOk {},
    TopologyOk {},
    BroadcastOk {},
    AddOk {},
    ReadMessagesOk { messages: &'a BTreeSet<Json> },
    ReadValueOk { value: &'a BTreeSet<Json> },
    ReadSumOk { value: i128 },
    DigestOk { digest: String, count: u64 },
    InSync { r#match: bool, transferred: usize },
    OutOfSync { r#match: bool, transferred: usize, local_messages: &'a BTreeSet<Json> },
    EchoOk { echo: Json },
    StatsOk(Box<Report<'a>>),
    Error { code: u32, text: String },
}

impl Reply<'_> {
    const fn kind(&self) -> &'static str {
        match self {
            Self::InitOk {} => "init_ok",
            Self::TopologyOk {} => "topology_ok",
            Self::BroadcastOk {} => "broadcast_ok",
            Self::AddOk {} => "add_ok",
            Self::ReadMessagesOk { .. } | Self::ReadValueOk { .. } | Self::ReadSumOk { .. } => "read_ok",
            Self::DigestOk { .. } => "digest_ok",
            Self::InSync { .. } | Self::OutOfSync { .. } => "digest_sync_ok",
            Self::EchoOk { .. } => "echo_ok",
            Self::StatsOk(_) => "stats_ok",
            Self::Error { .. } => "error",
        }
    }

    /// The line, without its newline.
    pub(crate) fn line(&self, src: &str, dest: &str, in_reply_to: i128, msg_id: u64) -> String {
        spaced(&Line { src, dest, body: ReplyBody { r#type: self.kind(), in_reply_to, payload: self, msg_id } })
    }
}

impl From<&Refusal> for Reply<'_> {
    fn from(refusal: &Refusal) -> Self {
        Self::Error { code: refusal.code(), text: refusal.to_string() }
    }
}

/// The type of the messages between nodes.
pub(crate) const GOSSIP: &str = "gossip";

/// The line of a message to another node, without its newline.
pub(crate) fn gossip_line(src: &str, dest: &str, message: &Message<Json>) -> String {
    spaced(&Line { src, dest, body: GossipBody { r#type: GOSSIP, message } })
}

/// How long an id is as JSON.
pub(crate) fn id_len(id: &str) -> usize {
    spaced(&id).len()
}

/// Keys are written in the order they are declared in.
#[derive(Serialize)]
struct Line<'a, B> {
    src: &'a str,
    dest: &'a str,
    body: B,
}

#[derive(Serialize)]
struct ReplyBody<'a> {
    r#type: &'static str,
    in_reply_to: i128,
    #[serde(flatten)]
    payload: &'a Reply<'a>,
    msg_id: u64,
}

#[derive(Serialize)]
struct GossipBody<'a> {
    r#type: &'static str,
    message: &'a Message<Json>,
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

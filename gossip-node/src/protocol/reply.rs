//! What a client is answered.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Refusal;
use super::line::{Line, ReplyBody};
use crate::json::{Json, spaced};
use crate::watch::Report;

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

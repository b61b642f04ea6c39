//! What a client is answered.

use std::collections::BTreeSet;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

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
    WriteOk {
        #[serde(skip)]
        request: &'static str,
    },
    ReadOk(Read<'a>),
    DigestOk {
        digest: String,
        count: u64,
    },
    InSync {
        r#match: bool,
        transferred: usize,
    },
    OutOfSync {
        r#match: bool,
        transferred: usize,
        local_messages: &'a BTreeSet<Json>,
    },
    EchoOk {
        echo: Json,
    },
    // In a box: a report is longer than all other replies, and each of them would be as long.
    StatsOk(Box<Report<'a>>),
    Error {
        code: u32,
        text: String,
    },
}

/// The payload of `read_ok`, under the key of the workload.
#[derive(Debug)]
pub(crate) struct Read<'a> {
    pub(crate) key: &'static str,
    pub(crate) shown: Shown<'a>,
}

#[derive(Debug)]
pub(crate) enum Shown<'a> {
    Elements(&'a BTreeSet<Json>),
    /// The sum of the increments.
    Sum(i128),
}

impl Serialize for Read<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match &self.shown {
            // By reference, from the node's own set: a read copies no element.
            Shown::Elements(elements) => map.serialize_entry(self.key, elements)?,
            Shown::Sum(sum) => map.serialize_entry(self.key, sum)?,
        }
        map.end()
    }
}

impl Reply<'_> {
    /// The type of the request that this answers; `None` for an error, which may answer any.
    const fn request(&self) -> Option<&'static str> {
        Some(match self {
            Self::InitOk {} => "init",
            Self::TopologyOk {} => "topology",
            Self::WriteOk { request } => request,
            Self::ReadOk(_) => "read",
            Self::DigestOk { .. } => "digest",
            Self::InSync { .. } | Self::OutOfSync { .. } => "digest_sync",
            Self::EchoOk { .. } => "echo",
            Self::StatsOk(_) => "stats",
            Self::Error { .. } => return None,
        })
    }

    /// The type of the reply. Maelstrom names every reply after its request.
    fn kind(&self) -> String {
        self.request().map_or_else(|| "error".into(), |request| [request, "_ok"].concat())
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

//! The form of a line.

use gossip_core::Message;
use serde::Serialize;

use super::Reply;
use crate::json::{Json, spaced};

/// The type of the messages between nodes.
pub(crate) const GOSSIP: &str = "gossip";

/// The line of a message to another node, without its newline.
pub(crate) fn gossip_line(src: &str, dest: &str, message: &Message<Json>) -> String {
    spaced(&Line { src, dest, body: GossipBody { r#type: GOSSIP, message } })
}

/// The bytes of an id as JSON.
pub(crate) fn id_len(id: &str) -> usize {
    // Not the length of the text: quotes are added, and characters escaped.
    spaced(&id).len()
}

/// Keys are written in the order they are declared in.
#[derive(Serialize)]
pub(super) struct Line<'a, B> {
    pub(super) src: &'a str,
    pub(super) dest: &'a str,
    pub(super) body: B,
}

#[derive(Serialize)]
pub(super) struct ReplyBody<'a> {
    pub(super) r#type: String,
    pub(super) in_reply_to: i128,
    #[serde(flatten)]
    pub(super) payload: &'a Reply<'a>,
    pub(super) msg_id: u64,
}

#[derive(Serialize)]
struct GossipBody<'a> {
    r#type: &'static str,
    message: &'a Message<Json>,
}

//! The node as a machine: a line in, lines out, a deadline.

mod member;
mod output;

use std::collections::VecDeque;

use gossip_core::{Place, Time};

use crate::json::{Json, JsonError, shortened};
use crate::protocol::{Envelope, GOSSIP, Refusal, Reply, Request, Skipped};
use crate::settings::Settings;
use member::Member;

pub use output::Output;

/// A node without its input, its output and its clock: equal lines at equal times give equal lines, byte for byte.
///
/// ```
/// use gossip_core::Time;
/// use gossip_node::{Node, Output, Settings};
///
/// let mut node = Node::new(Settings::default());
/// node.receive_line(br#"{"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}"#)?;
/// let reply = r#"{"src": "n1", "dest": "c0", "body": {"type": "init_ok", "in_reply_to": 1, "msg_id": 0}}"#;
/// assert_eq!(node.poll(Time::ZERO), Output::Line(reply.into()));
/// assert_eq!(node.poll(Time::ZERO), Output::Wait(None));
/// # Ok::<(), gossip_node::Skipped>(())
/// ```
///
/// # Who is answered what
///
/// A body with a `msg_id` gets one reply, an error if it is refused; one without, or whose `msg_id` is `null`, gets
/// none, but is acted on. Bodies with an `in_reply_to` are replies and get none either. Lines of other nodes never get
/// an error. Before `init`, every other request gets error 11, whatever its type and whatever else is wrong with it.
/// Keys that nobody has a use for are ignored, but all of a line must be sound: no duplicate keys, no half characters,
/// at most [`Json::MAX_DEPTH`](crate::Json::MAX_DEPTH) levels.
#[derive(Debug)]
pub struct Node {
    settings: Settings,
    member: Option<Member>,
    /// The elements that a persistence kept, until `init` makes the member that holds them.
    stored: Option<Vec<Json>>,
    replies: VecDeque<String>,
    /// The bytes of all replies.
    waiting_bytes: usize,
    next_msg_id: u64,
}

impl Node {
    /// A node that waits for its `init`.
    pub fn new(settings: Settings) -> Self {
        Self { settings, member: None, stored: None, replies: VecDeque::new(), waiting_bytes: 0, next_msg_id: 0 }
    }

    /// A node that waits for its `init`, then goes on with what a [`Persistence`](crate::Persistence) holds.
    ///
    /// # Errors
    ///
    /// An element is longer than [`max_line`](Settings::max_line) allows.
    pub fn restored(settings: Settings, elements: Vec<Json>) -> Result<Self, JsonError> {
        let limit = settings.max_line.element_bytes();
        // Checked here, where there is somebody to tell: past `init` a machine that refused them would leave a node
        // with a part of its set.
        if elements.iter().any(|element| element.as_str().len() > limit) {
            return Err(JsonError::TooLong { limit });
        }
        Ok(Self { stored: Some(elements), ..Self::new(settings) })
    }

    /// The ledger as one JSON object, the payload of `stats_ok`; `None` before `init`.
    pub fn ledger(&self) -> Option<String> {
        self.member.as_ref().map(Member::ledger)
    }

    /// The bytes of the replies that wait to be polled.
    pub(crate) const fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// The elements that came since the log ended at a place, in the order in which they came, without those that it was
    /// [restored](Self::restored) with. Whatever was polled rests on these, on the restored ones, and on none besides.
    pub(crate) fn since(&self, place: Place) -> impl Iterator<Item = &Json> {
        self.member.iter().flat_map(move |member| member.since(place))
    }

    /// Where the log ends.
    pub(crate) fn end(&self) -> Place {
        self.member.as_ref().map_or(Place::START, Member::end)
    }

    /// Takes in one line, with or without its newline. Any number of lines may come between two polls.
    ///
    /// # Errors
    ///
    /// The line gets no answer; it changed nothing but counters.
    pub fn receive_line(&mut self, line: &[u8]) -> Result<(), Skipped> {
        let envelope = Envelope::read(line)?;
        // Before `init` every line is for us: it is `init` that tells who that is.
        if self.member.as_ref().is_some_and(|member| member.id() != envelope.dest) {
            return Err(Skipped::NotForUs(shortened(&envelope.dest)));
        }
        // Before anything else is read: two nodes that answered each other's replies would never end.
        if envelope.is_reply() {
            return Err(Skipped::Reply);
        }
        // Only peers are believed to be nodes. A message from anybody else is a request, of a type that there is not,
        // and is told so.
        if let Some(member) = &mut self.member
            && let Some(peer) = member.peer(&envelope.src)
            && envelope.kind().as_deref() == Some(GOSSIP)
        {
            return member.receive(&peer, envelope.body.only("message"));
        }
        self.answer(envelope)
    }

    /// The next output at `now`; call it until it is [`Output::Wait`]. Replies come first, then messages to other
    /// nodes.
    pub fn poll(&mut self, now: Time) -> Output {
        // Replies come first: a client waits for each, while a message that leaves later costs nothing but that.
        match (self.replies.pop_front(), &mut self.member) {
            (Some(line), _) => {
                self.waiting_bytes -= line.len();
                Output::Line(line)
            }
            (None, Some(member)) => member.poll(now),
            (None, None) => Output::Wait(None),
        }
    }

    fn answer(&mut self, mut envelope: Envelope<'_>) -> Result<(), Skipped> {
        let msg_id = envelope.take_msg_id()?;
        // Nothing of such a request is looked at, so that it gets error 11 whatever else is wrong with it: the client
        // may try again later, and be told then.
        let waiting = self.member.is_none() && envelope.kind().is_some_and(|kind| kind != "init");
        let Envelope { src, dest, body, others } = envelope;
        let from_node = self.member.as_ref().is_some_and(|member| member.peer(&src).is_some());
        let request =
            if waiting { Err(Refusal::BeforeInit) } else { Request::read(body, others, &src, msg_id, &self.settings) };
        let reply =
            request.and_then(|request| handle(&mut self.member, &mut self.stored, &self.settings, &dest, request));
        let reply = match (reply, msg_id) {
            (Ok(reply), Some(_)) => reply,
            // It was acted on; but a reply has to say what it answers.
            (Ok(_), None) => return Ok(()),
            // Not to a node: there it would be a reply to nothing, and skipped, so that one fault would be logged
            // twice.
            (Err(refusal), Some(_)) if !from_node => Reply::from(&refusal),
            (Err(refusal), _) => return Err(refusal.into()),
        };
        if let Some(in_reply_to) = msg_id {
            let line = reply.line(&dest, &src, in_reply_to, self.next_msg_id);
            self.waiting_bytes += line.len();
            self.replies.push_back(line);
            self.next_msg_id += 1;
        }
        Ok(())
    }
}

fn handle<'a>(
    member: &'a mut Option<Member>,
    stored: &mut Option<Vec<Json>>,
    settings: &Settings,
    dest: &str,
    request: Request,
) -> Result<Reply<'a>, Refusal> {
    match (member, request) {
        (Some(member), request) => member.handle(request, settings),
        (none, Request::Init { node_id, node_ids }) => {
            // Whoever wired the cluster wrongly hears of it here. Later it would be silence: the node would skip all
            // that is meant for it.
            if node_id != dest {
                return Err(Refusal::ForeignInit);
            }
            let member = none.insert(Member::new(node_id, node_ids, settings)?);
            // Only now is there a machine to hold them, since it is seeded with the node's id.
            if let Some(elements) = stored.take() {
                member.restore(elements);
            }
            Ok(Reply::InitOk {})
        }
        (None, _) => Err(Refusal::BeforeInit),
    }
}

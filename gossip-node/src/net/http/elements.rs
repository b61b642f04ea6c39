//! `/v1/elements` and `/v1/watch`: the elements of a set of JSON values.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use gossip_core::AntiEntropy;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::{Method, Request, StatusCode};
use tokio::sync::mpsc;

use super::{Answer, Api, bytes, not_allowed, plain, text, with_body};
use crate::json::Json;
use crate::net::change::{Change, Changes, Missed};
use crate::net::peer_id::PeerId;
use crate::net::replica::{Handle, InsertError};

type Set = AntiEntropy<PeerId, Json>;

/// `GET` and `POST /v1/elements`, and `GET /v1/watch`.
#[derive(Debug)]
pub(in crate::net) struct Elements;

impl Api<Set> for Elements {
    fn answer(
        &self,
        replica: &Handle<Set>,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Option<Answer>> + Send + '_>> {
        let replica = replica.clone();
        Box::pin(async move {
            Some(match (request.uri().path(), request.method()) {
                ("/v1/elements", &Method::GET) => text(StatusCode::OK, "application/json", all(&replica)),
                ("/v1/elements", &Method::POST) => insert(&replica, request.into_body()).await,
                ("/v1/elements", _) => not_allowed("GET, POST"),
                ("/v1/watch", &Method::GET) => watch(&replica),
                ("/v1/watch", _) => not_allowed("GET"),
                _ => return None,
            })
        })
    }
}

/// All elements in their order, one a line.
fn all(replica: &Handle<Set>) -> String {
    let mut elements: Vec<Json> = replica.read(|set| set.iter().cloned().collect());
    elements.sort();
    let lines: Vec<&str> = elements.iter().map(Json::as_str).collect();
    format!("[{}]\n", lines.join(",\n"))
}

/// Inserts an element: 201 if it is new, and 200 if it was there.
async fn insert(replica: &Handle<Set>, body: Incoming) -> Answer {
    let limit = replica.read(|set| set.config().max_element_bytes) as usize;
    let too_long = || plain(StatusCode::PAYLOAD_TOO_LARGE, format!("an element has at most {limit} bytes"));
    let Some(body) = bytes(body, limit).await else { return too_long() };
    let Ok(body) = std::str::from_utf8(&body) else {
        return plain(StatusCode::BAD_REQUEST, "an element is JSON, in UTF-8");
    };
    let element = match Json::parse(body, limit) {
        Ok(element) => element,
        Err(error) => return plain(StatusCode::BAD_REQUEST, error.to_string()),
    };
    match replica.insert(element).await {
        Ok(true) => plain(StatusCode::CREATED, "inserted"),
        Ok(false) => plain(StatusCode::OK, "held already"),
        Err(InsertError::TooLarge(_)) => too_long(),
        Err(InsertError::Stopped(stopped)) => plain(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string()),
    }
}

/// Changes as server-sent events: `insert` with the element, or `missed` with how many were missed.
fn watch(replica: &Handle<Set>) -> Answer {
    // One waits here, and as many as a subscriber may have behind it: then the client misses some.
    let (sender, events) = mpsc::channel(1);
    tokio::spawn(tell(replica.subscribe(), sender));
    with_body(StatusCode::OK, "text/event-stream", Events(events))
}

async fn tell(mut changes: Changes<Change<Json>>, events: mpsc::Sender<Bytes>) {
    loop {
        let event = tokio::select! {
            change = changes.next() => match change {
                Ok(change) => format!("event: insert\ndata: {}\n\n", change.element.as_str()),
                Err(Missed::Some(count)) => format!("event: missed\ndata: {count}\n\n"),
                Err(Missed::Stopped(_)) => return,
            },
            () = events.closed() => return,
        };
        if events.send(event.into()).await.is_err() {
            return;
        }
    }
}

/// A body of events, as they come.
struct Events(mpsc::Receiver<Bytes>);

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

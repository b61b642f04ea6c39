//! Changes as server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::StatusCode;
use hyper::body::{Body, Bytes, Frame};
use tokio::sync::mpsc;

use super::{Answer, with_body};
use crate::net::change::{Changes, Missed};

/// Changes as events, each with its name and its data; `missed` with how many were missed.
pub(super) fn watch<C: Clone + Send + 'static>(
    changes: Changes<C>,
    event: impl Fn(C) -> (&'static str, String) + Send + 'static,
) -> Answer {
    // One waits here, and as many as a subscriber may have behind it: then the client misses some.
    let (sender, events) = mpsc::channel(1);
    tokio::spawn(tell(changes, event, sender));
    with_body(StatusCode::OK, "text/event-stream", Events(events))
}

async fn tell<C: Clone>(
    mut changes: Changes<C>,
    event: impl Fn(C) -> (&'static str, String),
    events: mpsc::Sender<Bytes>,
) {
    loop {
        let (name, data) = tokio::select! {
            change = changes.next() => match change {
                Ok(change) => event(change),
                Err(Missed::Some(count)) => ("missed", count.to_string()),
                Err(Missed::Stopped(_)) => return,
            },
            () = events.closed() => return,
        };
        if events.send(format!("event: {name}\ndata: {data}\n\n").into()).await.is_err() {
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

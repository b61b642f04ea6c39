//! `/v1/elements` and `/v1/watch`: the elements of a set of JSON values.

use std::pin::Pin;

use gossip_core::AntiEntropy;
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};

use super::events::watch;
use super::{Answer, Api, NoJson, json, not_allowed, plain, text};
use crate::json::Json;
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
                ("/v1/watch", &Method::GET) => {
                    watch(replica.subscribe(), |change| ("insert", change.element.as_str().to_owned()))
                }
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
    let element = match json(body, limit, "an element").await {
        Ok(element) => element,
        Err(NoJson::TooLong) => return too_long(),
        Err(NoJson::Wrong(what)) => return plain(StatusCode::BAD_REQUEST, what),
    };
    match replica.insert(element).await {
        Ok(true) => plain(StatusCode::CREATED, "inserted"),
        Ok(false) => plain(StatusCode::OK, "held already"),
        Err(InsertError::TooLarge(_)) => too_long(),
        Err(InsertError::Stopped(stopped)) => plain(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string()),
    }
}

//! `/v1/keys` and `/v1/watch`: a map of texts to JSON values.

use std::ops::Bound;
use std::pin::Pin;

use gossip_core::Map;
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use percent_encoding::percent_decode_str;

use super::events::watch;
use super::{Answer, Api, NoJson, json, not_allowed, plain, text};
use crate::json::Json;
use crate::net::change::KeyChange;
use crate::net::peer_id::PeerId;
use crate::net::replica::{Handle, InsertError};

type Keys = Map<PeerId, String, Json>;

/// `GET`, `PUT` and `DELETE /v1/keys/{key}`, `GET /v1/keys` and `GET /v1/watch`.
#[derive(Debug)]
pub(in crate::net) struct OfKeys;

impl Api<Keys> for OfKeys {
    fn answer(
        &self,
        replica: &Handle<Keys>,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Option<Answer>> + Send + '_>> {
        let replica = replica.clone();
        Box::pin(async move {
            let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
            Some(match (path, request.method()) {
                ("/v1/keys", &Method::GET) => match argument(query, "prefix") {
                    Some(prefix) => text(StatusCode::OK, "application/json", of_prefix(&replica, &prefix)),
                    None => no_text(),
                },
                ("/v1/keys", _) => not_allowed("GET"),
                ("/v1/watch", &Method::GET) => changes(&replica),
                ("/v1/watch", _) => not_allowed("GET"),
                _ => {
                    let Some(key) = decoded(path.strip_prefix("/v1/keys/")?) else { return Some(no_text()) };
                    let wants_all = query.split('&').any(|part| part == "all");
                    match *request.method() {
                        Method::GET => of_key(&replica, &key, wants_all),
                        Method::PUT => put(&replica, key, request.into_body()).await,
                        Method::DELETE => delete(&replica, key).await,
                        _ => not_allowed("GET, PUT, DELETE"),
                    }
                }
            })
        })
    }
}

/// A text as it stands in an address; `None` if it is none.
fn decoded(encoded: &str) -> Option<String> {
    percent_decode_str(encoded).decode_utf8().ok().map(String::from)
}

/// The text of this name in a query, or the empty one; `None` if what stands there is no text.
fn argument(query: &str, name: &str) -> Option<String> {
    decoded(query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default())
}

fn no_text() -> Answer {
    plain(StatusCode::BAD_REQUEST, "a key is text, in UTF-8")
}

/// All keys of a prefix with their values, as an object, in their order.
fn of_prefix(replica: &Handle<Keys>, prefix: &str) -> String {
    let from = (Bound::Included(prefix), Bound::Unbounded);
    let lines: Vec<String> = replica.read(|map| {
        let entries = map.range::<str>(from).take_while(|(key, _)| key.starts_with(prefix));
        entries.map(|(key, value)| format!("{}: {}", quoted(key), value.as_str())).collect()
    });
    format!("{{{}}}\n", lines.join(",\n"))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The value that all replicas agree on; or all there are, if they were written without having seen each other.
fn of_key(replica: &Handle<Keys>, key: &str, wants_all: bool) -> Answer {
    let (one, mut all): (Option<Json>, Vec<Json>) =
        replica.read(|map| (map.get(key).cloned(), map.get_all(key).cloned().collect()));
    let Some(one) = one else { return plain(StatusCode::NOT_FOUND, "there is no such key") };
    all.sort();
    let values: Vec<&str> = all.iter().map(Json::as_str).collect();
    let found = if wants_all { format!("[{}]\n", values.join(",\n")) } else { format!("{}\n", one.as_str()) };
    text(StatusCode::OK, "application/json", found)
}

/// Puts a value: 201 if there was none, and 200 if it replaces what there was.
async fn put(replica: &Handle<Keys>, key: String, body: Incoming) -> Answer {
    let limit = replica.read(|map| map.config().max_element_bytes) as usize;
    let too_long =
        || plain(StatusCode::PAYLOAD_TOO_LARGE, format!("key and value have some {limit} bytes at the most"));
    let value = match json(body, limit, "a value").await {
        Ok(value) => value,
        Err(NoJson::TooLong) => return too_long(),
        Err(NoJson::Wrong(what)) => return plain(StatusCode::BAD_REQUEST, what),
    };
    match replica.insert(key, value).await {
        Ok(0) => plain(StatusCode::CREATED, "put"),
        Ok(_) => plain(StatusCode::OK, "replaced"),
        Err(InsertError::TooLarge(_)) => too_long(),
        Err(InsertError::Stopped(stopped)) => plain(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string()),
    }
}

/// Removes what is there: 200, or 404 if there was nothing.
async fn delete(replica: &Handle<Keys>, key: String) -> Answer {
    match replica.remove(key).await {
        Ok(0) => plain(StatusCode::NOT_FOUND, "there is no such key"),
        Ok(_) => plain(StatusCode::OK, "removed"),
        Err(error) => plain(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

/// Changes as server-sent events: `put` with the key and the value that is there then, or `delete` with the key.
fn changes(replica: &Handle<Keys>) -> Answer {
    let handle = replica.clone();
    watch(replica.subscribe(), move |KeyChange { key, .. }| match handle.read(|map| map.get(&key).cloned()) {
        Some(value) => ("put", format!("{{\"key\": {}, \"value\": {}}}", quoted(&key), value.as_str())),
        None => ("delete", format!("{{\"key\": {}}}", quoted(&key))),
    })
}

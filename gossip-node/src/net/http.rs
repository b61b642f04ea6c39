//! A replica over HTTP (feature `http`): for probes, scrapers, people, and clients of JSON values.

mod elements;
mod events;
mod keys;
mod metrics;
mod stats;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::driven::Driven;
use super::replica::{Handle, Quorum};
use crate::json::Json;
pub(super) use elements::Elements;
pub(super) use keys::OfKeys;

/// What is answered.
pub(super) type Answer = Response<Pin<Box<dyn Body<Data = Bytes, Error = Infallible> + Send>>>;

/// What clients may ask for beside what is the same for all replicas.
pub(super) trait Api<D: Driven>: Send + Sync + 'static {
    /// The answer to a request; `None` if there is nothing of that path.
    fn answer(
        &self,
        replica: &Handle<D>,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Option<Answer>> + Send + '_>>;
}

/// What is served.
struct Site<D: Driven> {
    replica: Handle<D>,
    api: Option<Box<dyn Api<D>>>,
    began: Instant,
}

/// How many connections are served at once.
const CONNECTIONS: usize = 256;

/// How long a client may take to say what it wants, and a replica to say how it is.
const WITHIN: Duration = Duration::from_secs(5);

/// How long a wait for proofs may take, if nothing else is said.
const SYNCS_WITHIN: Duration = Duration::from_secs(30);

/// The pause after the system has refused to accept a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens at `address`.
pub(super) async fn listen(address: &str) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves for ever.
pub(super) async fn serve<D: Driven>(listener: TcpListener, replica: Handle<D>, api: Option<Box<dyn Api<D>>>) {
    let (site, room) = (Arc::new(Site { replica, api, began: Instant::now() }), Arc::new(Semaphore::new(CONNECTIONS)));
    while let Ok(permit) = room.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let site = site.clone();
                tokio::spawn(async move {
                    site.converse(stream).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection of HTTP");
                sleep(PAUSE).await;
            }
        }
    }
}

impl<D: Driven> Site<D> {
    async fn converse(self: Arc<Self>, stream: TcpStream) {
        let answer = service_fn(|request| {
            let site = self.clone();
            async move { Ok::<_, Infallible>(site.answer(request).await) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(WITHIN);
        tokio::select! {
            ended = http.serve_connection(TokioIo::new(stream), answer) => {
                // Whatever a client does wrong is its own affair.
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection of HTTP has failed");
                }
            }
            () = self.replica.stopped() => {}
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        let is_ours = matches!(path.as_str(), "/" | "/healthz" | "/readyz" | "/synced" | "/metrics" | "/stats");
        if is_ours && request.method() != Method::GET && request.method() != Method::HEAD {
            return not_allowed("GET, HEAD");
        }
        let replica = &self.replica;
        match path.as_str() {
            "/" => text(StatusCode::OK, "text/html; charset=utf-8", include_str!("http/page.html")),
            "/healthz" => self.health().await,
            "/readyz" => self.readiness(request.uri().query().unwrap_or_default()).await,
            "/synced" => self.synced(request.uri().query().unwrap_or_default()).await,
            "/metrics" => match timeout(WITHIN, metrics::of(replica)).await {
                Ok(Ok(metrics)) => text(StatusCode::OK, "text/plain; version=0.0.4", metrics),
                _ => stopped(),
            },
            "/stats" => match timeout(WITHIN, stats::of(replica)).await {
                Ok(Ok(stats)) => text(StatusCode::OK, "application/json", stats),
                _ => stopped(),
            },
            _ => {
                let answer = match &self.api {
                    Some(api) => api.answer(replica, request).await,
                    None => None,
                };
                answer.unwrap_or_else(|| plain(StatusCode::NOT_FOUND, format!("there is no {path}")))
            }
        }
    }

    /// Whether the replica does anything.
    async fn health(&self) -> Answer {
        match timeout(WITHIN, self.replica.peers()).await {
            Ok(Ok(_)) => plain(StatusCode::OK, "healthy"),
            _ => stopped(),
        }
    }

    /// Whether so many peers have proven to hold what this replica did: since it started and, if it is said, within so many
    /// seconds. So a replica that has just started is no use to clients before it has caught up.
    async fn readiness(&self, query: &str) -> Answer {
        let (Some(peers), Some(within)) = (number(query, "peers"), number(query, "within")) else { return no_number() };
        let (wanted, within) = (peers.unwrap_or(1), within.map_or(Duration::MAX, Duration::from_secs));
        let Ok(Ok(peers)) = timeout(WITHIN, self.replica.peers()).await else { return stopped() };
        let proven = peers.iter().filter(|peer| peer.proven.is_some_and(|ago| ago <= within)).count() as u64;
        let status = if proven >= wanted { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let since = self.began.elapsed().as_secs();
        plain(
            status,
            format!("{proven} of {} peers have proven it, {wanted} are wanted, {since} s since the start", peers.len()),
        )
    }

    /// Waits for proofs that begin now: of as many peers as the query says, or of all, within so many seconds, or 30.
    async fn synced(&self, query: &str) -> Answer {
        let (Some(peers), Some(within)) = (number(query, "peers"), number(query, "within")) else { return no_number() };
        let quorum = peers.map_or(Quorum::All, |peers| Quorum::AtLeast(usize::try_from(peers).unwrap_or(usize::MAX)));
        let (began, within) = (Instant::now(), within.map_or(SYNCS_WITHIN, Duration::from_secs));
        match timeout(within, self.replica.synced(quorum)).await {
            Ok(Ok(())) => plain(StatusCode::OK, format!("proven after {} ms", began.elapsed().as_millis())),
            Ok(Err(_)) => stopped(),
            Err(_) => plain(StatusCode::GATEWAY_TIMEOUT, format!("not proven within {} s", within.as_secs())),
        }
    }
}

/// The number of this name in a query, if it has one; `None` if what it has is none.
fn number(query: &str, name: &str) -> Option<Option<u64>> {
    match query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')) {
        None => Some(None),
        Some(value) => value.parse().ok().map(Some),
    }
}

fn no_number() -> Answer {
    plain(StatusCode::BAD_REQUEST, "peers and within are whole numbers")
}

fn stopped() -> Answer {
    plain(StatusCode::SERVICE_UNAVAILABLE, "the replica has stopped")
}

/// A line for people.
fn plain(status: StatusCode, line: impl Into<String>) -> Answer {
    text(status, "text/plain; charset=utf-8", line.into() + "\n")
}

fn not_allowed(allowed: &'static str) -> Answer {
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, format!("allowed: {allowed}"));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

fn text(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    with_body(status, kind, Full::new(body.into()))
}

fn with_body(
    status: StatusCode,
    kind: &'static str,
    body: impl Body<Data = Bytes, Error = Infallible> + Send + 'static,
) -> Answer {
    let mut answer = Response::new(Box::pin(body) as Pin<Box<dyn Body<Data = Bytes, Error = Infallible> + Send>>);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // All of it is as of now.
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Why a body is no JSON value.
enum NoJson {
    /// It has more bytes than allowed, or does not come.
    TooLong,
    /// What is wrong with it.
    Wrong(String),
}

/// The JSON value of a body, of up to `limit` bytes; `what` is what clients call it.
async fn json(body: Incoming, limit: usize, what: &str) -> Result<Json, NoJson> {
    let body = http_body_util::Limited::new(body, limit).collect();
    let Ok(Ok(body)) = timeout(WITHIN, body).await else { return Err(NoJson::TooLong) };
    let body = body.to_bytes();
    let text = std::str::from_utf8(&body).map_err(|_| NoJson::Wrong(format!("{what} is JSON, in UTF-8")))?;
    Json::parse(text, limit).map_err(|error| NoJson::Wrong(error.to_string()))
}

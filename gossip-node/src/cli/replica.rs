//! The subcommand `serve`: a replica over TCP, until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use gossip_core::{AntiEntropy, Config, Key, Map};
use gossip_node::Json;
use gossip_node::net::{Builder, Driven, PeerId, Peers, Replica, Store, Tcp, Tls};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::interval;
use tracing_subscriber::filter::LevelFilter;

use super::key_file::read_key;
use super::options::{duration, level_parser};

/// Runs a replica of a map of texts to JSON values that crosses networks: TCP, and TLS with a certificate on both sides
///
/// It runs until SIGTERM or SIGINT, and then keeps all that it has acknowledged. SIGHUP has it read its certificates again,
/// which it also does once a minute.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// What this replica is called, unlike all others; with TLS its certificate is for this name
    #[arg(long, value_name = "NAME")]
    name: String,

    /// Where it listens for peers
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,

    /// The peers that it dials, separated by commas; may name the replica itself
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', conflicts_with = "peers_dns")]
    peers: Vec<String>,

    /// A name in the DNS that stands for all replicas, looked up again every 5 s
    #[arg(long, value_name = "HOST:PORT")]
    peers_dns: Option<String>,

    /// The names of the replicas that are welcome, separated by commas [default: whoever has a certificate]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    roster: Option<Vec<String>>,

    #[command(flatten)]
    security: Security,

    /// Keeps all values in this directory, each written and synced before it is acknowledged
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Holds a set of JSON values, which only grows, instead of a map
    #[arg(long)]
    set: bool,

    /// Where it serves HTTP: /healthz, /readyz, /metrics, /stats, /v1/keys or, of a set, /v1/elements, /v1/watch, and / for
    /// people. Not encrypted
    #[arg(long, value_name = "HOST:PORT")]
    http: Option<String>,

    /// How often what has come is pushed to peers
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "50ms")]
    batch: Duration,

    /// The largest value in bytes; to be equal on all replicas
    #[arg(long, value_name = "BYTES", default_value = "1024")]
    max_value: u32,

    /// Holds a secret key, 32 hexadecimal digits, equal on all replicas: against clients who choose values to do harm
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(read_key))]
    key_file: Option<Key>,

    /// What to log
    #[arg(long, value_name = "LEVEL", value_parser = level_parser(), default_value = "info")]
    pub(crate) log: LevelFilter,
}

/// How connections between replicas are secured: three files, or not at all.
#[derive(Args, Debug)]
struct Security {
    /// The authority's certificate, as PEM
    #[arg(long, value_name = "FILE", requires_all = ["cert", "key"], required_unless_present = "insecure")]
    ca: Option<PathBuf>,

    /// This replica's certificate, and those between it and the authority's, as PEM
    #[arg(long, value_name = "FILE", requires = "ca")]
    cert: Option<PathBuf>,

    /// The key of this replica's certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "ca")]
    key: Option<PathBuf>,

    /// Does without certificates: whoever is on the network can read, write and pretend to be any replica
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How often certificates are read again: whoever renews them has no need to tell.
const RELOADS_EVERY: Duration = Duration::from_secs(60);

impl Serve {
    /// Runs the replica.
    pub(crate) fn run(self) -> ExitCode {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let ended = runtime.map_err(Error::from).and_then(|runtime| runtime.block_on(self.serve()));
        match ended {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(%error, "ended");
                ExitCode::FAILURE
            }
        }
    }

    async fn serve(self) -> Result<(), Error> {
        // Before it listens: whoever tells it to stop once it is there is heard.
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let tls = self.security.tls()?;
        let stop = async {
            tokio::select! {
                _ = term.recv() => Ok(()),
                _ = int.recv() => Ok(()),
                error = reload(tls.clone()) => Err(error),
            }
        };
        if self.set {
            run(self.builder::<AntiEntropy<PeerId, Json>>(tls.clone(), Builder::http_with_elements)?, stop).await
        } else {
            run(self.builder::<Map<PeerId, String, Json>>(tls.clone(), Builder::http_with_keys)?, stop).await
        }
    }

    /// What it runs, which serves HTTP by `http`.
    fn builder<D: Driven>(
        self,
        tls: Option<Tls>,
        http: impl FnOnce(Builder<D, Tcp>, String) -> Builder<D, Tcp>,
    ) -> Result<Builder<D, Tcp>, Error> {
        let mut config = Config::default();
        config.batch_every = Some(self.batch);
        config.max_element_bytes = self.max_value;
        config.key = self.key_file.unwrap_or_default();
        let peers = self.peers_dns.map_or_else(|| Peers::fixed(self.peers), Peers::dns);
        let mut builder = Replica::builder(&self.name).config(config).peers(peers);
        builder = match tls {
            Some(tls) => builder.tls(tls),
            None => builder.insecure(),
        };
        if let Some(roster) = self.roster {
            builder = builder.roster(roster.iter().map(|name| PeerId::new(name)).collect::<Result<Vec<_>, _>>()?);
        }
        if let Some(address) = self.listen {
            builder = builder.listen(address);
        }
        if let Some(address) = self.http {
            builder = http(builder, address);
        }
        if let Some(directory) = self.data_dir {
            let store = Store::open(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
            builder = builder.store(store);
        }
        Ok(builder)
    }
}

/// Runs a replica until it is told to stop.
async fn run<D: Driven>(builder: Builder<D, Tcp>, stop: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let replica = builder.spawn().await?;
    tracing::info!(
        id = %replica.id(),
        listens = replica.address().map(tracing::field::display),
        http = replica.http_address().map(tracing::field::display),
        "runs"
    );
    tokio::select! {
        stopped = stop => stopped?,
        () = replica.stopped() => return Err("the replica has stopped".into()),
    }
    replica.shutdown().await?;
    tracing::info!("stopped");
    Ok(())
}

impl Security {
    fn tls(&self) -> Result<Option<Tls>, Error> {
        match (&self.ca, &self.cert, &self.key) {
            (Some(ca), Some(cert), Some(key)) => Ok(Some(Tls::from_files(ca, cert, key)?)),
            _ => Ok(None),
        }
    }
}

/// Reads certificates again once a minute, and when SIGHUP says so.
async fn reload(tls: Option<Tls>) -> Error {
    let Some(tls) = tls else { return std::future::pending().await };
    let (mut minute, mut hangup) = match signal(SignalKind::hangup()) {
        Ok(hangup) => (interval(RELOADS_EVERY), hangup),
        Err(error) => return error.into(),
    };
    loop {
        tokio::select! {
            _ = minute.tick() => {}
            _ = hangup.recv() => tracing::info!("reads its certificates again"),
        }
        // Those that there are stay in use.
        if let Err(error) = tls.reload() {
            tracing::error!(%error, "cannot read the certificates again");
        }
    }
}

//! `Replicated`: a map of texts as either crate replicates it, and the process that holds one.

use std::error::Error;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use gossip_core::Map;
use gossip_node::net::{PeerId, Peers, Replica};
use reconcile::ReplicatedMap;
use reconcile::replicated_map::Config;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, stdin, stdout};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub type Failure = Box<dyn Error + Send + Sync>;

const PORT: u16 = 7_400;

/// How many writers put at once.
const WRITERS: u32 = 64;

/// A key, and its value of 100 bytes.
fn entry(number: u32, word: &str) -> (String, String) {
    (format!("key {number:012}"), format!("{word:<10}{number:090}"))
}

fn entries(numbers: Range<u32>, word: &str) -> Vec<(String, String)> {
    numbers.map(|number| entry(number, word)).collect()
}

/// A replica of a map of texts.
trait Replicated {
    /// Puts values before there is anybody to tell.
    async fn fill(&self, numbers: Range<u32>, word: &str) -> Result<(), Failure>;
    /// Puts values.
    async fn put(&self, numbers: Range<u32>, word: &str) -> Result<(), Failure>;
    fn holds(&self, key: &str, value: &str) -> bool;
    /// What is equal where replicas are.
    fn digest(&self) -> String;
}

type Texts = Map<PeerId, String, String>;

impl Replicated for Replica<Texts> {
    async fn fill(&self, numbers: Range<u32>, word: &str) -> Result<(), Failure> {
        self.put(numbers, word).await
    }

    async fn put(&self, numbers: Range<u32>, word: &str) -> Result<(), Failure> {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (handle, word, numbers) = (self.handle(), word.to_owned(), numbers.clone());
            writers.spawn(async move {
                for number in numbers.skip(writer as usize).step_by(WRITERS as usize) {
                    let (key, value) = entry(number, &word);
                    handle.insert(key, value).await?;
                }
                Ok::<_, Failure>(())
            });
        }
        writers.join_all().await.into_iter().collect()
    }

    fn holds(&self, key: &str, value: &str) -> bool {
        self.read(|map| map.get(key).is_some_and(|held| held == value))
    }

    fn digest(&self) -> String {
        self.read(|map| format!("{:?}", map.digest()))
    }
}

impl Replicated for ReplicatedMap<String, String> {
    async fn fill(&self, numbers: Range<u32>, word: &str) -> Result<(), Failure> {
        self.load_bulk(&entries(numbers, word));
        Ok(())
    }

    async fn put(&self, numbers: Range<u32>, word: &str) -> Result<(), Failure> {
        self.insert_bulk(&entries(numbers, word));
        Ok(())
    }

    fn holds(&self, key: &str, value: &str) -> bool {
        self.get(&key.to_owned()).is_some_and(|held| *held == value)
    }

    fn digest(&self) -> String {
        self.fingerprint(..).to_string()
    }
}

/// Runs one of two replicas by one of the crates, as each has it by default and without keys or certificates.
pub async fn run(system: &str, number: u8) -> Result<(), Failure> {
    let [own, other] = [number, 3 - number].map(|number| IpAddr::from([127, 0, 0, number]));
    match system {
        "gossip" => {
            let builder = Replica::<Texts>::builder(&format!("n{number}")).insecure();
            let peers = Peers::fixed([format!("{other}:{PORT}")]);
            serve(builder.listen(format!("{own}:{PORT}")).peers(peers).spawn().await?).await
        }
        "reconcile" => {
            // A network of these two, in which it looks for peers by chance.
            let config = Config::new(PORT).with_listen_addr(own).with_net("127.0.0.0/30".parse()?)?;
            let map = ReplicatedMap::new(config.with_insecure_no_key()).await?.with_seed(other);
            tokio::spawn(map.clone().run(CancellationToken::new()));
            serve(map).await
        }
        _ => Err(format!("there is no {system}").into()),
    }
}

/// Does what lines on stdin say, and answers each with a line on stdout.
async fn serve(map: impl Replicated) -> Result<(), Failure> {
    let (mut lines, mut out) = (BufReader::new(stdin()).lines(), stdout());
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match words[..] {
            ["digest"] => map.digest(),
            [verb, from, to, word] => {
                let numbers = from.parse()?..to.parse()?;
                match verb {
                    "fill" => map.fill(numbers, word).await?,
                    "put" => map.put(numbers, word).await?,
                    "await" => await_all(&map, numbers, word).await,
                    _ => return Err(line.into()),
                }
                "done".into()
            }
            _ => return Err(line.into()),
        };
        out.write_all(format!("{answer}\n").as_bytes()).await?;
        out.flush().await?;
    }
    Ok(())
}

async fn await_all(map: &impl Replicated, numbers: Range<u32>, word: &str) {
    for number in numbers {
        let (key, value) = entry(number, word);
        while !map.holds(&key, &value) {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

//! Replicas over TCP, on the loopback of this machine.

use std::time::Duration;

use gossip_core::{AntiEntropy, Config};
use gossip_node::StoreError;
use gossip_node::net::{Change, InsertError, Missed, PeerId, Peers, Persist, Quorum, Replica, SpawnError};

use crate::memory::Memory;

type Words = AntiEntropy<PeerId, String>;

#[tokio::test]
async fn two_replicas_hold_the_same() {
    let one = Replica::<Words>::builder("n1").listen("127.0.0.1:0").insecure().spawn().await.expect("it runs");
    let address = one.address().expect("it listens").to_string();
    let two = Replica::<Words>::builder("n2").peers(Peers::fixed([address])).insecure().spawn().await.expect("it runs");
    let mut changes = two.subscribe();
    assert!(one.insert("tea".into()).await.expect("it is short"));
    assert!(!one.insert("tea".into()).await.expect("it is short"));
    let from = Some(PeerId::new("n1").expect("a name"));
    assert_eq!(changes.next().await, Ok(Change { element: "tea".to_owned(), from }));
    two.insert("rice".into()).await.expect("it is short");
    for replica in [&one, &two] {
        replica.synced(Quorum::AtLeast(1)).await.expect("it runs");
        let mut held = replica.read(|words| words.iter().cloned().collect::<Vec<_>>());
        held.sort();
        assert_eq!(held, ["rice", "tea"]);
        let peers = replica.peers().await.expect("it runs");
        assert!(peers.len() == 1 && peers[0].connected.is_some() && peers[0].in_sync, "{peers:?}");
    }
    assert!(one.insert("x".repeat(2_000)).await.is_err());
    one.shutdown().await.expect("it ran");
    two.shutdown().await.expect("it ran");
    assert!(changes.next().await.is_ok(), "what it had written itself");
    assert!(matches!(changes.next().await, Err(Missed::Stopped(_))));
}

#[tokio::test]
async fn who_shuts_down_hands_over_what_it_has_not_pushed_yet() {
    let mut config = Config::default();
    (config.batch_every, config.round_every) = (Some(Duration::from_secs(600)), Duration::from_secs(600));
    let one = Replica::<Words>::builder("n1").listen("127.0.0.1:0").insecure().config(config.clone());
    let one = one.spawn().await.expect("it runs");
    let address = one.address().expect("it listens").to_string();
    let two = Replica::<Words>::builder("n2").peers(Peers::fixed([address])).insecure().config(config);
    let two = two.spawn().await.expect("it runs");
    two.synced(Quorum::All).await.expect("it runs");
    let mut changes = two.subscribe();
    // The first goes out at once, and what follows it ten minutes later.
    one.insert("first".into()).await.expect("it is short");
    assert_eq!(changes.next().await.expect("it runs").element, "first");
    for number in 0..20 {
        one.insert(format!("word {number}")).await.expect("it is short");
    }
    assert_eq!(two.read(|words| words.len()), 1);
    let began = tokio::time::Instant::now();
    one.shutdown().await.expect("it ran");
    assert_eq!(two.read(|words| words.len()), 21, "it has said so");
    assert!(began.elapsed() < Duration::from_secs(1), "nothing is awaited once it has");
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_replica() {
    let store = Memory::default();
    for count in 0..3 {
        let replica = Replica::<Words>::builder("n1").insecure().store(store.clone()).spawn().await.expect("it runs");
        assert_eq!(replica.read(|words| words.len()), count);
        replica.insert(format!("word {count}")).await.expect("it is short");
        // Dropped, not shut down.
    }
}

#[tokio::test]
async fn a_slow_subscriber_is_told_what_it_missed() {
    let replica = Replica::<Words>::builder("n1").insecure().spawn().await.expect("it runs");
    let mut changes = replica.subscribe();
    for number in 0..1_100 {
        replica.insert(format!("{number}")).await.expect("it is short");
    }
    assert_eq!(changes.next().await, Err(Missed::Some(76)));
    assert_eq!(changes.next().await.expect("it goes on").element, "76");
}

#[tokio::test]
async fn how_connections_are_secured_has_to_be_said() {
    let error = Replica::<Words>::builder("n1").spawn().await.expect_err("nothing was said");
    assert!(matches!(error, SpawnError::Unsecured), "{error}");
    let error = Replica::<Words>::builder("no name").insecure().spawn().await.expect_err("it has a space");
    assert!(error.to_string().contains("\"no name\""), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("it has one").to_string();
    let error = Replica::<Words>::builder("n1").listen(&address).insecure().spawn().await.expect_err("it is taken");
    assert!(error.to_string().starts_with(&format!("cannot listen at {address}: ")), "{error}");
}

#[tokio::test]
async fn a_replica_that_starts_again_is_found_again() {
    let store = Memory::default();
    let start = async |address: &str| {
        let builder = Replica::<Words>::builder("n1").listen(address).insecure().store(store.clone());
        builder.spawn().await.expect("it runs")
    };
    let one = start("127.0.0.1:0").await;
    let address = one.address().expect("it listens").to_string();
    let two = Replica::<Words>::builder("n2")
        .peers(Peers::fixed([address.clone()]))
        .insecure()
        .spawn()
        .await
        .expect("it runs");
    two.synced(Quorum::All).await.expect("it runs");
    one.shutdown().await.expect("it ran");
    two.insert("while it was away".into()).await.expect("it is short");
    let one = start(&address).await;
    tokio::time::timeout(Duration::from_secs(10), two.synced(Quorum::All)).await.expect("soon").expect("it runs");
    assert!(one.read(|words| words.len()) == 1);
}

/// A store that keeps one batch, and fails then.
struct Full(u32);

impl Persist for Full {
    fn load(&mut self, _cluster_tag: [u8; 4]) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(Vec::new())
    }

    fn append(&mut self, _encoded: &[Vec<u8>]) -> Result<(), StoreError> {
        self.0 += 1;
        if self.0 > 1 { Err(StoreError::Io(std::io::ErrorKind::StorageFull.into())) } else { Ok(()) }
    }

    fn replace(&mut self, _encoded: &[u8]) -> Result<(), StoreError> {
        unreachable!("a set is kept element by element")
    }
}

#[tokio::test]
async fn what_is_not_kept_is_told_to_nobody() {
    let builder = Replica::<Words>::builder("n1").listen("127.0.0.1:0").insecure().store(Full(0));
    let one = builder.spawn().await.expect("it runs");
    let address = one.address().expect("it listens").to_string();
    let two = Replica::<Words>::builder("n2").peers(Peers::fixed([address])).insecure().spawn().await.expect("it runs");
    two.synced(Quorum::All).await.expect("it runs");
    assert_eq!(one.insert("kept".into()).await, Ok(true));
    two.synced(Quorum::All).await.expect("it runs");
    assert!(matches!(one.insert("not kept".into()).await, Err(InsertError::Stopped(_))));
    one.stopped().await;
    assert!(one.synced(Quorum::All).await.is_err() && one.peers().await.is_err());
    assert_eq!(two.read(|words| words.iter().cloned().collect::<Vec<_>>()), ["kept"]);
}

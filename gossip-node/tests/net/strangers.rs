//! Strangers at the door: whatever they do, peers are served.

use std::time::Duration;

use gossip_core::AntiEntropy;
use gossip_node::net::{PeerId, Peers, Quorum, Replica};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

type Words = AntiEntropy<PeerId, String>;

async fn replica(name: &str, peers: Peers) -> (Replica<Words>, String) {
    let builder = Replica::<Words>::builder(name).listen("127.0.0.1:0").peers(peers).insecure();
    let replica = builder.spawn().await.expect("it runs");
    let address = replica.address().expect("it listens").to_string();
    (replica, address)
}

/// What is said to a stranger that sends these bytes, until it is let go: frames after the hello of the replica.
async fn told(address: &str, bytes: &[u8]) -> String {
    let mut stranger = TcpStream::connect(address).await.expect("it listens");
    stranger.write_all(bytes).await.expect("it reads");
    let mut said = Vec::new();
    // Reset if more was sent than was read: what came before that counts.
    let _ = timeout(Duration::from_secs(2), stranger.read_to_end(&mut said)).await.expect("it is let go at once");
    String::from_utf8_lossy(&said).into_owned()
}

/// A hello of this version, name and cluster.
fn hello(version: u16, name: &str, cluster_tag: [u8; 4]) -> Vec<u8> {
    let hello = [&b"gossip"[..], &version.to_be_bytes(), &[7; 8], &cluster_tag, name.as_bytes()].concat();
    [&u32::try_from(hello.len()).expect("it is short").to_be_bytes()[..], &hello].concat()
}

#[tokio::test]
async fn strangers_are_told_what_is_wrong_and_let_go() {
    let (one, address) = replica("n1", Peers::fixed([] as [&str; 0])).await;
    let tag = one.read(Words::cluster_tag);
    for (bytes, words) in [
        (&b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"[..], ""),
        (&[0xff; 5_000], ""),
        (&u32::MAX.to_be_bytes(), ""),
        (&hello(9, "n2", tag), "version 9"),
        (&hello(1, "", tag), "1 to 253 visible"),
        (&hello(1, "n1", tag), "another replica is called n1"),
        (&hello(1, "n2", [9, 9, 9, 9]), "n2 is of another cluster: "),
    ] {
        let said = told(&address, bytes).await;
        assert!(said.contains("gossip") && said.contains(words), "{bytes:?}: {said}");
    }
    let only = [PeerId::new("n9").expect("a name")];
    let builder = Replica::<Words>::builder("n1").listen("127.0.0.1:0").insecure().roster(only);
    let picky = builder.spawn().await.expect("it runs");
    let said = told(&picky.address().expect("it listens").to_string(), &hello(1, "n2", tag)).await;
    assert!(said.contains("n2 is not on the roster"), "{said}");
}

#[tokio::test]
async fn peers_are_served_while_strangers_hold_out() {
    let (one, address) = replica("n1", Peers::fixed([] as [&str; 0])).await;
    // Each of them says half a hello, and waits.
    let mut strangers = Vec::new();
    for _ in 0..600 {
        let mut stranger = TcpStream::connect(&address).await.expect("it listens");
        stranger.write_all(&[0, 0]).await.expect("it is a stranger yet");
        strangers.push(stranger);
    }
    one.insert("tea".into()).await.expect("it is short");
    let (two, _) = replica("n2", Peers::fixed([address])).await;
    let synced = timeout(Duration::from_secs(5), two.synced(Quorum::All)).await;
    synced.expect("no stranger keeps it").expect("it runs");
    assert!(two.read(|words| words.contains(&"tea".to_owned())));
    // The first of them have made way.
    let mut byte = [0; 64];
    let first = async { while strangers[0].read(&mut byte).await.is_ok_and(|len| len > 0) {} };
    timeout(Duration::from_secs(2), first).await.expect("it was let go");
}

#[tokio::test]
async fn a_guest_that_sends_garbage_or_too_long_a_frame_is_let_go() {
    let (one, address) = replica("n1", Peers::fixed([] as [&str; 0])).await;
    let tag = one.read(Words::cluster_tag);
    let welcome = [0, 0, 0, 1, 0];
    // Garbage in a frame is refused, and counted; its sender is heard on.
    let garbage = [&hello(1, "n2", tag)[..], &welcome, &[0, 0, 0, 3, 1, 2, 3]].concat();
    let mut guest = TcpStream::connect(&address).await.expect("it listens");
    guest.write_all(&garbage).await.expect("it reads");
    let rejected = |replica: &Replica<Words>| replica.read(|words| words.stats().total.rejected);
    while rejected(&one) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(one.peers().await.expect("it runs").len(), 1);
    guest.write_all(&u32::MAX.to_be_bytes()).await.expect("it reads");
    let mut rest = Vec::new();
    let _ = timeout(Duration::from_secs(2), guest.read_to_end(&mut rest)).await.expect("it is let go at once");
    while !one.peers().await.expect("it runs").is_empty() {
        tokio::task::yield_now().await;
    }
}

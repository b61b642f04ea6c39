//! Maps over TCP, and in a store.

use std::time::Duration;

use gossip_core::Map;
use gossip_node::net::{MapWrite, PeerId, Peers, Quorum, Replica};

use crate::memory::Memory;

type Prices = Map<PeerId, String, u64>;

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("soon")
}

#[tokio::test]
async fn what_is_replaced_or_removed_is_so_everywhere() {
    let builder = Replica::<Prices>::builder("n1").listen("127.0.0.1:0").insecure();
    let one = builder.spawn().await.expect("it runs");
    let address = one.address().expect("it listens").to_string();
    let builder = Replica::<Prices>::builder("n2").peers(Peers::fixed([address])).insecure();
    let two = builder.spawn().await.expect("it runs");
    let mut changes = two.subscribe();

    assert_eq!(one.insert("tea".into(), 250).await, Ok(0));
    let change = soon(changes.next()).await.expect("it runs");
    assert_eq!((change.key.as_str(), change.from.map(|peer| peer.to_string())), ("tea", Some("n1".into())));
    assert_eq!(two.read(|map| map.get("tea").copied()), Some(250));
    assert_eq!(two.insert("tea".into(), 270).await, Ok(1));
    assert_eq!(two.write(MapWrite::Insert { key: "milk".into(), value: 90 }).await, Ok(0));
    soon(two.synced(Quorum::All)).await.expect("it runs");
    assert_eq!(one.read(|map| map.iter().map(|(_, price)| *price).collect::<Vec<_>>()), [90, 270]);
    assert_eq!((one.remove("tea".into()).await, one.remove("tea".into()).await), (Ok(1), Ok(0)));
    soon(one.synced(Quorum::AtLeast(1))).await.expect("it runs");
    assert_eq!(two.read(|map| (map.get("tea").copied(), map.len())), (None, 1));
}

#[tokio::test]
async fn what_is_kept_follows_what_is_held() {
    let store = Memory::default();
    let start = async || {
        let builder = Replica::<Prices>::builder("n1").insecure().store(store.clone());
        builder.spawn().await.expect("it runs")
    };
    let one = start().await;
    for number in 0..20_000 {
        one.insert(format!("{}", number % 10), number).await.expect("it is short");
    }
    // A change takes 70 bytes; 1 MiB of them give way to the map.
    assert!(store.len() < (1 << 20) + 1_000, "{}", store.len());
    drop(one);
    let one = start().await;
    assert_eq!(one.read(|map| map.iter().map(|(_, price)| *price).sum::<u64>()), (19_990..20_000).sum::<u64>());
}

#[cfg(feature = "store")]
#[tokio::test]
async fn a_map_goes_on_from_its_store_under_its_id() {
    use gossip_node::net::Store;

    let directory = tempfile::tempdir().expect("a directory");
    let mut ids = vec![];
    for life in 0..4_u64 {
        let store = Store::open(&directory).expect("it is sound");
        let one = Replica::<Prices>::builder("n1").insecure().store(store).spawn().await.expect("it runs");
        ids.push(one.read(Prices::replica));
        assert_eq!(one.read(|map| map.len() as u64), 10 * life);
        for number in 0..10 {
            assert_eq!(one.insert(format!("{}", 10 * life + number), number).await, Ok(0));
        }
        assert_eq!(one.insert("gone".into(), life).await, Ok(0));
        assert_eq!(one.remove("gone".into()).await, Ok(1));
        one.shutdown().await.expect("it ran");
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

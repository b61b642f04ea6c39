//! The store on a disk that forgets what was not synced.

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use redb::StorageBackend;
use serde_json::Value;

use super::database::make;
use super::*;
use crate::node::Node;
use crate::serve::{Input, ServeError, serve};
use crate::settings::Settings;

/// A disk with a cache, whose power can be cut.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    synced: Vec<u8>,
    /// As it is read: what was synced, and the changes since.
    cached: Vec<u8>,
    changes: Vec<Change>,
    syncs: u64,
    /// How many more operations there is power for.
    left: Option<u64>,
}

#[derive(Clone, Debug)]
enum Change {
    Len(u64),
    Write(u64, Vec<u8>),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Len(len) => bytes.resize(*len as usize, 0),
            Self::Write(at, data) => {
                let at = *at as usize;
                bytes.resize(bytes.len().max(at + data.len()), 0);
                bytes[at..at + data.len()].copy_from_slice(data);
            }
        }
    }
}

impl Disk {
    fn with_an_empty_store() -> Self {
        let disk = Self::default();
        make(disk.clone(), &Settings::default()).unwrap();
        disk
    }

    fn open(&self) -> Result<(Node, Store), StoreError> {
        let mut store = Store::over(self.clone(), || Ok(self.clone()), &Settings::default())?;
        Ok((Node::restored(Settings::default(), store.load()?)?, store))
    }

    fn cut_after(&self, operations: u64) {
        self.0.lock().unwrap().left = Some(operations);
    }

    fn syncs(&self) -> u64 {
        self.0.lock().unwrap().syncs
    }

    /// What is there when the power is back. Unsynced changes are lost, or any of them, or any of their sectors.
    fn after_the_cut(&self, random: &mut Random) -> Self {
        let platter = self.0.lock().unwrap();
        let mut bytes = platter.synced.clone();
        let loss = random.below(3);
        for change in &platter.changes {
            match change {
                Change::Write(at, data) if loss == 2 => {
                    for (sector, data) in (0..).zip(data.chunks(512)).filter(|_| random.below(2) == 0) {
                        Change::Write(at + sector * 512, data.into()).apply(&mut bytes);
                    }
                }
                change if loss == 1 && random.below(2) == 0 => change.apply(&mut bytes),
                _ => {}
            }
        }
        Self(Arc::new(Mutex::new(Platter { synced: bytes.clone(), cached: bytes, ..Platter::default() })))
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut platter = self.0.lock().unwrap();
        platter.step()?;
        change.apply(&mut platter.cached);
        platter.changes.push(change);
        Ok(())
    }
}

impl Platter {
    fn step(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::other("the power is cut")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().cached.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.0.lock().unwrap();
        let bytes = platter.cached.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Change::Len(len))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Change::Write(offset, data.into()))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.0.lock().unwrap();
        platter.step()?;
        platter.syncs += 1;
        let platter = &mut *platter;
        platter.changes.drain(..).for_each(|change| change.apply(&mut platter.synced));
        Ok(())
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Everything a node writes to `output` until its input ends or its disk fails.
struct Session {
    result: Result<(), ServeError>,
    output: Vec<u8>,
}

impl Session {
    /// An `init`, a `read`, then broadcasts of `values`, each with its value as its `msg_id`, in batches of 40: after so
    /// many comes an answer too long to be waited for any more.
    fn run(node: Node, store: Store, values: impl Iterator<Item = u64>) -> Self {
        let values: Vec<_> = values.map(|n| format!(r#"{{"type":"broadcast","msg_id":{n},"message":{n}}}"#)).collect();
        let long = format!(r#"{{"type":"echo","msg_id":-3,"echo":"{}"}}"#, "x".repeat(1 << 16));
        let mut bodies: Vec<_> =
            values.chunks(40).flat_map(|batch| batch.iter().cloned().chain([long.clone()])).collect();
        bodies.insert(0, r#"{"type":"init","msg_id":-1,"node_id":"n1","node_ids":["n1"]}"#.into());
        bodies.insert(1, r#"{"type":"read","msg_id":-2}"#.into());
        let lines = bodies.iter().map(|body| format!(r#"{{"src":"c1","dest":"n1","body":{body}}}"#).into()).collect();
        let (sender, inbox) = sync_channel(1);
        sender.send(Input::Lines(lines)).unwrap();
        drop(sender);
        let mut output = Vec::new();
        let result = serve(node, Some(store), &inbox, &mut output);
        Self { result, output }
    }

    fn bodies(&self) -> impl Iterator<Item = Value> {
        self.output.split_inclusive(|byte| *byte == b'\n').map(|line| {
            let mut line: Value = serde_json::from_slice(line).unwrap();
            line["body"].take()
        })
    }

    fn held(&self) -> Option<BTreeSet<u64>> {
        let read = self.bodies().find(|body| body["type"] == "read_ok")?;
        Some(serde_json::from_value(read["messages"].clone()).unwrap())
    }

    fn acknowledged(&self) -> BTreeSet<u64> {
        let acknowledgements = self.bodies().filter(|body| body["type"] == "broadcast_ok");
        acknowledgements.map(|body| body["in_reply_to"].as_u64().unwrap()).collect()
    }
}

#[test]
fn no_cut_of_the_power_loses_what_was_acknowledged() {
    // Both at once, since it is the longest test of all.
    std::thread::scope(|scope| [1, 2].map(|seed| _ = scope.spawn(move || cut_the_power(500, Random(seed)))));
}

/// Cuts the power so many times.
fn cut_the_power(times: u32, mut random: Random) {
    let (mut while_opening, mut while_storing, mut sent_in_all, mut acknowledged_in_all, mut held_in_all) =
        (0, 0, 0, 0, 0);
    while while_opening + while_storing < times {
        let mut disk = Disk::with_an_empty_store();
        let (mut sent, mut acknowledged) = (0, BTreeSet::new());
        for _ in 0..10 {
            disk.cut_after(random.below(40));
            match disk.open() {
                Err(StoreError::Io(_)) => while_opening += 1,
                Err(error) => panic!("{error}"),
                Ok((node, store)) => {
                    let first = sent;
                    sent += 200;
                    let session = Session::run(node, store, first..sent);
                    if let Some(held) = session.held() {
                        assert!(held.is_superset(&acknowledged), "{:?}", acknowledged.difference(&held));
                        assert!(held.range(first..).next().is_none(), "it holds what nobody sent");
                    }
                    acknowledged.extend(session.acknowledged());
                    match session.result {
                        Ok(()) => {}
                        Err(ServeError::Store(StoreError::Io(_))) => while_storing += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            disk = disk.after_the_cut(&mut random);
        }
        let (node, store) = disk.open().unwrap();
        let held = Session::run(node, store, 0..0).held().unwrap();
        assert!(held.is_superset(&acknowledged), "{:?}", acknowledged.difference(&held));
        sent_in_all += sent;
        acknowledged_in_all += acknowledged.len() as u64;
        held_in_all += held.len() as u64;
    }
    println!("cut {while_opening} times while opening, {while_storing} while storing");
    println!("{sent_in_all} sent, {acknowledged_in_all} acknowledged, {held_in_all} held");
    assert!(while_opening > times / 20 && while_storing > times / 2, "it was cut at many points");
    assert!(acknowledged_in_all < held_in_all && held_in_all < sent_in_all, "it was cut before and after the sync");
}

#[test]
fn a_batch_takes_one_sync_however_many_it_acknowledges() {
    let disk = Disk::with_an_empty_store();
    let (node, store) = disk.open().unwrap();
    let before = disk.syncs();
    let session = Session::run(node, store, 0..4_000);
    assert_eq!((session.result.is_ok(), session.acknowledged().len()), (true, 4_000));
    let syncs = disk.syncs() - before;
    assert!((100..=110).contains(&syncs), "{syncs} syncs for 100 batches, and some as the file grows");
}

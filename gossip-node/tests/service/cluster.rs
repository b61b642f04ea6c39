//! `Cluster`: replicas as processes, each with a directory.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::certificates;
use crate::process::{Client, Process};
use crate::wait_for;

/// Replicas as processes.
#[derive(Debug)]
pub(crate) struct Cluster {
    directory: TempDir,
    names: Vec<String>,
    /// Of each, where it listens and where it serves HTTP.
    ports: Vec<[u16; 2]>,
    is_secured: bool,
    /// Whether they hold sets, and not maps.
    are_sets: bool,
    pub(crate) processes: Vec<Option<Process>>,
}

/// Ports that nobody uses, all taken at once so that they differ.
fn free_ports(count: usize) -> Vec<u16> {
    let taken: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    taken.iter().map(|taken| taken.local_addr().expect("it has one").port()).collect()
}

impl Cluster {
    /// Of sets.
    pub(crate) fn new(count: usize, is_secured: bool) -> Self {
        Self { are_sets: true, ..Self::of_maps(count, is_secured) }
    }

    pub(crate) fn of_maps(count: usize, is_secured: bool) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let names: Vec<String> = (1..=count).map(|number| format!("n{number}")).collect();
        if is_secured {
            certificates::write(directory.path(), &names);
        }
        let ports = free_ports(2 * count).chunks(2).map(|ports| [ports[0], ports[1]]).collect();
        let processes = (0..count).map(|_| None).collect();
        Self { directory, names, ports, is_secured, are_sets: false, processes }
    }

    pub(crate) fn data_dir(&self, node: usize) -> String {
        self.directory.path().join(format!("data-{}", self.names[node])).to_str().expect("a name").to_owned()
    }

    fn options(&self, node: usize) -> Vec<String> {
        let name = &self.names[node];
        let peers: Vec<String> = self.ports.iter().map(|[port, _]| format!("127.0.0.1:{port}")).collect();
        let [port, http] = self.ports[node];
        let mut options: Vec<String> =
            ["--name", name, "--listen", &format!("127.0.0.1:{port}"), "--peers", &peers.join(",")]
                .map(Into::into)
                .into();
        options.extend(["--http", &format!("127.0.0.1:{http}"), "--data-dir", &self.data_dir(node)].map(Into::into));
        options.extend(self.are_sets.then(|| "--set".into()));
        if self.is_secured {
            let file = |name: &str, kind| {
                certificates::file(self.directory.path(), name, kind).to_str().expect("a name").to_owned()
            };
            let files = [
                "--ca".into(),
                file("ca", "pem"),
                "--cert".into(),
                file(name, "pem"),
                "--key".into(),
                file(name, "key"),
            ];
            options.extend(files);
        } else {
            options.push("--insecure".into());
        }
        options
    }

    /// Starts a process, and waits until it serves.
    pub(crate) fn start(&mut self, node: usize) {
        self.processes[node] = Some(Process::start(&self.options(node)));
        wait_for("up", || self.try_request(node, "GET", "/healthz", "").is_some());
    }

    pub(crate) fn start_all(&mut self) {
        for node in 0..self.names.len() {
            self.processes[node] = Some(Process::start(&self.options(node)));
        }
        for node in 0..self.names.len() {
            wait_for("up", || self.try_request(node, "GET", "/healthz", "").is_some());
        }
    }

    pub(crate) fn stop_all(&mut self) {
        self.processes.iter_mut().flatten().for_each(Process::stop);
    }

    pub(crate) fn client(&self, node: usize) -> Option<Client> {
        Client::connect(([127, 0, 0, 1], self.ports[node][1]).into())
    }

    fn try_request(&self, node: usize, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        self.client(node)?.request(method, path, body)
    }

    pub(crate) fn request(&self, node: usize, method: &str, path: &str, body: &str) -> (u16, String) {
        self.try_request(node, method, path, body).expect("it answers")
    }

    pub(crate) fn get(&self, node: usize, path: &str) -> (u16, String) {
        self.request(node, "GET", path, "")
    }

    pub(crate) fn post(&self, node: usize, element: &str) -> (u16, String) {
        self.request(node, "POST", "/v1/elements", element)
    }

    pub(crate) fn watch(&self, node: usize) -> Client {
        let mut client = self.client(node).expect("it listens");
        client.send("GET", "/v1/watch", "").expect("it reads");
        assert_eq!(client.head().expect("an answer").0, 200);
        client
    }

    pub(crate) fn put(&self, node: usize, key: &str, value: &str) -> u16 {
        self.request(node, "PUT", &format!("/v1/keys/{key}"), value).0
    }

    /// The keys that a process holds, and their values.
    pub(crate) fn keys(&self, node: usize) -> BTreeMap<String, serde_json::Value> {
        serde_json::from_str(&self.get(node, "/v1/keys").1).expect("JSON")
    }

    /// The elements that a process holds, as texts.
    pub(crate) fn elements(&self, node: usize) -> BTreeSet<String> {
        let (_, body) = self.get(node, "/v1/elements");
        let elements: Vec<serde_json::Value> = serde_json::from_str(&body).expect("JSON");
        elements.into_iter().map(|element| element.as_str().expect("a text").to_owned()).collect()
    }

    /// Writes at all processes, and kills one of them meanwhile. Each client does the steps of `write`, by its name and
    /// their number, until one has no answer. Returns what these have told as acknowledged.
    pub(crate) fn write_until_killed<T: Send>(
        &mut self,
        victim: usize,
        kill: usize,
        write_one: impl Fn(&mut Client, &str, u64) -> Option<T> + Sync,
    ) -> Vec<T> {
        let (cluster, over) = (&*self, AtomicBool::new(false));
        let pid = cluster.processes[victim].as_ref().expect("it runs").id().to_string();
        let acknowledged = thread::scope(|scope| {
            let write = |node: usize, client: usize| {
                let (over, write_one) = (&over, &write_one);
                move || {
                    let mut acknowledged = Vec::new();
                    let Some(mut connection) = cluster.client(node) else { return acknowledged };
                    let name = format!("{kill}-{node}-{client}");
                    let mut steps = (0..).map_while(|number| write_one(&mut connection, &name, number));
                    while !over.load(Ordering::Relaxed) {
                        let Some(told) = steps.next() else { break };
                        acknowledged.push(told);
                    }
                    acknowledged
                }
            };
            let nodes = (0..cluster.names.len()).flat_map(|node| (0..4).map(move |client| (node, client)));
            let writers: Vec<_> = nodes.map(|(node, client)| scope.spawn(write(node, client))).collect();
            // Another moment each time.
            thread::sleep(Duration::from_millis(30 + 7 * (kill as u64 % 10)));
            assert!(std::process::Command::new("kill").args(["-9", &pid]).status().expect("there is kill").success());
            over.store(true, Ordering::Relaxed);
            writers.into_iter().flat_map(|writer| writer.join().expect("it writes")).collect()
        });
        self.processes[victim].as_mut().expect("it ran").kill();
        acknowledged
    }
}

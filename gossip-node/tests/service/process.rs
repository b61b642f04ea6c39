//! `Process`: one replica as a process, and a client of its HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// One replica as a process. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts `serve`.
    pub(crate) fn start(options: &[String]) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_gossip-node")), options)
    }

    /// Starts `serve` by a command that takes its arguments.
    pub(crate) fn start_by(mut command: Command, options: &[String]) -> Self {
        command.arg("serve").args(options).args(["--log", "error"]).stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().expect("it is built"))
    }

    /// Starts it with options that it refuses. Returns what it says.
    pub(crate) fn fails(options: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gossip-node"));
        let output = command.arg("serve").args(options).output().expect("it is built");
        assert!(!output.status.success(), "{options:?} were taken");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills it, at once.
    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it was killed");
    }

    /// Tells it to stop, which it does with success.
    pub(crate) fn stop(&mut self) {
        let told = Command::new("kill").arg(self.0.id().to_string()).status().expect("there is kill");
        assert!(told.success());
        let status = self.0.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A connection of HTTP that is kept.
#[derive(Debug)]
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects to a process, if it is there.
    pub(crate) fn connect(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        Some(Self(BufReader::new(stream)))
    }

    /// The status and the body of the answer; `None` if none comes.
    pub(crate) fn request(&mut self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        self.send(method, path, body)?;
        let (status, len) = self.head()?;
        let mut body = vec![0; len];
        self.0.read_exact(&mut body).ok()?;
        Some((status, String::from_utf8(body).ok()?))
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, body: &str) -> Option<()> {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: here\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.0.get_mut().write_all(request.as_bytes()).ok()
    }

    /// The head of an answer: its status, and how long its body is.
    pub(crate) fn head(&mut self) -> Option<(u16, usize)> {
        let status = self.line()?.split(' ').nth(1)?.parse().ok()?;
        let mut len = 0;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                return Some((status, len));
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                len = value.parse().ok()?;
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).ok().filter(|&len| len > 0)?;
        Some(line.trim_end().to_owned())
    }

    /// The next line of a chunked body that is a line of an event.
    pub(crate) fn next_line(&mut self) -> String {
        loop {
            let line = self.line().expect("an event");
            // Lengths of chunks are between them.
            if line.contains(": ") {
                return line;
            }
        }
    }
}

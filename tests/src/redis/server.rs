//! A redis-server of one test, on a free port.

use std::ffi::OsString;
use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use ::redis::{Client, Connection};
use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{paths, wait};

/// The environment variable that names another server than `redis-server`: that of Valkey, or of another version.
pub const PROGRAM: &str = "CELERY_OXIDE_TEST_SERVER";

/// How often a port that another process took meanwhile is replaced by a new one.
const ATTEMPTS: u32 = 5;

/// What a server is told that keeps nothing on disk unless it is asked to.
const FORGETFUL: [&str; 4] = ["--save", "", "--appendonly", "no"];

/// What a server is told that has each write on disk before it answers.
const DURABLE: [&str; 6] = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];

/// A private redis-server; it stops when dropped.
#[derive(Debug)]
pub struct RedisServer {
    child: Option<Child>,
    port: u16,
    password: Option<String>,
    arguments: Vec<String>,
    folder: TempDir,
}

impl RedisServer {
    /// Starts a server that keeps nothing on disk unless it is asked to ([`RedisServer::stop`]).
    pub fn start() -> Result<Self> {
        Self::launch(None, &FORGETFUL)
    }

    /// Starts a server that wants a password.
    pub fn start_with_password(password: &str) -> Result<Self> {
        Self::launch(Some(password.to_owned()), &FORGETFUL)
    }

    /// Starts a server that loses nothing when it is killed ([`RedisServer::kill`]).
    pub fn start_durable() -> Result<Self> {
        Self::launch(None, &DURABLE)
    }

    /// Starts a server that keeps nothing on disk, with more command line arguments.
    pub fn start_with(arguments: &[&str]) -> Result<Self> {
        Self::launch(None, &[&FORGETFUL, arguments].concat())
    }

    /// Starts a server on a port that was found to be free.
    pub fn start_at(port: u16) -> Result<Self> {
        let mut server = Self::new(None, &FORGETFUL)?;
        server.port = port;
        server.start_again()?;
        Ok(server)
    }

    fn new(password: Option<String>, arguments: &[&str]) -> Result<Self> {
        let folder = paths::scratch("redis-")?;
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Ok(Self { child: None, port: 0, password, arguments, folder })
    }

    fn launch(password: Option<String>, arguments: &[&str]) -> Result<Self> {
        let mut server = Self::new(password, arguments)?;
        for _ in 0..ATTEMPTS {
            server.port = free_port()?;
            if server.start_again().is_ok() {
                return Ok(server);
            }
        }
        bail!("redis-server does not start: {}", server.log());
    }

    /// Starts the server again on its port, with what it has on disk, and waits until it answers.
    pub fn start_again(&mut self) -> Result<()> {
        self.spawn(&[])?;
        self.wait_until_it_answers()
    }

    /// Starts the server again on its port with more command line arguments this once, and does not wait.
    pub fn spawn(&mut self, more: &[&str]) -> Result<()> {
        let log = File::options().create(true).append(true).open(self.folder.path().join("redis.log"))?;
        let mut command = Command::new(program());
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no"])
            .args(&self.arguments)
            .args(more)
            .arg("--dir")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(password) = &self.password {
            command.args(["--requirepass", password]);
        }
        self.child = Some(command.spawn().context("cannot run redis-server: is it installed?")?);
        Ok(())
    }

    /// Waits until it answers, with its data read.
    pub fn wait_until_it_answers(&mut self) -> Result<()> {
        wait::until("redis-server to answer", Duration::from_secs(30), || {
            if let Some(status) =
                self.child.as_mut().and_then(|child| child.try_wait().transpose()).transpose()?
            {
                bail!("redis-server ended with {status}");
            }
            let answers = |mut connection: Connection| ::redis::cmd("PING").query::<String>(&mut connection);
            Ok(self.connect(0).ok().and_then(|connection| answers(connection).ok()))
        })?;
        Ok(())
    }

    /// Saves what it holds, and stops.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let mut connection = self.connect(0)?;
        // The server closes the connection instead of answering.
        let _closed = ::redis::cmd("SHUTDOWN").arg("SAVE").query::<()>(&mut connection);
        child.wait().context("redis-server does not end")?;
        Ok(())
    }

    /// Kills it. What it has not written to disk is lost.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill().context("cannot kill redis-server")?;
        child.wait().context("redis-server does not end")?;
        Ok(())
    }

    /// Whether it was started and not stopped or killed since.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: u8) -> String {
        self.url_at(self.port, database)
    }

    /// The URL of one of its databases for who reaches it at another port.
    pub fn url_at(&self, port: u16, database: u8) -> String {
        let login = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("redis://{login}127.0.0.1:{port}/{database}")
    }

    /// A connection to one of its databases.
    pub fn connect(&self, database: u8) -> Result<Connection> {
        Ok(Client::open(self.url(database))?.get_connection_with_timeout(Duration::from_secs(2))?)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("redis.log")).unwrap_or_default()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Nothing it holds is wanted any more.
        let _ended = self.kill();
    }
}

/// A port that nobody listens on.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Has this process start another server than `redis-server`. The first call counts.
pub fn use_program(program: &Path) {
    CHOSEN.get_or_init(|| program.into());
}

static CHOSEN: OnceLock<OsString> = OnceLock::new();

pub(super) fn program() -> OsString {
    let chosen = || CHOSEN.get().cloned();
    std::env::var_os(PROGRAM).or_else(chosen).unwrap_or_else(|| "redis-server".into())
}

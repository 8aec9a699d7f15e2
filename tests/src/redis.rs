//! A redis-server of one test, on a free port.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ::redis::{Client, Connection};
use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{paths, wait};

/// How often a port that another process took meanwhile is replaced by a new one.
const ATTEMPTS: u32 = 5;

/// A private redis-server; it stops when dropped.
#[derive(Debug)]
pub struct RedisServer {
    child: Option<Child>,
    port: u16,
    password: Option<String>,
    folder: TempDir,
}

impl RedisServer {
    /// Starts a server that keeps nothing on disk unless it is asked to ([`RedisServer::stop`]).
    pub fn start() -> Result<Self> {
        Self::launch(None)
    }

    /// Starts a server that wants a password.
    pub fn start_with_password(password: &str) -> Result<Self> {
        Self::launch(Some(password.to_owned()))
    }

    fn launch(password: Option<String>) -> Result<Self> {
        let folder = paths::scratch("redis-")?;
        let mut server = Self { child: None, port: 0, password, folder };
        for _ in 0..ATTEMPTS {
            server.port = free_port()?;
            if server.start_again().is_ok() {
                return Ok(server);
            }
        }
        bail!("redis-server does not start: {}", server.log());
    }

    /// Starts the server again on its port, with what [`RedisServer::stop`] saved.
    pub fn start_again(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(self.folder.path().join("redis.log"))?;
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .arg("--dir")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(password) = &self.password {
            command.args(["--requirepass", password]);
        }
        let child = command.spawn().context("cannot run redis-server: is it installed?")?;
        self.child = Some(child);
        wait::until("redis-server to answer", Duration::from_secs(10), || {
            if let Some(status) =
                self.child.as_mut().and_then(|child| child.try_wait().transpose()).transpose()?
            {
                bail!("redis-server ended with {status}");
            }
            Ok(self.connect(0).ok())
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

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: u8) -> String {
        let login = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("redis://{login}127.0.0.1:{}/{database}", self.port)
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
        if let Some(mut child) = self.child.take() {
            // Nothing it holds is wanted any more.
            let _ended = child.kill().and_then(|()| child.wait());
        }
    }
}

/// A port that nobody listens on.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

//! One server.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fred::prelude::{Builder, Client, ClientLike, Config, ServerConfig};

/// The environment variable that names another server than `redis-server`: that of Valkey, or of another version.
const PROGRAM: &str = "CELERY_OXIDE_TEST_SERVER";

/// In the folder of the server.
const LOG: &str = "log";

/// A running server. It is killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    pub(super) child: Child,
    /// On 127.0.0.1.
    pub port: u16,
    pub(super) folder: PathBuf,
    pub(super) arguments: Vec<String>,
}

impl Server {
    /// A server that saves nothing.
    pub async fn start() -> Self {
        Self::start_with(&["--save", ""]).await
    }

    /// A server with command line `arguments`.
    pub async fn start_with(arguments: &[&str]) -> Self {
        Self::start_where(|_, _| arguments.iter().map(|argument| (*argument).to_owned()).collect()).await
    }

    /// A server with command line arguments that depend on its port and its folder.
    pub(crate) async fn start_where(arguments: impl Fn(u16, &Path) -> Vec<String>) -> Self {
        loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let folder = std::env::temp_dir().join(format!("celery-valkey-{}-{port}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            let arguments = arguments(port, &folder);
            let mut server = Self { child: spawn(port, &folder, &arguments), port, folder, arguments };
            if server.answers().await {
                return server;
            }
        }
    }

    /// A server that also listens on a Unix socket: [`socket`](Self::socket).
    pub async fn start_with_socket() -> Self {
        Self::start_with(&["--save", "", "--unixsocket", "redis socket"]).await
    }

    /// The path of the Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("redis socket")
    }

    /// Where the server keeps its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it came up; not when somebody else has the port, who may well answer there.
    async fn answers(&mut self) -> bool {
        self.says(&["Ready to accept connections", "Sentinel ID is"]).await
    }

    /// Whether it said one of these in its log, and did not end.
    pub(super) async fn says(&mut self, words: &[&str]) -> bool {
        let end = Instant::now() + Duration::from_secs(20);
        while self.child.try_wait().unwrap().is_none() {
            let log = std::fs::read_to_string(self.folder.join(LOG)).unwrap_or_default();
            if words.iter().any(|word| log.contains(word)) {
                return true;
            }
            assert!(Instant::now() < end, "redis-server does not answer: {log}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal: `STOP` has it say nothing, `CONT` ends that.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// More command line arguments for the next start.
    pub fn arguments(&mut self, more: &[&str]) {
        self.arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    }

    /// Starts it again on the same port.
    pub async fn restart(&mut self) {
        self.begin_restart();
        assert!(self.answers().await);
    }

    /// Starts it again on the same port, and waits until it reads what it has saved.
    pub async fn restart_loading(&mut self) {
        self.begin_restart();
        assert!(self.says(&["Loading RDB produced by", "Reading RDB base file"]).await);
    }

    fn begin_restart(&mut self) {
        self.child = spawn(self.port, &self.folder, &self.arguments);
    }

    /// Database 0 of it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// A connection to look and to push with.
    pub async fn client(&self) -> Client {
        self.client_with(None).await
    }

    /// A connection to look and to push with that has to show a password.
    pub async fn client_with(&self, password: Option<&str>) -> Client {
        let config = Config {
            server: ServerConfig::new_centralized("127.0.0.1", self.port),
            password: password.map(str::to_owned),
            ..Config::default()
        };
        let mut builder = Builder::from_config(config);
        builder.with_connection_config(|config| config.tcp.nodelay = Some(true));
        let client = builder.build().unwrap();
        client.init().await.unwrap();
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn spawn(port: u16, folder: &Path, arguments: &[String]) -> Child {
    // What an earlier server said is not about this one.
    let _ = std::fs::remove_file(folder.join(LOG));
    let port = port.to_string();
    let program = std::env::var_os(PROGRAM).unwrap_or_else(|| "redis-server".into());
    let mut command = Command::new(program);
    // A file with the configuration comes first.
    let (file, arguments) = match arguments {
        [file, arguments @ ..] if !file.starts_with("--") => (Some(file), arguments),
        arguments => (None, arguments),
    };
    command.args(file).args(["--port", &port, "--bind", "127.0.0.1", "--logfile", LOG, "--dir"]);
    command
        .arg(folder)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is needed for these tests")
}

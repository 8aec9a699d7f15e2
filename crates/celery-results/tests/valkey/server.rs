//! A `redis-server` of the test's own, on a free port.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fred::prelude::{Builder, Client, ClientLike, Config, ServerConfig};

pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: PathBuf,
    arguments: Vec<String>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(&["--save", ""]).await
    }

    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let folder = std::env::temp_dir().join(format!("celery-results-{}-{port}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            let mut server =
                Self { child: spawn(port, &folder, &arguments), port, folder, arguments: arguments.clone() };
            if server.answers().await {
                return server;
            }
        }
    }

    /// Whether it came up; not when somebody else took the port.
    async fn answers(&mut self) -> bool {
        let end = Instant::now() + Duration::from_secs(20);
        while self.child.try_wait().unwrap().is_none() {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return true;
            }
            assert!(Instant::now() < end, "redis-server does not answer");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// Kills the server.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(self.port, &self.folder, &self.arguments);
        assert!(self.answers().await);
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// A connection to look and to push with.
    pub(crate) async fn client(&self) -> Client {
        let config =
            Config { server: ServerConfig::new_centralized("127.0.0.1", self.port), ..Config::default() };
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

fn spawn(port: u16, folder: &PathBuf, arguments: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
        .arg(folder)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is needed for these tests")
}

//! One node.
//!
//! A shell runs `epmd` and the node in a process group of their own and waits for its standard input to end. That happens
//! when the node is dropped, and also when the test process ends without dropping it, however it ends: then the shell
//! has another one, outside of the group, kill the group and remove the folder.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

use std::{
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Where Debian puts the programs: those on the `PATH` change to another user.
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";

/// The environment variable that names another folder with the programs: of another version.
const FOLDER: &str = "CELERY_OXIDE_TEST_RABBITMQ";

/// What the shell does.
const SCRIPT: &str = r#"
epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" &
"$0/rabbitmq-server" > start 2>&1 &
read -r _
exec setsid sh -c 'kill -9 "-$0"; sleep 1; rm -rf "$1"' $$ "$PWD"
"#;

/// In the folder of the node.
const LOG: &str = "node.log";

/// The longest that a node may take to start: on a busy machine it takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running node. It is killed when it is dropped, and when the process ends.
#[derive(Debug)]
pub struct RabbitMq {
    child: Child,
    /// Where it takes AMQP connections, on 127.0.0.1.
    pub port: u16,
    ports: [u16; 2],
    folder: PathBuf,
}

impl RabbitMq {
    /// A node.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// A node with more lines in its configuration.
    pub async fn start_with(configuration: &str) -> Self {
        loop {
            let [port, distribution, epmd] = free_ports();
            let folder = std::env::temp_dir().join(format!("celery-rabbitmq-{}-{port}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("plugins"), "[].\n").unwrap();
            let settings = format!("loopback_users = none\nlog.file.level = info\n{configuration}\n");
            std::fs::write(folder.join("rabbitmq.conf"), settings).unwrap();
            let ports = [distribution, epmd];
            let mut node = Self { child: spawn(port, ports, &folder), port, ports, folder };
            if node.answers().await {
                return node;
            }
        }
    }

    /// The virtual host `/` of it.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}//", self.port)
    }

    /// Where it keeps its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Kills the node and whatever belongs to it.
    pub fn kill(&mut self) {
        // The group of the shell.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).stderr(Stdio::null()).status();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same ports, with the queues and messages that it kept.
    pub async fn restart(&mut self) {
        self.child = spawn(self.port, self.ports, &self.folder);
        assert!(self.answers().await, "the node does not come back: {}", self.log());
    }

    /// Runs a command of `rabbitmqctl` and gives what it says.
    pub fn control(&self, words: &[&str]) -> String {
        let mut command = Command::new(programs().join("rabbitmqctl"));
        environment(&mut command, self.port, self.ports, &self.folder);
        let output = command.arg("--quiet").args(words).output().unwrap();
        assert!(output.status.success(), "rabbitmqctl {words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What it has said in its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join(LOG)).unwrap_or_default()
    }

    /// Whether it came up; not when somebody else has one of its ports.
    async fn answers(&mut self) -> bool {
        let end = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if log.contains("Server startup complete") {
                return true;
            }
            let start = std::fs::read_to_string(self.folder.join("start")).unwrap_or_default();
            if log.contains("eaddrinuse") || start.contains("BOOT FAILED") || start.contains("ERROR") {
                self.kill();
                return false;
            }
            assert!(Instant::now() < end, "rabbitmq-server does not start: {start}{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn programs() -> PathBuf {
    std::env::var_os(FOLDER).map_or_else(|| PathBuf::from(PROGRAMS), PathBuf::from)
}

fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn spawn(port: u16, ports: [u16; 2], folder: &Path) -> Child {
    // What it said before is not about this start.
    let _ = std::fs::remove_file(folder.join(LOG));
    let _ = std::fs::remove_file(folder.join("start"));
    let mut command = Command::new("sh");
    environment(&mut command, port, ports, folder);
    command
        .args(["-c", SCRIPT])
        .arg(programs())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a shell is needed for these tests")
}

/// Nothing of it is shared with a node that the machine has: names, ports, files, the cookie.
fn environment(command: &mut Command, port: u16, [distribution, epmd]: [u16; 2], folder: &Path) {
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env("ERL_EPMD_PORT", epmd.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODENAME", format!("test{port}@localhost"))
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", port.to_string())
        .env("RABBITMQ_DIST_PORT", distribution.to_string())
        .env("RABBITMQ_CONF_ENV_FILE", folder.join("none"))
        .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
        .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
        .env("RABBITMQ_LOG_BASE", folder)
        .env("RABBITMQ_LOGS", folder.join(LOG))
        .env("RABBITMQ_PID_FILE", folder.join("pid"))
        .env("RABBITMQ_GENERATED_CONFIG_DIR", folder.join("generated"))
        // Schedulers that do not spin: it is a guest on a small machine.
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+sbwt none +sbwtdcpu none +sbwtdio none");
}

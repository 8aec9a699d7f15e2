//! A RabbitMQ node of one test, on free ports and in a folder of its own.
//!
//! A shell runs `epmd` and the node in a process group of their own and waits for its standard input to end. That happens
//! when the node is dropped, and also when the test process ends without dropping it, however it ends: then the shell
//! has another one, outside of the group, kill the group and remove the folder.

use std::collections::HashMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use tempfile::TempDir;

use crate::redis::free_port;
use crate::{paths, wait};

/// Where Debian puts the programs: those on the `PATH` change to another user.
pub const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";

/// The environment variable that names another folder with the programs: of another version.
pub const FOLDER: &str = "CELERY_OXIDE_TEST_RABBITMQ";

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

/// How often ports that another process took meanwhile are replaced by new ones.
const ATTEMPTS: u32 = 5;

/// A running node; it is killed when it is dropped, and when the process ends.
#[derive(Debug)]
pub struct RabbitMq {
    child: Child,
    ports: Ports,
    folder: TempDir,
}

/// The messages of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Messages {
    /// How many wait.
    pub ready: usize,
    /// How many are delivered and not acknowledged.
    pub unacked: usize,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    amqp: u16,
    distribution: u16,
    epmd: u16,
    further: u16,
}

impl RabbitMq {
    /// A node with the virtual host `/`.
    pub fn start() -> Result<Self> {
        Self::start_with(&[], |_| String::new())
    }

    /// A node with `plugins`, and more lines for `rabbitmq.conf`, which are given a further free port: of TLS.
    pub fn start_with(plugins: &[&str], lines: impl Fn(u16) -> String) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            let folder = paths::scratch("rabbitmq-")?;
            let ports = Ports {
                amqp: free_port()?,
                distribution: free_port()?,
                epmd: free_port()?,
                further: free_port()?,
            };
            fs::write(folder.path().join("plugins"), format!("[{}].\n", plugins.join(",")))?;
            let lines = format!("loopback_users = none\nlog.file.level = info\n{}", lines(ports.further));
            fs::write(folder.path().join("rabbitmq.conf"), lines)?;
            let mut node = Self { child: spawn(ports, folder.path())?, ports, folder };
            if node.comes_up()? {
                return Ok(node);
            }
        }
        bail!("rabbitmq-server found no free ports {ATTEMPTS} times")
    }

    /// The virtual host `/` of it.
    pub fn url(&self) -> String {
        self.url_at(self.port())
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// Its virtual host through something that listens at another port.
    pub fn url_at(&self, port: u16) -> String {
        format!("amqp://guest:guest@127.0.0.1:{port}//")
    }

    /// The port that [`start_with`](Self::start_with) was given.
    pub fn further_port(&self) -> u16 {
        self.ports.further
    }

    /// Kills the node and whatever belongs to it.
    pub fn kill(&mut self) -> Result<()> {
        // The group of the shell. It may be gone already.
        let group = format!("-{}", self.child.id());
        Command::new("kill").args(["-s", "KILL", "--", &group]).stderr(Stdio::null()).status()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again on the same ports, with the queues and messages that it kept, and waits until it is up.
    pub fn start_again(&mut self) -> Result<()> {
        self.child = spawn(self.ports, self.folder.path())?;
        ensure!(self.comes_up()?, "the node does not come back: {}", self.log());
        Ok(())
    }

    /// Runs a command of `rabbitmqctl` and gives what it says.
    pub fn control(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new(programs().join("rabbitmqctl"));
        environment(&mut command, self.ports, self.folder.path());
        let output = command.arg("--quiet").args(words).output().context("cannot run rabbitmqctl")?;
        ensure!(output.status.success(), "rabbitmqctl {words:?}: {output:?}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Has every connection closed by the node.
    pub fn close_connections(&self) -> Result<()> {
        self.control(&["close_all_connections", "test"]).map(drop)
    }

    /// The messages of each queue.
    pub fn messages(&self) -> Result<HashMap<String, Messages>> {
        let words =
            ["list_queues", "--no-table-headers", "name", "messages_ready", "messages_unacknowledged"];
        let listed = self.control(&words)?;
        let read = |line: &str| {
            let columns: Vec<&str> = line.split('\t').collect();
            let [name, ready, unacked] = columns[..] else { bail!("not a queue: {line}") };
            Ok((name.to_owned(), Messages { ready: ready.parse()?, unacked: unacked.parse()? }))
        };
        listed.lines().map(read).collect()
    }

    /// What it has said in its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default()
    }

    /// Whether it came up; not when somebody else has one of its ports.
    fn comes_up(&mut self) -> Result<bool> {
        let up = wait::until("rabbitmq-server to start", PATIENCE, || {
            let log = self.log();
            if log.contains("Server startup complete") {
                return Ok(Some(true));
            }
            let start = fs::read_to_string(self.folder.path().join("start")).unwrap_or_default();
            if log.contains("eaddrinuse") {
                return Ok(Some(false));
            }
            if start.contains("BOOT FAILED") || start.contains("ERROR") {
                bail!("rabbitmq-server does not start: {start}{log}");
            }
            Ok(None)
        });
        let up = up.map_err(|error| anyhow!("{error:#}: {}", self.log()))?;
        if !up {
            self.kill()?;
        }
        Ok(up)
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        let _gone = self.kill();
    }
}

fn programs() -> PathBuf {
    std::env::var_os(FOLDER).map_or_else(|| PathBuf::from(PROGRAMS), PathBuf::from)
}

fn spawn(ports: Ports, folder: &Path) -> Result<Child> {
    // What it said before is not about this start.
    for file in [LOG, "start"] {
        if folder.join(file).exists() {
            fs::remove_file(folder.join(file))?;
        }
    }
    let mut command = Command::new("sh");
    environment(&mut command, ports, folder);
    command
        .args(["-c", SCRIPT])
        .arg(programs())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot run a shell")
}

/// Nothing of it is shared with a node that the machine has: names, ports, files, the cookie.
fn environment(command: &mut Command, ports: Ports, folder: &Path) {
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env("ERL_EPMD_PORT", ports.epmd.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODENAME", format!("test{}@localhost", ports.amqp))
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", ports.amqp.to_string())
        .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
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

//! `status`, exit codes, and where the settings come from.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::said::{Said, Speaker};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::Front;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::support::{reply_queues, stock, stock_json, worker};

#[test]
fn nodes_are_listed_and_counted() -> Result<()> {
    let scene = Scene::open("operate")?;
    let mut client = scene.client()?;
    let _one = worker(&scene, Front::Stock, "w1@here", &["-c", "1"])?;
    let status = scene.worker_cli(&["status"])?.good()?;
    ensure!(status == "NODE     STATUS\nw1@here  OK\n\n1 node online.\n", "{status}");
    let _two = worker(&scene, Front::Stock, "worker2@here", &["-c", "1", "-P", "threads"])?;
    let status = scene.worker_cli(&["status"])?.good()?;
    ensure!(
        status == "NODE          STATUS\nw1@here       OK\nworker2@here  OK\n\n2 nodes online.\n",
        "{status}"
    );
    ensure!(scene.worker_cli(&["status", "-q"])?.good()? == "w1@here       OK\nworker2@here  OK\n");
    let ours = scene.worker_cli(&["status", "--json"])?.json()?;
    ensure!(ours == stock_json(&mut client, &["status", "--json"])?, "{ours}");
    let one = scene.worker_cli(&["status", "-j", "-d", "worker2@here"])?.json()?;
    ensure!(one == json!({"worker2@here": {"ok": "pong"}}), "{one}");

    // Nobody of that name: as upstream.
    let words = ["status", "-t", "0.2", "-d", "nobody@here"];
    let (code, _) = stock(&mut client, &words)?;
    let said = scene.worker_cli(&words)?;
    ensure!(i64::from(said.code) == code && code == 69 && said.out.is_empty(), "{said:?}");
    ensure!(said.err == "error: No nodes replied within time constraint\n", "{said:?}");
    Ok(())
}

#[test]
fn two_workers_of_one_name_are_told_of() -> Result<()> {
    let scene = Scene::open("operate")?;
    let _one = worker(&scene, Front::Stock, "same@here", &["-c", "1", "-P", "threads"])?;
    let _two = worker(&scene, Front::Stock, "same@here", &["-c", "1", "-P", "threads"])?;
    let said = scene.worker_cli(&["status"])?;
    ensure!(said.code == 0 && said.out.contains("2 nodes online."), "{said:?}");
    ensure!(said.err.starts_with("warning: several workers are called same@here"), "{said:?}");
    ensure!(scene.worker_cli(&["-q", "status", "-j"])?.json()? == json!({"same@here": {"ok": "pong"}}));
    Ok(())
}

#[test]
fn nobody_and_nothing_there_are_exit_code_69() -> Result<()> {
    let scene = Scene::open("operate")?;
    for words in [&["status"][..], &["status", "-j"], &["inspect", "active"], &["control", "shutdown"]] {
        let said = scene.worker_cli(words)?;
        ensure!(said.code == 69 && said.out.is_empty(), "{words:?}: {said:?}");
        ensure!(said.err == "error: No nodes replied within time constraint\n", "{said:?}");
    }
    let said = scene.worker_cli(&["-b", "redis://:s3cret@127.0.0.1:1/0", "status"])?;
    let away = "error: the broker at redis://:**@127.0.0.1:1/0 cannot be reached: Connection refused\n";
    ensure!(said.code == 69 && said.err == away, "{said:?}");
    Ok(())
}

#[test]
fn an_app_that_is_named_says_where_its_broker_is() -> Result<()> {
    let mut scene = Scene::open("operate")?;
    let settings = json!({
        "broker_transport_options": {"global_keyprefix": "proj:"}, "control_exchange": "steer",
        "event_exchange": "seen",
    });
    scene.set_env("SETTINGS", &settings.to_string());
    let _worker = worker(&scene, Front::Stock, "w1@here", &["-c", "1"])?;
    let online = json!({"w1@here": {"ok": "pong"}});
    ensure!(scene.worker_cli(&["status"])?.code == 69);
    let mut asked = scene.command("worker-cli", &["-A", "tasks", "status", "-j"]);
    asked.env_remove("CELERY_BROKER_URL");
    ensure!(Said::by(&mut asked, "")?.json()? == online);
    let told = ["-o", "broker_transport_options.global_keyprefix=proj:", "-o", "control_exchange=steer"];
    ensure!(scene.worker_cli(&[&["status", "-j"][..], &told].concat())?.json()? == online);
    // What is given goes before what the app says.
    let elsewhere = scene.worker_cli(&["-A", "tasks", "status", "-o", "control_exchange=elsewhere"])?;
    ensure!(elsewhere.code == 69, "{elsewhere:?}");
    let seen = scene.worker_cli(&["-A", "tasks", "events", "-j", "--limit", "1"])?.good()?;
    ensure!(seen.contains("w1@here"), "{seen}");

    let missing = scene.worker_cli(&["-A", "nosuch", "status"])?;
    ensure!(
        missing.code == 2 && missing.err.starts_with("error: -A nosuch: there is no module"),
        "{missing:?}"
    );
    Ok(())
}

#[test]
fn an_interrupt_removes_the_queue_of_replies() -> Result<()> {
    let scene = Scene::open("operate")?;
    let _worker = worker(&scene, Front::Stock, "w1@here", &["-c", "1"])?;
    let words = ["inspect", "ping", "-t", "300", "-d", "w1@here,nobody@here"];
    let speaker = Speaker::start(&mut scene.command("worker-cli", &words), "")?;
    wait::until_true("it to wait", Duration::from_secs(20), || {
        let clients: String = redis::cmd("CLIENT").arg("LIST").query(&mut scene.redis.connect(0)?)?;
        Ok(clients.lines().any(|line| line.contains("name=worker-cli") && line.contains("cmd=brpop")))
    })?;
    ensure!(reply_queues(&scene)?.len() == 1);
    let pid = i32::try_from(speaker.pid()).ok().and_then(Pid::from_raw);
    kill_process(pid.ok_or_else(|| anyhow::anyhow!("no process id"))?, Signal::INT)?;
    let said = speaker.end(Duration::from_secs(20))?;
    ensure!(said.code == 130 && said.out.is_empty() && said.err.is_empty(), "{said:?}");
    ensure!(reply_queues(&scene)?.is_empty());
    Ok(())
}

/// Runs a program at a terminal of 60 columns, where nobody types.
const TERMINAL: &str = "
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 60, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
typed = sys.stdin.buffer.read()
if typed:
    os.write(terminal, typed)
while True:
    try:
        seen = os.read(terminal, 4096)
    except OSError:
        break
    if not seen:
        break
    sys.stdout.buffer.write(seen)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

#[test]
fn at_a_terminal_there_are_colours_and_questions() -> Result<()> {
    let scene = Scene::open("operate")?;
    let mut client = scene.client()?;
    let at_terminal = |words: &[&str], typed: &str, no_color: bool| {
        let program = scene.venv.program("worker-cli").display().to_string();
        let words = [&["-c", TERMINAL, &program], words].concat();
        let mut command = scene.command("python", &words);
        command.env_remove("NO_COLOR");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        Said::by(&mut command, typed)
    };
    let mut process = worker(&scene, Front::Stock, "w1@here", &["-c", "1"])?;
    let status = at_terminal(&["status"], "", false)?;
    ensure!(status.code == 0 && status.out.contains("\u{1b}[36mw1@here\u{1b}[0m"), "{status:?}");
    for plain in [at_terminal(&["status"], "", true)?, at_terminal(&["-C", "status"], "", false)?] {
        ensure!(
            plain.code == 0 && plain.out.contains("w1@here  OK") && !plain.out.contains('\u{1b}'),
            "{plain:?}"
        );
    }
    // Cut to the terminal.
    let report = at_terminal(&["-C", "inspect", "stats"], "", false)?;
    let longest = report.out.lines().map(|line| line.trim_end().chars().count()).max();
    ensure!(longest.is_some_and(|longest| longest <= 60) && report.out.contains('…'), "{report:?}");
    process.terminate(Duration::from_secs(20))?;

    client.send("tasks.add", json!([1, 2]))?;
    for (typed, left) in [("n\n", 1), ("\n", 1), ("y\n", 0)] {
        let said = at_terminal(&["purge"], typed, true)?;
        ensure!(said.out.contains("There is no way back."), "{said:?}");
        ensure!((said.code == 0) == (left == 0) && scene.queued("celery")? == left, "{typed:?}: {said:?}");
    }
    Ok(())
}

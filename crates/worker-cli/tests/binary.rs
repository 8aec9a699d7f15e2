//! The binary, without an interpreter, a broker or a worker: what it says and its exit codes.

#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// A port on which nobody listens.
const NOBODY: &str = "redis://:s3cret@127.0.0.1:1/0";

fn worker_cli(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker-cli"));
    command.args(arguments).stdin(Stdio::null());
    for name in [
        "APP",
        "BROKER_URL",
        "CELERY_BROKER_URL",
        "CELERY_BROKER_READ_URL",
        "RESULT_BACKEND",
        "CELERY_RESULT_BACKEND",
    ] {
        command.env_remove(name);
    }
    command
}

/// The exit code, standard output and standard error.
fn run(mut command: Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_broker_that_is_away_is_one_line() {
    for arguments in [
        &["status"][..],
        &["status", "-j"],
        &["inspect", "ping"],
        &["control", "shutdown"],
        &["events"],
        &["call", "t"],
        &["purge", "-f"],
        &["list", "bindings"],
    ] {
        let arguments = [&["-b", NOBODY][..], arguments].concat();
        let (code, out, err) = run(worker_cli(&arguments));
        let said = "error: the broker at redis://:**@127.0.0.1:1/0 cannot be reached: Connection refused\n";
        assert_eq!((code, &*out, &*err), (69, "", said), "{arguments:?}");
    }
    let (code, out, err) = run(worker_cli(&["--result-backend", NOBODY, "result", "i"]));
    assert!(code == 69 && out.is_empty() && err.lines().count() == 1, "{err}");
    assert!(
        err.starts_with("error: the result backend at redis://:**@127.0.0.1:1/0 cannot be reached: "),
        "{err}"
    );
}

#[test]
fn a_broker_that_nobody_named_says_what_to_give() {
    let (code, _, err) = run(worker_cli(&["status"]));
    assert!(code == 2 && err.starts_with("error: no broker: give -b redis://"), "{code} {err}");
    let (code, _, err) = run(worker_cli(&["result", "i"]));
    assert!(
        code == 2 && err.starts_with("error: no result backend: give --result-backend redis://"),
        "{code} {err}"
    );
    // An empty variable is none.
    let mut command = worker_cli(&["status"]);
    command.env("CELERY_BROKER_URL", "");
    assert_eq!(run(command).0, 2);
    let mut command = worker_cli(&["status"]);
    command.env("CELERY_BROKER_URL", NOBODY);
    assert_eq!(run(command).0, 69);
}

#[test]
fn mistakes_are_exit_code_2() {
    for (arguments, said) in [
        (&["-b", "sqs://h", "status"][..], "no driver for \"sqs\""),
        (&["-b", NOBODY, "status", "-o", "task_routes={}"], "-o task_routes: not one of the settings"),
        (&["-b", NOBODY, "status", "-o", "broker_transport_options.visibility=1"], "visibility"),
        (&["-b", NOBODY, "control", "rate_limit"], "write `control rate_limit <task_name> <rate_limit>`"),
        (&["-b", NOBODY, "inspect", "revoke", "i"], "write `control revoke`"),
        (&["-b", NOBODY, "call", "t", "-a", "{}"], "--args: a JSON array is needed"),
        (&["-b", NOBODY, "call", "t", "-k", "[]"], "--kwargs: a JSON object is needed"),
        (&["-b", NOBODY, "call", "t", "-a", "[1"], "--args: "),
        (&["-b", NOBODY, "call", "t", "--serializer", "pickle"], "only Python can read it"),
        (&["-b", NOBODY, "purge"], "say that you mean it with -f"),
        (&["-b", NOBODY, "purge", "-Q", "a", "-X", "a"], "-X leaves no queue to purge"),
        (&["--workdir", "/nowhere", "status"], "--workdir /nowhere: "),
    ] {
        let (code, out, err) = run(worker_cli(arguments));
        assert_eq!((code, &*out), (2, ""), "{arguments:?}: {err}");
        assert!(err.starts_with("error: ") && err.contains(said), "{arguments:?}: {err}");
        assert!(!err.contains("s3cret"), "{err}");
    }
}

#[test]
fn an_app_that_cannot_be_asked_says_why() {
    let mut command = worker_cli(&["-A", "proj", "status"]);
    command.env_remove("VIRTUAL_ENV").env("PATH", "");
    let (code, _, err) = run(command);
    assert_eq!(code, 2, "{err}");
    assert!(err.starts_with("error: -A proj has to be asked where its broker is: no Python found"), "{err}");
}

#[test]
fn the_methods_are_listed() {
    for (command, method) in
        [("inspect", "active_queues"), ("control", "rate_limit <task_name> <rate_limit>")]
    {
        let (code, out, err) = run(worker_cli(&[command, "--list"]));
        assert!(code == 0 && out.contains(method) && err.is_empty(), "{out}{err}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let mut child =
        worker_cli(&["inspect", "--list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Closed before anything is written, or after: neither is said.
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    let said: Vec<_> = BufReader::new(child.stderr.take().unwrap()).lines().collect();
    assert!(status.success() && said.is_empty(), "{status} {said:?}");
}

//! Command lines and what is read from them, a command at a time.

use std::time::Duration;

use worker_cli::{Cli, Command, Expires, ListCommand, Parsed, parse};

fn read(line: &str) -> Cli {
    match parse(line.split(' ')) {
        Parsed::Command(cli) => *cli,
        Parsed::Say { text, .. } => panic!("{line}: {text}"),
    }
}

fn refused(line: &str) -> String {
    match parse(line.split(' ')) {
        Parsed::Say { text, code: 2 } => text,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn status() {
    let cli = read("worker-cli -b redis://h/1 status -t 2.5 -d w1@h,w2@h -j -o broker_use_ssl=true -o a.b=c");
    assert_eq!(cli.app.broker, ["redis://h/1"]);
    let Command::Status(options) = cli.command else { panic!("another command") };
    assert_eq!(options.asking.timeout, Duration::from_millis(2500));
    assert_eq!(options.asking.destination, ["w1@h", "w2@h"]);
    assert!(options.asking.json);
    assert_eq!(options.broker.options, ["broker_use_ssl=true", "a.b=c"]);
    assert!(refused("worker-cli status -t=-1").contains("--timeout"));
    assert!(refused("worker-cli status -t soon").contains("a number of seconds is needed"));
}

#[test]
fn inspect_and_control() {
    // As upstream: options before and after the method.
    for line in ["worker-cli inspect -j -d w@h query_task a b", "worker-cli inspect query_task a -j b -d w@h"]
    {
        let Command::Inspect(options) = read(line).command else { panic!("another command") };
        assert_eq!(options.method.as_deref(), Some("query_task"));
        assert_eq!(options.arguments, ["a", "b"]);
        assert!(options.asking.json && options.asking.destination == ["w@h"]);
        assert_eq!(options.asking.timeout, Duration::from_secs(1));
    }
    let Command::Control(options) = read("worker-cli control mine n=3").command else {
        panic!("another command")
    };
    assert_eq!((options.method.as_deref(), &*options.arguments), (Some("mine"), &["n=3".to_owned()][..]));
    let Command::Control(options) = read("worker-cli control --list").command else {
        panic!("another command")
    };
    assert!(options.list && options.method.is_none());
    assert!(refused("worker-cli inspect").contains("METHOD"));
}

#[test]
fn events() {
    let line = "worker-cli events -j --type task-*,worker-online -E --limit 3";
    let Command::Events(options) = read(line).command else { panic!("another command") };
    assert!(options.json && options.enable && !options.dump);
    assert_eq!(
        (options.types, options.limit),
        (vec!["task-*".to_owned(), "worker-online".to_owned()], Some(3))
    );
    assert!(refused("worker-cli events -j -d").contains("--dump"));
    assert!(refused("worker-cli events --limit 0").contains("--limit"));
}

#[test]
fn call() {
    let line = "worker-cli call t.add -a [1,2] -k {} --eta 2026-11-25T07:08:09 --expires 30 --serializer yaml \
                --queue q --exchange e --routing-key k";
    let Command::Call(options) = read(line).command else { panic!("another command") };
    assert_eq!((&*options.name, &*options.args, &*options.kwargs), ("t.add", "[1,2]", "{}"));
    assert_eq!(options.eta.map(|eta| eta.to_string()).as_deref(), Some("2026-11-25T07:08:09Z"));
    assert_eq!(options.expires, Some(Expires::In(Duration::from_secs(30))));
    assert_eq!(options.serializer, "yaml");
    let routing = [options.queue, options.exchange, options.routing_key];
    assert_eq!(routing.map(Option::unwrap), ["q", "e", "k"]);
    let Command::Call(options) = read("worker-cli call t --countdown 0.5").command else {
        panic!("another command")
    };
    assert_eq!((options.countdown, &*options.args), (Some(Duration::from_millis(500)), "[]"));
    assert!(refused("worker-cli call").contains("<TASK>"));
    assert!(refused("worker-cli call t --eta tomorrow").contains("--eta"));
    assert!(refused("worker-cli call t --eta 2026-11-25 --countdown 1").contains("--countdown"));
}

#[test]
fn result() {
    let Command::Result(options) = read("worker-cli result the-id --timeout 3 -j").command else {
        panic!("another command")
    };
    assert_eq!((&*options.id, options.timeout, options.json), ("the-id", Some(Duration::from_secs(3)), true));
    assert!(refused("worker-cli result i -j --traceback").contains("--traceback"));
    assert!(refused("worker-cli result").contains("<ID>"));
}

#[test]
fn purge() {
    let Command::Purge(options) = read("worker-cli purge -f -Q a,b -X b").command else {
        panic!("another command")
    };
    assert!(options.force && !options.json);
    assert_eq!((&*options.queues.join("+"), &*options.exclude_queues.join("+")), ("a+b", "b"));
}

#[test]
fn list() {
    let Command::List(ListCommand::Bindings(options)) = read("worker-cli list bindings -j").command else {
        panic!("another command")
    };
    assert!(options.json);
    assert!(refused("worker-cli list queues").contains("queues"));
}

#[test]
fn what_is_misspelled_is_named() {
    assert!(refused("worker-cli inspekt ping").contains("'inspect'"));
    assert!(refused("worker-cli status --jason").contains("'--json'"));
}

#[test]
fn help_shows_no_passwords() {
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_worker-cli"))
        .args(["status", "--help"])
        .env("BROKER_URL", "redis://:s3cret@h/0")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("BROKER_URL") && !help.contains("s3cret"), "{help}");
}

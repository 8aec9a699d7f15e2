//! Round trips at steady load, as the server sees them.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::{preload, wait};
use redis::cmd;

const TASKS: usize = 8000;

/// So many tasks share a round trip at least.
const TOGETHER: usize = 32;

/// Counts the scripts that are run, by what they are for.
#[derive(Debug, Default)]
struct Trips {
    fetch: usize,
    settle: usize,
    store: usize,
}

/// Listens to all that the server is told, until it is told `the end`.
fn listen(port: u16) -> Result<std::thread::JoinHandle<Result<Trips>>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(b"MONITOR\r\n")?;
    let mut lines = BufReader::new(stream);
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line)?;
    Ok(std::thread::spawn(move || {
        let mut trips = Trips::default();
        loop {
            line.clear();
            ensure!(lines.read_until(b'\n', &mut line)? > 0, "the server ended");
            // Time, database and client, then the words of the command; what scripts call has `lua` for a client.
            let text = String::from_utf8_lossy(&line);
            let words: Vec<&str> = text.splitn(8, ' ').collect();
            match words[..] {
                [_, _, _, "\"ECHO\"", what, ..] if what.contains("the-end") => return Ok(trips),
                [_, "[1", _, "\"EVALSHA\"", ..] => trips.store += 1,
                [_, "[0", _, "\"EVALSHA\"", _, _, "\"celery\"", ..] => trips.fetch += 1,
                [_, "[0", _, "\"EVALSHA\"", _, _, "\"unacked\"", ..] => trips.settle += 1,
                _ => {}
            }
        }
    }))
}

fn trips(task: &str, options: &[&str]) -> Result<Trips> {
    let scene = Scene::open("load")?;
    let mut client = scene.client()?;
    preload::fill(&scene.redis, &mut client, &[task], TASKS)?;
    let listening = listen(scene.redis.port())?;
    let _worker = scene.worker(options)?;
    let mut results = scene.redis.connect(1)?;
    wait::until_true("all tasks to be done", Duration::from_secs(120), || {
        Ok(cmd("DBSIZE").query::<usize>(&mut results)? == TASKS && scene.unacked()? == 0)
    })?;
    let _said: String = cmd("ECHO").arg("the-end").query(&mut results)?;
    listening.join().unwrap_or_else(|_| Ok(Trips::default()))
}

#[test]
fn many_tasks_share_a_round_trip() -> Result<()> {
    let trips = trips("tasks.noop", &["--loop-concurrency=1000"])?;
    let most = TASKS / TOGETHER;
    ensure!((1..=most).contains(&trips.fetch), "{trips:?} for {TASKS} tasks");
    ensure!(
        (1..=most).contains(&trips.settle) && (1..=most).contains(&trips.store),
        "{trips:?} for {TASKS} tasks"
    );
    Ok(())
}

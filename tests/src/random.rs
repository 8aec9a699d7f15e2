//! Random canvases, run by the stock worker and by ours: what became of them has to be the same.
//!
//! The canvases and how they are looked at are in `tests/apps/random`. The stock worker runs each twice: where those two
//! runs differ, chance decides, and nothing is said of ours. One that ended otherwise with ours is run some more times by
//! the stock worker, with more processes, before it counts as different: which of two failures is first may be chance too.

use std::ops::Range;
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result, anyhow};
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::paths;
use crate::redis::RedisServer;
use crate::scene::{BACKEND, BROKER};
use crate::venv::Venv;
use crate::worker::{Front, WorkerSpec};

/// How many canvases are under way at a time.
const WAVE: usize = 50;

/// How often the stock worker runs again what ended otherwise with ours.
const AGAIN: usize = 8;

/// What came of a comparison.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many canvases were the same.
    pub same: usize,
    /// The seeds of those in which the two runs of the stock worker differ.
    pub left_to_chance: Vec<String>,
    /// The seeds of those that ended otherwise with our worker, and how.
    pub different: Vec<(String, String)>,
    /// How many leaves were run by ours.
    pub runs: usize,
}

/// Who runs the canvases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Stock,
    /// The stock worker with as much going on at a time as we have.
    WideStock,
    Ours,
}

/// Compares the canvases of some seeds. `progress` is told how many canvases are done, of all three runs.
pub fn compare(venv: &Venv, seeds: &Range<usize>, progress: &dyn Fn(usize)) -> Result<Outcome> {
    let [first, second, ours] = thread::scope(|scope| {
        let (sender, waves) = mpsc::channel();
        let threads = [Side::Stock, Side::Stock, Side::Ours].map(|side| {
            let sender = sender.clone();
            scope.spawn(move || run(venv, side, seeds, &sender))
        });
        drop(sender);
        let mut done = 0;
        for wave in waves {
            done += wave;
            progress(done);
        }
        threads.map(|thread| thread.join().map_err(|_| anyhow!("a run panicked")).flatten())
    });
    let (first, second, ours) = (first?, second?, ours?);
    let mut outcome = Outcome::default();
    for (seed, wanted) in &first {
        let seen = &ours[seed];
        let ran = seen["ran"].as_array().into_iter().flatten();
        outcome.runs += ran.filter_map(|entry| entry[1].as_u64()).sum::<u64>() as usize;
        if second.get(seed) != Some(wanted) {
            outcome.left_to_chance.push(seed.clone());
        } else if seen == wanted {
            outcome.same += 1;
        } else if is_chance(venv, seeds, seed, wanted)? {
            outcome.left_to_chance.push(seed.clone());
        } else {
            outcome.different.push((seed.clone(), format!("stock: {wanted:#}\nours: {seen:#}")));
        }
    }
    Ok(outcome)
}

/// Whether the stock worker itself gives a canvas another end than `wanted`, among those that it was run with.
fn is_chance(venv: &Venv, seeds: &Range<usize>, seed: &str, wanted: &Value) -> Result<bool> {
    let number: usize = seed.parse().with_context(|| format!("not a seed: {seed}"))?;
    let start = number - (number - seeds.start) % WAVE;
    let wave = start..(start + WAVE).min(seeds.end);
    for _ in 0..AGAIN {
        let (sender, _nobody) = mpsc::channel();
        // A stock worker with many processes hangs now and then: such a run says nothing.
        let Ok(seen) = run(venv, Side::WideStock, &wave, &sender) else { continue };
        if seen.get(seed) != Some(wanted) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Runs the canvases with one worker; gives what became of each, by seed.
fn run(
    venv: &Venv,
    side: Side,
    seeds: &Range<usize>,
    waves: &mpsc::Sender<usize>,
) -> Result<Map<String, Value>> {
    let redis = RedisServer::start()?;
    let (front, twins, options): (_, _, &[&str]) = match side {
        Side::Stock => (Front::Stock, "def", &["-P", "prefork", "-c", "2"]),
        Side::WideStock => (Front::Stock, "def", &["-P", "prefork", "-c", "12"]),
        Side::Ours => (Front::WorkerCli, "async", &["--loop-concurrency=100", "--sync-workers=2"]),
    };
    let environment = [
        (BROKER.to_owned(), redis.url(0)),
        (BACKEND.to_owned(), redis.url(1)),
        ("NOTES_URL".to_owned(), redis.url(2)),
        ("TWINS".to_owned(), twins.to_owned()),
    ];
    let folder = paths::app("random");
    let spec = WorkerSpec::new(venv.clone(), &folder).front(front).args(options);
    let spec = environment.iter().fold(spec, |spec, (name, value)| spec.env(name, value));
    let _worker = spec.start()?;
    let mut client = Client::start(venv, &folder, &environment)?;
    let mut all = Map::new();
    for start in seeds.clone().step_by(WAVE) {
        let wave: Vec<usize> = (start..(start + WAVE).min(seeds.end)).collect();
        let seen = client.call("producer:observe", json!([wave]))?;
        all.extend(seen.as_object().context("no canvases")?.clone());
        // Whoever listened has given up when nobody does.
        let _ = waves.send(wave.len());
    }
    Ok(all)
}

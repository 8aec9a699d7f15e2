//! Running it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use redis::cmd;
use serde_json::json;

use super::judge::{Sent, Verdict, judge};
use super::plan::{Fleet, WITH_ETA};
use super::slots::Slots;
use crate::client::Client;
use crate::dice::Dice;
use crate::redis::RedisServer;
use crate::scene::{BACKEND, BROKER};
use crate::venv::Venv;
use crate::worker::WorkerSpec;
use crate::{effects, paths, preload};

/// How long nothing may end before the run is given up, apart from what the plan takes.
const PATIENCE: f64 = 90.0;

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What the effects prove.
    pub verdict: Verdict,
    /// Worker processes, all in all.
    pub workers: usize,
    /// Messages that the broker still has.
    pub left: usize,
    /// How long it took.
    pub seconds: f64,
}

impl Outcome {
    /// Whether the run holds what is promised.
    pub fn is_good(&self) -> bool {
        self.verdict.is_good() && self.left == 0
    }
}

/// Runs it; effects and the output of the workers are left in `folder`.
pub fn run(venv: &Venv, fleet: &Fleet, folder: &Path, progress: &dyn Fn(usize)) -> Result<Outcome> {
    let started = Instant::now();
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let redis = RedisServer::start()?;
    let app = paths::app("crash");
    let environment = [(BROKER, redis.url(0)), (BACKEND, redis.url(1))];
    let environment = environment.map(|(name, url)| (name.to_owned(), url));
    let options = json!({
        "visibility_timeout": fleet.visibility(), "unacked_restore_interval": fleet.look(),
        "unacked_restore_throttle": 1, "lease_timeout": fleet.lease(),
    });
    let spec = WorkerSpec::new(venv.clone(), &app)
        .env("TRANSPORT_OPTIONS", &options.to_string())
        .env("SETTINGS", &json!({"worker_eta_park_after": fleet.eta() / 5.0}).to_string());
    let spec = environment.iter().fold(spec, |spec, (name, url)| spec.env(name, url));
    let mut dice = Dice::new(fleet.seed);
    let mut slots = Slots::open(fleet, spec, folder, &mut dice)?;
    let mut client = Client::start(venv, &app, &environment)?;

    let mut sent = Vec::new();
    let from = effects::now();
    let mut known = (0, Instant::now());
    let mut looked = Instant::now();
    loop {
        let passed = effects::now() - from;
        let due = sent.len() as f64 / fleet.tasks as f64 * fleet.sending();
        if sent.len() < fleet.tasks && passed >= due {
            sent.push(send(&mut client, fleet, sent.len(), &mut dice)?);
        }
        let is_over = sent.len() == fleet.tasks;
        // What a dead worker of ours held goes back while others of ours are there.
        slots.turn(passed < fleet.last_kill(), &mut dice)?;
        if is_over && slots.has_ours() {
            slots.roll_back()?;
        }
        if looked.elapsed() > Duration::from_millis(200) {
            looked = Instant::now();
            let ended = slots.ended()?.len();
            progress(ended);
            if ended > known.0 {
                known = (ended, Instant::now());
            }
            let limit = fleet.eta() + fleet.task().1 + fleet.visibility() + PATIENCE;
            ensure!(
                known.1.elapsed().as_secs_f64() < limit,
                "only {ended} of {} tasks have ended, and for {limit} s none has",
                sent.len()
            );
            if ended == fleet.tasks && is_over && !slots.has_ours() && left(&redis)? == 0 {
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let workers = slots.count();
    let incarnations = slots.close()?;
    let verdict = judge(&sent, fleet.visibility(), &incarnations);
    Ok(Outcome { verdict, workers, left: left(&redis)?, seconds: started.elapsed().as_secs_f64() })
}

fn send(client: &mut Client, fleet: &Fleet, number: usize, dice: &mut Dice) -> Result<Sent> {
    let mut options = json!({"task_id": preload::task_id(number)});
    let mut seconds = dice.seconds(fleet.task()).as_secs_f64();
    let mut wait = 0.0;
    if dice.chance(WITH_ETA) {
        wait = fleet.eta();
        seconds /= 10.0;
        options["countdown"] = json!(wait);
    }
    let at = effects::now();
    client.send_with("tasks.last", json!([number, seconds]), options)?;
    Ok(Sent { at, due: at + wait })
}

/// How many messages the broker has, taken or not.
fn left(redis: &RedisServer) -> Result<usize> {
    let mut broker = redis.connect(0)?;
    let queued: usize = cmd("LLEN").arg("celery").query(&mut broker)?;
    let unacked: usize = cmd("HLEN").arg("unacked").query(&mut broker)?;
    Ok(queued + unacked)
}

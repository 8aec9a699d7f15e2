//! A task that ends its worker does not do so for ever.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn after_so_many_deliveries_it_is_put_aside_and_can_be_sent_again() -> Result<()> {
    let mut scene = Scene::open("basic")?;
    let options = json!({"broker_transport_options": {"delivery_limit": 3, "lease_timeout": 2}});
    scene.set_env("SETTINGS", &options.to_string());
    let mut client = scene.client()?;
    let id = client.send("tasks.end_the_worker", json!(["poison"]))?;
    for attempt in 1..=3 {
        let mut worker = scene.worker_spec().spawn()?;
        wait::until_true("the worker to die", SOON, || Ok(!worker.is_running()?))?;
        ensure!(scene.notes("attempts")?.len() == attempt, "{:?}", scene.notes("attempts")?);
    }
    let mut worker = scene.worker(&[])?;
    let said = format!(
        "Task tasks.end_the_worker[{id}] was delivered 3 times from queue \"celery\" and never acknowledged: it is in \
         queue \"celery.dead\" now"
    );
    worker.wait_log(&said, SOON)?;
    ensure!(worker.log()?.matches("was delivered").count() == 1);
    ensure!(client.run("tasks.add", json!([1, 2]))?.success()? == json!(3), "the worker does not go on");
    ensure!(scene.notes("attempts")?.len() == 3 && scene.unacked()? == 0);

    // What the guide says: look at it, and send it again.
    let mut broker = scene.redis.connect(0)?;
    let letters: Vec<String> = redis::cmd("LRANGE").arg("celery.dead").arg(0).arg(-1).query(&mut broker)?;
    let letter: Value = serde_json::from_str(letters.first().context("no dead letter")?)?;
    let death = &letter["headers"]["x-death"][0];
    ensure!(letter["headers"]["id"] == json!(id), "{letter}");
    ensure!(death["reason"] == "delivery_limit" && death["deliveries"] == 3, "{death}");
    redis::cmd("SET").arg("harmless").arg(1).query::<()>(&mut scene.redis.connect(2)?)?;
    redis::cmd("LMOVE").arg("celery.dead").arg("celery").arg("RIGHT").arg("LEFT").query::<()>(&mut broker)?;
    ensure!(client.get(&id, 20.0)?.success()? == json!("poison"));
    ensure!(worker.terminate(Duration::from_secs(20))? == 0);
    ensure!(scene.queued("celery.dead")? == 0 && scene.unacked()? == 0);
    Ok(())
}

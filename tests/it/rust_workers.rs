//! `celery-client` asks workers, as Python's `app.control` does.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use celery_client::protocol::control::reply::Answer;
use celery_client::protocol::control::{Command, Objgraph, RateLimit, RateLimitValue};
use celery_client::{Client, Error, Signature};
use celery_oxide_tests::scene::Scene;
use celery_oxide_tests::wait;
use celery_oxide_tests::worker::Front;
use serde_json::json;

#[test]
fn every_inspection_has_its_type() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(inspected())
}

async fn inspected() -> Result<()> {
    let scene = Scene::open("operate")?;
    let mut python = scene.client()?;
    let spec = scene.worker_spec().front(Front::Stock);
    let _one = spec.clone().args(&["-n", "w1@here", "-c", "1", "-Q", "work"]).start()?;
    let _two = spec.args(&["-n", "w2@here", "-c", "1", "-P", "threads"]).start()?;
    let client = Client::builder(scene.redis.url(0)).results(scene.redis.url(1)).connect().await?;
    let all = client.workers();
    let one = client.workers().named(["w1@here"]);
    let running = client.send(Signature::new("tasks.doze").args((300,)).queue("work")).await?;
    let later = Signature::new("tasks.add").args((1, 2)).queue("work").countdown(Duration::from_secs(3600));
    let later = client.send(later).await?;
    wait::until_true("it to run", Duration::from_secs(20), || Ok(python.state(running.id())? == "STARTED"))?;

    let pongs = all.ping().await?;
    ensure!(pongs.keys().eq(["w1@here", "w2@here"]), "{pongs:?}");
    ensure!(pongs.into_values().all(|pong| pong.is_ok_and(|pong| pong == "pong")));
    ensure!(client.workers().matching("w2@*").ping().await?.keys().eq(["w2@here"]));
    ensure!(client.workers().limit(1).ping().await?.len() == 1);
    ensure!(
        client.workers().named(["nobody@here"]).timeout(Duration::from_millis(100)).ping().await?.is_empty()
    );

    let first = "w1@here";
    let active = one.active().await?.remove(first).context("it answers")??;
    ensure!(active.len() == 1 && active[0].id == running.id(), "{active:?}");
    let scheduled = one.scheduled().await?.remove(first).context("it answers")??;
    ensure!(scheduled.len() == 1 && scheduled[0].request.id == later.id(), "{scheduled:?}");
    let asked = one.query_task([running.id(), "unknown"]).await?.remove(first).context("it answers")??;
    ensure!(asked.len() == 1 && asked[0].state == "active", "{asked:?}");
    ensure!(one.reserved().await?.remove(first).context("it answers")??.is_empty());
    client.revoke(["an-id"]).await?;
    ensure!(one.revoked().await?.remove(first).context("it answers")?? == ["an-id"]);
    let registered = one.registered(["max_retries"]).await?.remove(first).context("it answers")??;
    ensure!(registered.contains(&"tasks.add [max_retries=3]".to_owned()), "{registered:?}");
    let stats = one.stats().await?.remove(first).context("it answers")??;
    ensure!(stats.pool.context("a pool")?.max_concurrency == Some(1));
    let queues = one.active_queues().await?.remove(first).context("it answers")??;
    ensure!(queues.len() == 1 && queues[0].name == "work");
    let conf = one.conf(true).await?.remove(first).context("it answers")??;
    ensure!(conf.to_json()?.contains("\"worker_concurrency\""));
    ensure!(one.clock().await?.remove(first).context("it answers")?? > 0);
    ensure!(one.report().await?.remove(first).context("it answers")??.contains("celery:"));
    ensure!(one.memsample().await?.remove(first).context("it answers")?.is_ok());
    ensure!(one.memdump(3).await?.remove(first).context("it answers")?.is_ok());
    let refused = one.objgraph(Objgraph::default()).await?.remove(first).context("it answers")?;
    ensure!(matches!(&refused, Err(Error::Node { node, .. }) if node == first), "{refused:?}");

    let limit = RateLimitValue::Text("5/s".to_owned());
    let limit = RateLimit { task_name: "tasks.add".to_owned(), rate_limit: Some(limit) };
    let answers = all.control(&Command::RateLimit(limit)).await?;
    ensure!(answers.len() == 2, "{answers:?}");
    for answer in answers.into_values() {
        ensure!(answer? == Answer::Ok("new rate limit set successfully".to_owned()));
    }
    Ok(())
}

#[test]
fn workers_that_write_another_serialiser_are_understood() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut scene = Scene::open("operate")?;
        let settings = json!({"task_serializer": "yaml", "accept_content": ["json", "yaml"]});
        scene.set_env("SETTINGS", &settings.to_string());
        let _worker = scene.worker_spec().front(Front::Stock).args(&["-n", "w1@here", "-c", "1"]).start()?;
        let client = Client::builder(scene.redis.url(0)).without_results().connect().await?;
        let pong = client.workers().ping().await?.remove("w1@here").context("it answers")??;
        let registered =
            client.workers().registered([""; 0]).await?.remove("w1@here").context("it answers")??;
        ensure!(pong == "pong" && registered.contains(&"tasks.add".to_owned()), "{registered:?}");
        ensure!(scene.worker_cli(&["status", "-j"])?.json()? == json!({"w1@here": {"ok": "pong"}}));
        Ok(())
    })
}

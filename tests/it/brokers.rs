//! A worker with several brokers at a time.

use std::time::Duration;

use anyhow::{Result, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::redis::RedisServer;
use celery_oxide_tests::scene::{BACKEND, BROKER, Scene};
use celery_oxide_tests::worker::Front;
use celery_oxide_tests::{paths, wait};
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);

/// A stock client of another broker; results are where those of the scene are.
fn client_of(scene: &Scene, broker: &RedisServer) -> Result<Client> {
    let environment =
        [(BROKER.to_owned(), broker.url(0)), (BACKEND.to_owned(), scene.redis.url(1)), notes(scene)];
    Client::start(&scene.venv, &paths::app("control"), &environment)
}

fn notes(scene: &Scene) -> (String, String) {
    ("NOTES_URL".to_owned(), scene.redis.url(2))
}

#[test]
fn tasks_come_from_both_and_commands_are_answered_where_they_came_from() -> Result<()> {
    let scene = Scene::open("control")?;
    let mut other = RedisServer::start()?;
    let (mut first, mut second) = (scene.client()?, client_of(&scene, &other)?);
    let (one, two) = (scene.redis.url(0), other.url(0));
    let mut worker =
        scene.worker_spec().global(&["-b", &one, "-b", &two]).args(&["-n", "both@test"]).start()?;
    let log = worker.log()?;
    ensure!(log.contains(&format!("{one} and {two}")), "the banner does not name both:\n{log}");

    for client in [&mut first, &mut second] {
        ensure!(client.run("tasks.add", json!([1, 2]))?.success()? == json!(3));
        wait::until_true("the worker to answer", SOON, || {
            Ok(client.call("probe:nodes", json!([1.0]))? == json!(["both@test"]))
        })?;
    }

    // One that goes away does not stop the other.
    let waiting = second.send_with("tasks.add", json!([5, 6]), json!({"countdown": 2}))?;
    wait::until_true("the worker to have it", SOON, || Ok(worker.log()?.contains(&waiting)))?;
    other.stop()?;
    worker.wait_log("one of several brokers is away", SOON)?;
    for number in 0..5 {
        ensure!(first.run("tasks.add", json!([number, 1]))?.success()? == json!(number + 1));
    }
    other.start_again()?;
    worker.wait_log(&format!("{two} is back"), SOON)?;
    ensure!(first.get(&waiting, 20.0)?.success()? == json!(11));
    let mut again = client_of(&scene, &other)?;
    ensure!(again.run("tasks.add", json!([3, 4]))?.success()? == json!(7));
    ensure!(worker.terminate(Duration::from_secs(20))? == 0);
    Ok(())
}

#[test]
fn the_stock_command_has_a_setting_for_it() -> Result<()> {
    let mut scene = Scene::open("control")?;
    let other = RedisServer::start()?;
    scene.set_env("SETTINGS", &json!({"worker_extra_brokers": [other.url(0)]}).to_string());
    let _worker = scene.worker_spec().front(Front::Celery).start()?;
    for mut client in [scene.client()?, client_of(&scene, &other)?] {
        ensure!(client.run("tasks.add", json!([1, 2]))?.success()? == json!(3));
    }
    Ok(())
}

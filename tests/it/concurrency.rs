//! How many tasks run at once, of each kind.

use anyhow::{Result, ensure};
use celery_oxide_tests::client::Client;
use celery_oxide_tests::scene::Scene;
use serde_json::{Value, json};

#[test]
fn thousand_coroutines_and_ten_functions_at_once() -> Result<()> {
    let scene = Scene::open_alone("concurrency")?;
    let mut client = scene.client()?;
    let ids = client.call("producer:send", json!([1000, 10]))?;
    let _worker = scene.worker(&["--loop-concurrency=1000", "--sync-workers=10"])?;
    let span = client.call("producer:span", json!([ids]))?.as_f64().unwrap_or(f64::MAX);
    // Each takes a second: had one waited for the slot of another, it would be two.
    ensure!(span < 2.0, "from the first start to the last end it took {span:.3} s");
    Ok(())
}

#[test]
fn loop_concurrency_bounds_coroutines() -> Result<()> {
    let scene = Scene::open("concurrency")?;
    let mut client = scene.client()?;
    let most = most_at_once(&scene, &mut client, 60, &["--loop-concurrency=7"])?;
    ensure!(most == 7, "{most} coroutines ran at once");
    Ok(())
}

#[test]
fn loop_workers_each_have_their_own_slots() -> Result<()> {
    let scene = Scene::open("concurrency")?;
    let mut client = scene.client()?;
    let most = most_at_once(&scene, &mut client, 80, &["--loop-workers=2", "--loop-concurrency=5"])?;
    ensure!((6..=10).contains(&most), "{most} coroutines ran at once on two loops with five slots each");
    Ok(())
}

#[test]
fn a_flood_of_one_kind_does_not_starve_the_other() -> Result<()> {
    let scene = Scene::open("concurrency")?;
    let mut client = scene.client()?;
    for n in 0..100 {
        client.send("tasks.sync_task", json!([n]))?;
    }
    let wanted = client.send("tasks.async_task", json!([1]))?;
    let _worker = scene.worker(&["--sync-workers=1", "--loop-concurrency=10"])?;
    client.get(&wanted, 15.0)?.success()?;
    Ok(())
}

fn most_at_once(scene: &Scene, client: &mut Client, count: usize, options: &[&str]) -> Result<u64> {
    let ids = client.call("producer:send_crowd", json!([count]))?;
    let _worker = scene.worker(options)?;
    let values = client.call("producer:values", json!([ids]))?;
    let values = values.as_array().cloned().unwrap_or_default();
    ensure!(values.len() == count, "{} of {count} values", values.len());
    Ok(values.iter().filter_map(Value::as_u64).max().unwrap_or(0))
}

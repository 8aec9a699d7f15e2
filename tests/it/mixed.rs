//! Rust tasks and Python tasks in one worker.

use anyhow::{Context, Result};
use celery_oxide_tests::scene::Scene;
use serde_json::json;

#[test]
fn tasks_of_both_kinds_in_one_process() -> Result<()> {
    let scene = Scene::open("mixed")?;
    // Cargo puts examples beside the folder of tests; Python wants the name of the module.
    let test = std::env::current_exe()?;
    let built = test.parent().and_then(|deps| deps.parent()).context("no folder of binaries")?;
    let folder = celery_oxide_tests::paths::scratch("engine")?;
    let module = folder.path().join("mixed_engine.abi3.so");
    std::os::unix::fs::symlink(built.join("examples").join("libmixed_engine.so"), module)?;

    let spec = scene.worker_spec().env("CELERY_OXIDE_ENGINE", "mixed_engine");
    let mut worker = spec.env("PYTHONPATH", &folder.path().display().to_string()).start()?;
    let mut client = scene.client()?;
    let mut gives = |function: &str| client.call(&format!("tasks:{function}"), json!([]));
    assert_eq!(gives("called")?, json!(5));
    assert_eq!(gives("computed")?, json!(332_833_500));
    assert_eq!(gives("chained")?, json!(10));
    assert_eq!(gives("joined")?, json!(14));
    assert_eq!(gives("greeted")?, json!("hello you"));
    assert_eq!(scene.notes("note")?, ["you"]);
    assert_eq!(gives("broken")?, json!("TypeError"));
    let log = worker.log()?;
    for line in [
        "  . rust.greet    rust",
        "  . tasks.add     rust",
        "  . tasks.twice   async",
        "  . tasks.total   sync",
    ] {
        assert!(log.contains(line), "{line:?} is not in {log}");
    }
    assert_eq!(worker.terminate(std::time::Duration::from_secs(20))?, 0);
    Ok(())
}

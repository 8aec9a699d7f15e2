//! Rust tasks in a worker of Python tasks: an extension module that has the engine and these tasks.
//!
//! ```sh
//! cargo build --release -p celery-python --example mixed_engine
//! cp target/release/examples/libmixed_engine.so mixed_engine.abi3.so
//! CELERY_OXIDE_ENGINE=mixed_engine PYTHONPATH=. worker-cli -A tasks worker
//! ```
//!
//! A project builds it with maturin, as a crate with `crate-type = ["cdylib"]`.

use celery_native::{Args, Request, Signature, TaskError, Tasks};

/// The sum of squares, which Python is slow at. Not an `async fn`: it computes, on a thread of its own.
fn squares(Args((upto,)): Args<(u64,)>) -> Result<u64, TaskError> {
    Ok((0..upto).map(|number| number * number).sum())
}

async fn add(Args((x, y)): Args<(i64, i64)>) -> Result<i64, TaskError> {
    Ok(x + y)
}

/// Sends a task of Python's.
async fn greet(request: Request, Args((name,)): Args<(String,)>) -> Result<String, TaskError> {
    request.send(Signature::new("tasks.note").args((&name,))).await?;
    Ok(format!("hello {name}"))
}

fn tasks() -> Tasks {
    Tasks::new().task("tasks.add", add).blocking("rust.squares", squares).task("rust.greet", greet)
}

celery_python::engine!(mixed_engine, tasks);

//! A web service that calls a Python task and answers with its result.
//!
//! Start a worker of an app with `@app.task(name="proj.add") def add(x, y): return x + y`, then:
//!
//! ```text
//! cargo run -p celery-client --example axum_service -- redis://localhost/0
//! curl 'http://localhost:3000/add?x=2&y=3'
//! ```

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    routing::get,
};
use celery_client::{Client, Error, Task};
use serde::Deserialize;

const ADD: Task<(i64, i64), i64> = Task::new("proj.add");

#[derive(Deserialize)]
struct Numbers {
    x: i64,
    y: i64,
}

async fn add(
    State(client): State<Client>,
    Query(numbers): Query<Numbers>,
) -> Result<Json<i64>, (StatusCode, String)> {
    let sum = async {
        let call = ADD.call((numbers.x, numbers.y)).expires_in(Duration::from_secs(10));
        client.send(call).await?.get(Duration::from_secs(10)).await
    };
    sum.await.map(Json).map_err(|error| {
        let status = match error {
            Error::Timeout { .. } => StatusCode::GATEWAY_TIMEOUT,
            Error::Task(_) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::BAD_GATEWAY,
        };
        (status, error.to_string())
    })
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "redis://localhost/0".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let service = Router::new().route("/add", get(add)).with_state(Client::connect(&url).await?);
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("http://{}/add?x=2&y=3", listener.local_addr()?);
    axum::serve(listener, service).await?;
    Ok(())
}

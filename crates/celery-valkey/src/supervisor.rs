//! The task that watches over a connection: it names it, tells of its ups and downs, and goes on to another server when
//! that is where the others are, or when its own is gone.
//!
//! The client library connects to the same server again by itself; this task only acts when that is not enough.

use std::{sync::Arc, time::Duration};

use fred::prelude::{Client, ClientInterface, ClientLike, EventInterface};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    time::{Instant, sleep_until, timeout},
};

use crate::{
    connection::{Settings, Shared},
    dial::Server,
    failure,
    route::{Chosen, Route},
};

/// How long a server that was lost has to come back before the next one is tried.
const GRACE: Duration = Duration::from_secs(1);
/// How soon Sentinel is asked: it knows before we do.
const ASK: Duration = Duration::from_millis(200);
/// Between two looks for a server.
const AGAIN: Duration = Duration::from_millis(500);
/// How long to wait for a connection that is made anew; its making goes on after that.
const ANEW: Duration = Duration::from_secs(1);

/// Watches over the connection for as long as it is used.
pub(crate) async fn run(shared: Arc<Shared>, route: Arc<Route>, settings: Settings, mut server: Server) {
    let mut changes = route.changes();
    let name = client_name(&settings.name);
    loop {
        let next = watch_over(&shared, &route, &settings, &server, &mut changes, &name).await;
        shared.replace(&next);
        // The earlier client ends here, and with it whatever waits for its replies.
        server = next;
        let _ = shared.reconnects.send(());
    }
}

/// Watches over one client until there is another.
async fn watch_over(
    shared: &Shared,
    route: &Route,
    settings: &Settings,
    server: &Server,
    changes: &mut watch::Receiver<Chosen>,
    name: &str,
) -> Server {
    let client = &server.dialed.client;
    let mut failures = client.error_rx();
    let mut reconnects = client.reconnect_rx();
    // When to look for another server, and when the server was doubted last.
    let (mut look, mut doubted) = (None::<Instant>, None::<Instant>);
    // It says that it is a replica.
    let mut demoted = false;
    let patience = if route.is_asked_for() { ASK } else { GRACE };
    set_name(client, name).await;
    let silence = give_up_when_silent(shared, client, settings);
    tokio::pin!(silence);
    loop {
        if changes.borrow_and_update().number != server.number {
            match route.follow(settings).await {
                Ok(next) => return next,
                Err(error) => {
                    tracing::debug!("{error}");
                    look = Some(Instant::now() + AGAIN);
                }
            }
        }
        tokio::select! {
            biased;
            failed = failures.recv() => {
                match failed {
                    Ok((error, _)) => shared.failed(failure::reason(&error)),
                    Err(RecvError::Lagged(_)) => {}
                    // It ends with its client, which is held here.
                    Err(RecvError::Closed) => std::future::pending().await,
                }
                if route.has_others() && look.is_none() {
                    look = Some(Instant::now() + patience);
                }
            }
            _ = reconnects.recv() => {
                shared.is_up();
                set_name(client, name).await;
                let _ = shared.reconnects.send(());
            }
            () = shared.doubt.notified() => {
                if doubted.is_none_or(|doubted| doubted.elapsed() > ANEW) {
                    doubted = Some(Instant::now());
                    if route.has_others() {
                        (look, demoted) = (Some(Instant::now()), true);
                    } else {
                        give_up(client).await;
                    }
                }
            }
            _ = changes.changed() => {}
            () = &mut silence => {}
            () = sleep_until(look.unwrap_or_else(Instant::now)), if look.is_some() => {
                look = None;
                if client.is_connected() && !route.is_asked_for() && !demoted {
                    continue;
                }
                match route.leave(server.number, settings).await {
                    Ok(Some(next)) => return next,
                    // Nobody else is the master: perhaps the same name leads to another server by now.
                    Ok(None) if demoted && !route.is_asked_for() => give_up(client).await,
                    Ok(None) => {}
                    Err(error) => tracing::debug!("{error}"),
                }
                demoted = false;
                if !client.is_connected() {
                    look = Some(Instant::now() + AGAIN);
                }
            }
        }
    }
}

/// Gives a connection up on which a command and then a `PING` had no answer in time. The client library counts from what
/// it wrote last, and so never does as long as somebody writes.
async fn give_up_when_silent(shared: &Shared, client: &Client, settings: &Settings) {
    loop {
        shared.silence.notified().await;
        let answer = timeout(settings.command_timeout / 2, client.ping::<()>(None));
        if client.is_connected() && !matches!(answer.await, Ok(Ok(()))) {
            give_up(client).await;
        }
    }
}

/// Has a connection that is up made anew; one that is down is being made anew already.
pub(crate) async fn give_up(client: &Client) {
    if client.is_connected() {
        // Whoever wants to know how it went listens to reconnections.
        let _ = timeout(ANEW, client.force_reconnection()).await;
    }
}

/// `CLIENT SETNAME` refuses spaces and control characters.
pub(crate) fn client_name(name: &str) -> String {
    name.chars().map(|character| if character.is_ascii_graphic() { character } else { '-' }).collect()
}

/// Names the connection for `CLIENT LIST`, unless the name is empty.
pub(crate) async fn set_name(client: &Client, name: &str) {
    if name.is_empty() {
        return;
    }
    match timeout(ANEW, client.client_setname(name)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("the connection could not be named {name:?}: {error}"),
        Err(_) => tracing::debug!("the connection could not be named {name:?}: no reply in time"),
    }
}

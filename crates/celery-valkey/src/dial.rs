//! Connecting to one server.

use std::{collections::HashMap, sync::Arc, time::Duration};

use fred::{
    cmd,
    prelude::{Builder, Client, ClientLike, Config, ReconnectPolicy, ServerConfig},
    socket2::TcpKeepalive,
    types::{
        ConnectHandle, RespVersion, Value,
        config::{ReconnectError, TlsConnector, UnresponsiveConfig},
    },
};

use crate::{
    Error, Result,
    connection::Settings,
    failure,
    place::{Endpoint, Place},
};

/// How long the first words with a server may take; longer than a busy server needs, and short enough to be back soon
/// after one that accepts connections and says nothing.
const FIRST_WORDS: Duration = Duration::from_secs(3);
/// Between attempts to connect again, in milliseconds: doubled each time, up to the second number.
const BACKOFF: (u32, u32) = (100, 1000);
/// When the host of a connection on which nothing happens is asked whether it is there, and how often again when it says
/// nothing.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(2));

/// How to talk.
pub(crate) struct Dial {
    pub(crate) version: RespVersion,
    /// A connection that is lost is made again.
    pub(crate) keeps: bool,
}

/// A client and the task that carries it. Both end when this is dropped.
pub(crate) struct Dialed {
    pub(crate) client: Client,
    #[expect(dead_code, reason = "it ends the task when it is dropped")]
    router: Ending,
}

/// The task that carries a client.
struct Ending(ConnectHandle);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects, or fails at once.
pub(crate) async fn dial(place: &Place, settings: &Settings, how: &Dial) -> Result<Dialed> {
    let failed = |error| {
        let mut error = failure::from_client(&place.shown, &error);
        if let (Error::Lost { reason, .. }, Some(_)) = (&mut error, &place.tls) {
            // A server that does not waits for the rest of what it takes for a command.
            if reason == failure::TIMEOUT {
                reason.push_str("; does the server speak TLS on this port?");
            }
        }
        error
    };
    let client = builder(place, settings, how).build().map_err(failed)?;
    // Whoever waits subscribes before the task begins; dropped here, both end.
    let (connected, router) = tokio::join!(client.wait_for_connect(), async { Ending(client.connect()) });
    connected.map_err(failed)?;
    Ok(Dialed { client, router })
}

/// Connects to a server that is to keep data. `as_master` when it must be the master now.
pub(crate) async fn dial_server(place: &Place, settings: &Settings, as_master: bool) -> Result<Dialed> {
    let dialed = dial(place, settings, &Dial { version: RespVersion::RESP3, keeps: true }).await?;
    let refused = |reason: String| Error::Refused { url: place.shown.to_string(), reason };
    match dialed.client.server_version() {
        Some(version) if (version.major, version.minor) < (6, 2) => {
            return Err(refused(format!("Redis {version} is too old; Redis 6.2 or Valkey is needed")));
        }
        // A server that hides its version (no permission for INFO) is tried as it is.
        _ => {}
    }
    // So is one that does not introduce itself.
    let about: HashMap<String, Value> =
        dialed.client.custom(cmd!("HELLO"), Vec::<Value>::new()).await.unwrap_or_default();
    let about = |name: &str| about.get(name).and_then(Value::as_str);
    match about("mode").as_deref() {
        Some("cluster") => return Err(refused(failure::CLUSTER.to_owned())),
        Some("sentinel") => {
            return Err(refused(
                "this is a Sentinel: use sentinel:// and the transport option master_name".to_owned(),
            ));
        }
        _ => {}
    }
    match about("role").as_deref() {
        Some(role) if as_master && role != "master" => Err(Error::Lost {
            url: place.shown.to_string(),
            reason: format!("it is a {role}, where the master is needed"),
        }),
        _ => Ok(dialed),
    }
}

fn builder(place: &Place, settings: &Settings, how: &Dial) -> Builder {
    let server = match &place.endpoint {
        Endpoint::Tcp { host, port } => ServerConfig::new_centralized(host.clone(), *port),
        Endpoint::Unix { path } => ServerConfig::new_unix_socket(path.clone()),
    };
    let keeps_data = how.version == RespVersion::RESP3;
    let in_words = if keeps_data { quoted } else { str::to_owned };
    let mut builder = Builder::from_config(Config {
        server,
        username: place.username.as_deref().map(in_words),
        password: place.password.as_deref().map(in_words),
        database: keeps_data.then_some(place.database),
        version: how.version.clone(),
        fail_fast: true,
        tls: place.tls.as_ref().map(|tls| TlsConnector::from(tls.as_ref().clone()).into()),
        ..Config::default()
    });
    if how.keeps {
        builder.set_policy(ReconnectPolicy::new_exponential(0, BACKOFF.0, BACKOFF.1, 2));
    }
    let timeout = settings.connect_timeout;
    builder
        .with_performance_config(|config| {
            config.default_command_timeout = settings.command_timeout;
            config.broadcast_channel_capacity = settings.events;
        })
        .with_connection_config(|config| {
            config.connection_timeout = timeout;
            config.internal_command_timeout = timeout.min(FIRST_WORDS);
            // A script that took messages must not run twice because its reply was lost.
            config.max_command_attempts = 1;
            config.tcp.nodelay = Some(true);
            let (idle, between) = KEEPALIVE;
            config.tcp.keepalive = Some(TcpKeepalive::new().with_time(idle).with_interval(between));
            // Longer than a command, so that a slow one fails alone.
            let silence = settings.command_timeout + settings.command_timeout / 2;
            config.unresponsive = UnresponsiveConfig {
                max_timeout: Some(silence),
                interval: (silence / 8).clamp(Duration::from_millis(50), Duration::from_secs(2)),
            };
            // A connection to a server that is loading or busy is as good as the next one.
            config.reconnect_errors = vec![ReconnectError::ReadOnly, ReconnectError::MasterDown];
        });
    builder
}

/// A user or a password as `HELLO` needs it: the client library sends that command as a line of words, which ends at a line
/// break, and the server takes it apart at spaces and quotes.
///
/// Source: `redis/src/sds.c: sdssplitargs`.
fn quoted(text: &str) -> String {
    if text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\')) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => quoted.push_str(&format!("\\x{byte:02x}")),
        }
    }
    quoted.push('"');
    quoted
}

/// What a connection needs to know of the server it is connected to.
pub(crate) struct Server {
    pub(crate) dialed: Dialed,
    pub(crate) place: Arc<Place>,
    /// Of the choice: a later one has a higher number.
    pub(crate) number: u64,
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_stay_words() {
        assert_eq!(quoted("p@ss/w0rd"), "p@ss/w0rd");
        assert_eq!(quoted("a b"), "\"a b\"");
        assert_eq!(quoted("a\"b\\c'"), "\"a\\\"b\\\\c'\"");
        assert_eq!(quoted("a\r\nFLUSHALL é"), "\"a\\x0d\\x0aFLUSHALL \\xc3\\xa9\"");
    }
}

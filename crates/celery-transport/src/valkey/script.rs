//! The Lua scripts. What each takes, returns and mirrors is said at its beginning.

use std::sync::LazyLock;

use fred::types::scripts::Script;

use crate::Result;
use celery_valkey::Connection;

macro_rules! script {
    ($name:ident, $file:literal) => {
        pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::from_lua(include_str!(concat!("scripts/", $file))));
    };
}

script!(ACK, "ack.lua");
script!(BIND, "bind.lua");
script!(DUE, "due.lua");
script!(FETCH, "fetch.lua");
script!(GIVE_BACK, "give_back.lua");
script!(INVISIBLE, "invisible.lua");
script!(LEAVE, "leave.lua");
script!(PARK, "park.lua");
script!(PUT, "put.lua");
script!(REMOVE, "remove.lua");
script!(RENEW, "renew.lua");
script!(RESTORE, "restore.lua");
script!(RETIRE, "retire.lua");
script!(UNLOCK, "unlock.lua");
script!(UNPARK, "unpark.lua");

/// Has the server know the scripts that a consumer needs, so that its first calls are one round trip like the others.
pub(super) async fn load(connection: &Connection) -> Result<()> {
    for script in [&ACK, &DUE, &FETCH, &GIVE_BACK, &PARK, &RENEW, &UNPARK] {
        script.load(&connection.client()).await.map_err(|error| connection.error(&error))?;
    }
    Ok(())
}

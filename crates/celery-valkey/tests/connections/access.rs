//! Users, passwords, databases, and servers that cannot be used.

use celery_valkey::test_server::Server;
use fred::{prelude::ClientLike, types::Value};

use crate::support::{open, refused, write};

async fn acl(client: &fred::prelude::Client, arguments: &[&str]) {
    let _: Value = client.custom(fred::cmd!("ACL"), arguments.to_vec()).await.unwrap();
}

#[tokio::test]
async fn a_user_with_a_password_of_odd_characters() {
    let server = Server::start().await;
    let client = server.client().await;
    let host = format!("127.0.0.1:{}/2", server.port);
    let passwords = [
        ("p@ss/w ord", "p%40ss%2Fw%20ord"),
        ("\"q'\\", "%22q%27%5C"),
        ("é\u{1f600}", "%C3%A9%F0%9F%98%80"),
        ("a\r\nb", "a%0D%0Ab"),
    ];
    for (password, encoded) in passwords {
        let password = format!(">{password}");
        acl(&client, &["SETUSER", "we:ird", "on", "resetpass", &password, "~*", "&*", "+@all"]).await;
        let connection = open(&format!("redis://we%3Aird:{encoded}@{host}")).await.unwrap();
        write(&connection, "x").await.unwrap();
    }
    let connection = open(&format!("redis://we%3Aird:a%0D%0Ab@{host}")).await.unwrap();
    let text = refused(&format!("redis://we%3Aird:secret@{host}")).await;
    assert!(text.contains("WRONGPASS") && !text.contains("secret"), "{text}");
    acl(&client, &["SETUSER", "we:ird", "-@write"]).await;
    let error = write(&connection, "x").await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("NOPERM"), "{error}");
}

#[tokio::test]
async fn a_server_that_tells_little_of_itself() {
    let server = Server::start().await;
    acl(&server.client().await, &["SETUSER", "few", "on", ">pw", "~*", "&*", "+set", "+select", "+auth"])
        .await;
    let connection = open(&format!("redis://few:pw@127.0.0.1:{}/0", server.port)).await.unwrap();
    write(&connection, "x").await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_there() {
    let server = Server::start().await;
    assert!(refused(&format!("redis://127.0.0.1:{}?db=99", server.port)).await.contains("DB index"));
}

#[tokio::test]
async fn a_cluster() {
    let server = Server::start_with(&["--save", "", "--cluster-enabled", "yes"]).await;
    let text = refused(&server.url()).await;
    assert!(text.contains("Redis Cluster") && text.contains("Sentinel"), "{text}");
}

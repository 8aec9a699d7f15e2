//! A TCP proxy that can lose what the server says.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// How many connections there were.
    connections: AtomicU64,
    /// The connections before this one hear nothing.
    mute_before: AtomicU64,
    cut: Notify,
}

impl Proxy {
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = Arc::new(State::default());
        let own = listener.local_addr().unwrap().port();
        let task = tokio::spawn(accept(listener, port, Arc::clone(&state)));
        Self { port: own, state, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// From now on nothing that the server says on the present connections arrives.
    pub(crate) fn mute(&self) {
        self.state.mute_before.store(self.state.connections.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Ends all connections; those that follow work.
    pub(crate) fn cut(&self) {
        self.state.cut.notify_waiters();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, port: u16, state: Arc<State>) {
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let state = Arc::clone(&state);
        let number = state.connections.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (mut near_read, mut near_write) = near.into_split();
            let (mut far_read, mut far_write) = far.into_split();
            let replies = async {
                let mut buffer = vec![0; 65536];
                while let Ok(count @ 1..) = far_read.read(&mut buffer).await {
                    let mute = number < state.mute_before.load(Ordering::SeqCst);
                    if !mute && near_write.write_all(&buffer[..count]).await.is_err() {
                        break;
                    }
                }
            };
            tokio::select! {
                () = state.cut.notified() => {}
                _ = tokio::io::copy(&mut near_read, &mut far_write) => {}
                () = replies => {}
            }
        });
    }
}

//! A TCP proxy that can lose or delay what the server says, and refuse connections.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
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
    /// Nor are they heard.
    dead_before: AtomicU64,
    /// Nobody is let in.
    refuses: AtomicBool,
    /// How many milliseconds later than it says it the server is heard.
    delay: AtomicU64,
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

    /// As [`mute`](Self::mute), and nothing that is sent on them arrives.
    pub(crate) fn freeze(&self) {
        self.mute();
        self.state.dead_before.store(self.state.connections.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Ends all connections; those that follow work.
    pub(crate) fn cut(&self) {
        self.state.cut.notify_waiters();
    }

    /// Ends all connections, and those that follow at once, until it is told otherwise.
    pub(crate) fn refuse(&self, refuse: bool) {
        self.state.refuses.store(refuse, Ordering::SeqCst);
        if refuse {
            self.cut();
        }
    }

    /// From now on what the server says arrives so much later.
    pub(crate) fn delay(&self, delay: Duration) {
        self.state.delay.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::SeqCst);
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
        if state.refuses.load(Ordering::SeqCst) {
            continue;
        }
        tokio::spawn(async move {
            let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (near_read, near_write) = near.into_split();
            let (far_read, far_write) = far.into_split();
            let none = AtomicU64::new(0);
            let requests = pass(near_read, far_write, number, &state.dead_before, &none);
            let replies = pass(far_read, near_write, number, &state.mute_before, &state.delay);
            tokio::select! {
                () = state.cut.notified() => {}
                () = requests => {}
                () = replies => {}
            }
        });
    }
}

/// Passes on what comes, `delay` milliseconds later; it is lost when `number` is below `lost_before`.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: u64,
    lost_before: &AtomicU64,
    delay: &AtomicU64,
) {
    let mut buffer = vec![0; 65536];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let delay = delay.load(Ordering::SeqCst);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        let lost = number < lost_before.load(Ordering::SeqCst);
        if !lost && to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
}

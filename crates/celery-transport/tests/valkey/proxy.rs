//! A TCP proxy that can lose what the server says.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

pub(crate) struct Proxy {
    pub(crate) port: u16,
    mute: Arc<AtomicBool>,
    cut: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (mute, cut) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let own = listener.local_addr().unwrap().port();
        let task = tokio::spawn(accept(listener, port, Arc::clone(&mute), Arc::clone(&cut)));
        Self { port: own, mute, cut, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// From now on nothing that the server says arrives.
    pub(crate) fn mute(&self) {
        self.mute.store(true, Ordering::SeqCst);
    }

    /// Ends all connections; those that follow work.
    pub(crate) fn cut(&self) {
        self.mute.store(false, Ordering::SeqCst);
        self.cut.notify_waiters();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, port: u16, mute: Arc<AtomicBool>, cut: Arc<Notify>) {
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let (mute, cut) = (Arc::clone(&mute), Arc::clone(&cut));
        tokio::spawn(async move {
            let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (mut near_read, mut near_write) = near.into_split();
            let (mut far_read, mut far_write) = far.into_split();
            let replies = async {
                let mut buffer = vec![0; 65536];
                while let Ok(count @ 1..) = far_read.read(&mut buffer).await {
                    if !mute.load(Ordering::SeqCst) && near_write.write_all(&buffer[..count]).await.is_err() {
                        break;
                    }
                }
            };
            tokio::select! {
                () = cut.notified() => {}
                _ = tokio::io::copy(&mut near_read, &mut far_write) => {}
                () = replies => {}
            }
        });
    }
}

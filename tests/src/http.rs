//! A small HTTP server for the tasks that fetch.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result};

/// Answers every GET with the same text; stops when dropped.
#[derive(Debug)]
pub struct HttpServer {
    port: u16,
    stopping: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Serves `text` on a free port.
    pub fn start(text: &str) -> Result<Self> {
        Self::start_on(0, text)
    }

    /// Serves `text` on `port`.
    pub fn start_on(port: u16, text: &str) -> Result<Self> {
        let listener =
            TcpListener::bind(("127.0.0.1", port)).with_context(|| format!("cannot listen on {port}"))?;
        let port = listener.local_addr()?.port();
        let stopping = Arc::new(AtomicBool::new(false));
        let served = Arc::new(AtomicUsize::new(0));
        let thread = std::thread::spawn({
            let (text, stopping, served) = (text.to_owned(), Arc::clone(&stopping), Arc::clone(&served));
            move || {
                for stream in listener.incoming() {
                    if stopping.load(Ordering::SeqCst) {
                        break;
                    }
                    // A client that hangs up early is no concern of the server.
                    if stream.and_then(|stream| answer(&stream, &text)).is_ok() {
                        served.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
        });
        Ok(Self { port, stopping, served, thread: Some(thread) })
    }

    /// The URL of its page.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// How many requests it has answered.
    pub fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that waits in accept.
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn answer(mut stream: &TcpStream, text: &str) -> std::io::Result<()> {
    let mut line = String::new();
    let mut reader = BufReader::new(stream);
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
}

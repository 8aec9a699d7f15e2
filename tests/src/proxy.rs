//! A TCP proxy before a server, for connections that break in the ways in which networks break them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

/// How a connection is half open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfOpen {
    /// What is sent arrives, and nothing comes back.
    Deaf,
    /// Neither.
    Dead,
}

/// The proxy; it stops, and with it all connections through it, when dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    server: u16,
    stopping: AtomicBool,
    /// New connections are accepted, and nothing is heard on them.
    silent: AtomicBool,
    open: Mutex<Vec<Arc<Link>>>,
    accepted: AtomicUsize,
}

/// One connection.
#[derive(Debug)]
struct Link {
    near: TcpStream,
    far: TcpStream,
    /// Nothing is passed on to the server.
    unheard: AtomicBool,
    /// Nothing is passed on from the server.
    unanswered: AtomicBool,
}

impl Link {
    fn end(&self) {
        // Already ended is ended.
        let _ended = self.near.shutdown(Shutdown::Both);
        let _ended = self.far.shutdown(Shutdown::Both);
    }

    fn break_off(&self, how: HalfOpen) {
        self.unanswered.store(true, Ordering::SeqCst);
        if how == HalfOpen::Dead {
            self.unheard.store(true, Ordering::SeqCst);
        }
    }
}

impl Proxy {
    /// A proxy before the server on `port` of this machine.
    pub fn before(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen")?;
        let own = listener.local_addr()?.port();
        let state = Arc::new(State {
            server: port,
            stopping: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            open: Mutex::default(),
            accepted: AtomicUsize::new(0),
        });
        let accepting = Arc::clone(&state);
        std::thread::spawn(move || {
            for near in listener.incoming() {
                if accepting.stopping.load(Ordering::SeqCst) {
                    break;
                }
                // A server that is away refuses, and so does the proxy: the connection ends here.
                if let Ok(near) = near {
                    let _refused = accepting.connect(near);
                }
            }
        });
        Ok(Self { port: own, state })
    }

    /// The port of the proxy.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections there were.
    pub fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// The connections that there are stay half open for good; those that follow work.
    pub fn break_off(&self, how: HalfOpen) {
        self.state.links().iter().for_each(|link| link.break_off(how));
    }

    /// As [`Proxy::break_off`], but those that follow do not work either until [`Proxy::recover`].
    pub fn fall_silent(&self, how: HalfOpen) {
        self.state.silent.store(true, Ordering::SeqCst);
        self.break_off(how);
    }

    /// New connections work again; those that were made meanwhile stay silent.
    pub fn recover(&self) {
        self.state.silent.store(false, Ordering::SeqCst);
    }

    /// Ends all connections; those that follow work.
    pub fn cut(&self) {
        self.state.links().drain(..).for_each(|link| link.end());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the thread that waits in accept.
        let _woken = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl State {
    fn links(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Link>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(self: &Arc<Self>, near: TcpStream) -> std::io::Result<()> {
        self.accepted.fetch_add(1, Ordering::SeqCst);
        let far = TcpStream::connect(("127.0.0.1", self.server))?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let link =
            Arc::new(Link { near, far, unheard: AtomicBool::new(false), unanswered: AtomicBool::new(false) });
        {
            let mut links = self.links();
            links.push(Arc::clone(&link));
            // Under the lock, so that it cannot fall between the two steps of falling silent.
            if self.silent.load(Ordering::SeqCst) {
                link.break_off(HalfOpen::Dead);
            }
        }
        let pass = |from: fn(&Link) -> (&TcpStream, &TcpStream), blocked: fn(&Link) -> &AtomicBool| {
            let (link, state) = (Arc::clone(&link), Arc::clone(self));
            std::thread::spawn(move || {
                let (source, target) = from(&link);
                pass_on(source, target, blocked(&link));
                link.end();
                state.links().retain(|other| !Arc::ptr_eq(other, &link));
            });
        };
        pass(|link| (&link.near, &link.far), |link| &link.unheard);
        pass(|link| (&link.far, &link.near), |link| &link.unanswered);
        Ok(())
    }
}

/// Passes on what comes until either side ends; while `blocked` it is dropped.
fn pass_on(mut source: &TcpStream, mut target: &TcpStream, blocked: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = source.read(&mut buffer) {
        if !blocked.load(Ordering::SeqCst) && target.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A server that says what it hears.
    fn echo() -> Result<u16> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || pass_on(&stream, &stream, &AtomicBool::new(false)));
            }
        });
        Ok(port)
    }

    fn says(stream: &mut TcpStream) -> Result<bool> {
        stream.set_read_timeout(Some(Duration::from_millis(300)))?;
        stream.write_all(b"x")?;
        Ok(matches!(stream.read(&mut [0; 8]), Ok(1)))
    }

    #[test]
    fn connections_break_and_new_ones_work() -> Result<()> {
        let proxy = Proxy::before(echo()?)?;
        let connect = || TcpStream::connect(("127.0.0.1", proxy.port()));
        let mut first = connect()?;
        assert!(says(&mut first)?);
        proxy.break_off(HalfOpen::Deaf);
        assert!(!says(&mut first)?);
        let mut second = connect()?;
        assert!(says(&mut second)?);
        proxy.fall_silent(HalfOpen::Dead);
        let mut third = connect()?;
        assert!(!says(&mut second)? && !says(&mut third)?);
        proxy.recover();
        assert!(says(&mut connect()?)? && !says(&mut third)?);
        proxy.cut();
        assert_eq!(third.read(&mut [0; 8])?, 0);
        assert_eq!(proxy.accepted(), 4);
        Ok(())
    }
}

//! A network that can be slow, unresponsive or broken: a TCP proxy in front of a server.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use url::Url;

/// Maximum bytes per read, and maximum number of such pieces in flight in one direction.
const PIECE_BYTES: usize = 16 * 1024;
const PIECES_UNDER_WAY: usize = 256;

/// State of the network between the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Everything passes immediately.
    Open,
    /// Every piece of data is delayed by `latency` plus up to `jitter`, in each direction and in
    /// order.
    Slow {
        /// Minimum delay in one direction.
        latency: Duration,
        /// Maximum extra delay; the same sequence in every run.
        jitter: Duration,
    },
    /// Bytes are lost and sockets stay open, for new connections as well. When one side closes, the
    /// other learns it after the black hole ends. Lost bytes do not come back.
    BlackHole,
    /// New connections are cut immediately; existing ones are reset.
    Refused,
}

/// A proxy on its own loopback port. Drop ends it and all its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    upstream: (String, u16),
    link: watch::Sender<Link>,
    /// Senders that cut each connection.
    connections: Mutex<HashMap<u64, oneshot::Sender<()>>>,
}

impl Proxy {
    /// Starts a proxy in front of `host` and `port`, with an open link. It runs on the caller's
    /// tokio runtime, so nothing passes while that is blocked.
    pub async fn start(host: &str, port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free port on the loopback")?;
        let own_port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            upstream: (host.to_owned(), port),
            link: watch::Sender::new(Link::Open),
            connections: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { port: own_port, shared, accepting })
    }

    /// Starts a proxy in front of the server in a URL, and returns the URL that leads through the
    /// proxy.
    pub async fn before(url: &str) -> Result<(Self, String)> {
        let mut through: Url = url.parse().context("the URL of the server cannot be read")?;
        let host = through.host_str().context("the URL names no host")?.to_owned();
        let port = through.port().context("the URL names no port")?;
        let proxy = Self::start(&host, port).await?;
        through.set_host(Some("127.0.0.1"))?;
        // Fails only for a URL without a host.
        let _set = through.set_port(Some(proxy.port));
        Ok((proxy, through.into()))
    }

    /// Returns the port on 127.0.0.1 where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the network, for existing and new connections.
    pub fn set(&self, link: Link) {
        self.shared.link.send_replace(link);
        if link == Link::Refused {
            self.reset();
        }
    }

    /// Cuts every connection with a reset on both sides, and returns their number. The link stays
    /// as it is.
    pub fn reset(&self) -> usize {
        let all = std::mem::take(&mut *self.shared.connections());
        // A connection that has ended by itself no longer listens.
        all.into_values().filter_map(|cut| cut.send(()).ok()).count()
    }

    /// Returns the number of open connections.
    pub fn connections(&self) -> usize {
        self.shared.connections().len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<()>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Aborted together with this task.
    let mut connections = JoinSet::new();
    for number in 0.. {
        // At worst too many open files: the next one may succeed.
        let Ok((client, _)) = listener.accept().await else { continue };
        let (cut, is_cut) = oneshot::channel();
        shared.connections().insert(number, cut);
        connections.spawn(serve(client, number, is_cut, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(
    mut client: TcpStream,
    number: u64,
    is_cut: oneshot::Receiver<()>,
    shared: Arc<Shared>,
) {
    let mut server = None;
    let passing = async {
        if *shared.link.borrow() == Link::Refused {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (host, port) = &shared.upstream;
        let server = server.insert(TcpStream::connect((host.as_str(), *port)).await?);
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let (link, seed) = (&shared.link, number.wrapping_mul(2));
        tokio::try_join!(
            pass(from_client, to_server, link.subscribe(), Jitter(seed)),
            pass(from_server, to_client, link.subscribe(), Jitter(seed + 1)),
        )
    };
    let whole = tokio::select! {
        ended = passing => ended.is_ok(),
        _ = is_cut => false,
    };
    if !whole {
        for side in [Some(&client), server.as_ref()].into_iter().flatten() {
            // Closing then sends a reset. A broken socket needs none.
            let _ = side.set_zero_linger();
        }
    }
    drop((client, server));
    shared.connections().remove(&number);
}

/// Forwards one direction until its end; fails when either side is broken.
async fn pass(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    link: watch::Receiver<Link>,
    mut jitter: Jitter,
) -> io::Result<()> {
    let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_UNDER_WAY);
    let reading = async {
        let mut buffer = vec![0; PIECE_BYTES];
        let mut due = Instant::now();
        loop {
            let length = from.read(&mut buffer).await?;
            if length == 0 {
                break;
            }
            let delay = match *link.borrow() {
                Link::BlackHole => continue,
                Link::Slow { latency, jitter: most } => latency + jitter.up_to(most),
                Link::Open | Link::Refused => Duration::ZERO,
            };
            due = due.max(Instant::now() + delay);
            // The other half ends only together with this one.
            let _sent = sender.send((due, buffer[..length].to_vec())).await;
        }
        drop(sender);
        io::Result::Ok(())
    };
    let writing = async {
        while let Some((due, piece)) = pieces.recv().await {
            sleep_until(due).await;
            if *link.borrow() != Link::BlackHole {
                to.write_all(&piece).await?;
            }
        }
        hole_is_over(link.clone()).await;
        to.shutdown().await
    };
    let passed = tokio::try_join!(reading, writing);
    hole_is_over(link.clone()).await;
    passed.map(|_| ())
}

async fn hole_is_over(mut link: watch::Receiver<Link>) {
    // An error means that the proxy ends, and this task with it.
    let _over = link.wait_for(|link| *link != Link::BlackHole).await;
}

/// A pseudo-random sequence that is the same in every run (splitmix64).
struct Jitter(u64);

impl Jitter {
    fn up_to(&mut self, most: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(mixed % most.saturating_add(1))
    }
}

//! The proxy passes, delays, swallows and cuts.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use testkit::{Link, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// How long anything may take that is waited for.
const DEADLINE: Duration = Duration::from_secs(30);

/// A proxy in front of a server that says everything back.
async fn before_an_echo() -> Result<Proxy> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await?;
                to.shutdown().await
            });
        }
    });
    Proxy::start("127.0.0.1", port).await
}

async fn connect(proxy: &Proxy) -> Result<TcpStream> {
    Ok(TcpStream::connect(("127.0.0.1", proxy.port())).await?)
}

/// Says something, and gives what comes back first.
async fn said_back(stream: &mut TcpStream, text: &str) -> Result<String> {
    stream.write_all(text.as_bytes()).await?;
    let mut answer = vec![0; text.len()];
    timeout(DEADLINE, stream.read_exact(&mut answer)).await??;
    Ok(String::from_utf8(answer)?)
}

async fn is_reset(stream: &mut TcpStream) -> Result<bool> {
    let ended = timeout(DEADLINE, stream.read(&mut [0; 8])).await?;
    Ok(ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset))
}

#[tokio::test]
async fn an_open_link_passes_everything_and_each_end() -> Result<()> {
    let proxy = before_an_echo().await?;
    let mut stream = connect(&proxy).await?;
    ensure!(said_back(&mut stream, "hello").await? == "hello");
    let much = "0123456789".repeat(200_000);
    let (mut from, mut to) = stream.split();
    let mut back = String::new();
    let saying = async {
        to.write_all(much.as_bytes()).await?;
        to.shutdown().await
    };
    let (said, heard) =
        timeout(DEADLINE, async { tokio::join!(saying, from.read_to_string(&mut back)) }).await?;
    said?;
    ensure!(heard? == much.len() && back == much, "something was lost or changed");
    Ok(())
}

#[tokio::test]
async fn a_slow_link_takes_its_time_each_way_and_keeps_the_order() -> Result<()> {
    let proxy = before_an_echo().await?;
    let mut stream = connect(&proxy).await?;
    ensure!(said_back(&mut stream, "quick").await? == "quick");
    let latency = Duration::from_millis(60);
    proxy.set(Link::Slow { latency, jitter: Duration::from_millis(40) });
    let started = Instant::now();
    for number in 0..3 {
        let text = format!("number {number}");
        ensure!(said_back(&mut stream, &text).await? == text);
    }
    ensure!(started.elapsed() >= latency * 6, "{:?}", started.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_black_hole_swallows_and_leaves_the_sockets_open() -> Result<()> {
    let proxy = before_an_echo().await?;
    let mut before = connect(&proxy).await?;
    ensure!(said_back(&mut before, "one").await? == "one");
    proxy.set(Link::BlackHole);
    let mut within = connect(&proxy).await?;
    for stream in [&mut before, &mut within] {
        stream.write_all(b"two").await?;
        let silence = timeout(Duration::from_millis(200), stream.read(&mut [0; 8])).await;
        ensure!(silence.is_err(), "something came through: {silence:?}");
    }
    proxy.set(Link::Open);
    for stream in [&mut before, &mut within] {
        ensure!(said_back(stream, "three").await? == "three");
    }
    Ok(())
}

#[tokio::test]
async fn a_reset_cuts_all_there_are_and_none_that_come() -> Result<()> {
    let proxy = before_an_echo().await?;
    let mut both = [connect(&proxy).await?, connect(&proxy).await?];
    for stream in &mut both {
        ensure!(said_back(stream, "here").await? == "here");
    }
    ensure!(proxy.connections() == 2);
    ensure!(proxy.reset() == 2);
    for stream in &mut both {
        ensure!(is_reset(stream).await?, "a connection outlived the reset");
    }
    ensure!(proxy.reset() == 0);
    ensure!(said_back(&mut connect(&proxy).await?, "again").await? == "again");
    Ok(())
}

#[tokio::test]
async fn a_refusing_link_cuts_old_and_new_until_it_opens() -> Result<()> {
    let proxy = before_an_echo().await?;
    let mut old = connect(&proxy).await?;
    ensure!(said_back(&mut old, "here").await? == "here");
    proxy.set(Link::Refused);
    ensure!(is_reset(&mut old).await?, "the old connection lives");
    ensure!(is_reset(&mut connect(&proxy).await?).await?, "a new connection lives");
    proxy.set(Link::Open);
    ensure!(said_back(&mut connect(&proxy).await?, "again").await? == "again");
    Ok(())
}

#[tokio::test]
async fn nothing_is_left_after_the_drop() -> Result<()> {
    let proxy = before_an_echo().await?;
    let mut stream = connect(&proxy).await?;
    ensure!(said_back(&mut stream, "here").await? == "here");
    let port = proxy.port();
    drop(proxy);
    let ended = timeout(DEADLINE, stream.read(&mut [0; 8])).await?;
    ensure!(!matches!(ended, Ok(1..)), "{ended:?}");
    ensure!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "somebody still listens");
    Ok(())
}

#[tokio::test]
async fn a_url_leads_through_the_proxy() -> Result<()> {
    let url = testkit::redis()?.url();
    let (proxy, through) = Proxy::before(&format!("{url}/3")).await?;
    ensure!(through == format!("redis://127.0.0.1:{}/3", proxy.port()), "{through}");
    Ok(())
}

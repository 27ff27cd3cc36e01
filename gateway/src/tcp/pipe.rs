//! Bytes both ways between a client and a provider, until one of them, time, or somebody else ends it.

use core::future::Future;
use core::time::Duration;
use std::borrow::Cow;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::time::Instant;

/// For each direction of each connection.
const BUFFER_BYTES: usize = 8 << 10;

/// Sees what goes from the provider to the client.
pub(super) trait Watcher: Send {
    /// What the client is to get instead of what was read.
    fn change<'a>(&mut self, read: &'a [u8]) -> Cow<'a, [u8]> {
        Cow::Borrowed(read)
    }

    /// The client got these.
    fn wrote(&mut self, _bytes: &[u8]) {}
}

impl Watcher for () {}

/// How it ended.
#[derive(Debug)]
pub(super) enum End<C> {
    /// Both sides have said all.
    Done,
    /// Nothing moved for too long.
    Idle,
    /// A connection broke.
    Broken(io::Error),
    /// It was ended from outside.
    Cut(C),
}

/// What went through.
#[derive(Debug, Default)]
pub(super) struct Passed {
    pub(super) up: AtomicU64,
    pub(super) down: AtomicU64,
}

/// Carries until the end. When one side has said all, the other may still go on; what is read is written before more is read.
pub(super) async fn carry<C>(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin + Send),
    provider: &mut (impl AsyncRead + AsyncWrite + Unpin + Send),
    watcher: &mut impl Watcher,
    idle: Duration,
    passed: &Passed,
    cut: impl Future<Output = C>,
) -> End<C> {
    let begun = Instant::now();
    let moved_ms = AtomicU64::new(0);
    let moved = || {
        moved_ms.store(
            u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            Relaxed,
        )
    };
    let (client_reader, client_writer) = split(client);
    let (provider_reader, provider_writer) = split(provider);
    let unwatched = &mut ();
    let up = one_way(
        client_reader,
        provider_writer,
        unwatched,
        &passed.up,
        &moved,
    );
    let down = one_way(
        provider_reader,
        client_writer,
        watcher,
        &passed.down,
        &moved,
    );
    tokio::pin!(up, down, cut);
    let (mut up_is_done, mut down_is_done) = (false, false);
    while !(up_is_done && down_is_done) {
        let idle_at = begun + Duration::from_millis(moved_ms.load(Relaxed)) + idle;
        tokio::select! {
            done = &mut up, if !up_is_done => match done {
                Ok(()) => up_is_done = true,
                Err(error) => return End::Broken(error),
            },
            done = &mut down, if !down_is_done => match done {
                Ok(()) => down_is_done = true,
                Err(error) => return End::Broken(error),
            },
            because = &mut cut => return End::Cut(because),
            () = tokio::time::sleep_until(idle_at) => {
                if begun + Duration::from_millis(moved_ms.load(Relaxed)) + idle <= Instant::now() {
                    return End::Idle;
                }
            }
        }
    }
    End::Done
}

async fn one_way(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    watcher: &mut impl Watcher,
    passed: &AtomicU64,
    moved: &impl Fn(),
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = reader.read(&mut buffer).await?;
        moved();
        if count == 0 {
            return writer.shutdown().await;
        }
        let changed = watcher.change(&buffer[..count]);
        let mut left = &changed[..];
        // Not `write_all`: whoever cuts us off must know how far we came.
        while !left.is_empty() {
            let count = writer.write(left).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            moved();
            passed.fetch_add(count as u64, Relaxed);
            watcher.wrote(&left[..count]);
            left = &left[count..];
        }
        writer.flush().await?;
    }
}

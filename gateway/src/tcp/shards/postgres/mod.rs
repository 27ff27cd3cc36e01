//! PostgreSQL: a session is read up to its shard key, joined to that shard's server, and carried untouched from then on.
//!
//! A session belongs to one shard. What comes before it is pure (`startup`, `wish`), what the server says first too (`greeting`); this
//! file connects them. When the shard's primary is replaced, sessions that write there end with `57P01`, which clients know
//! from a server that is shut down, and their next connection goes to the new one.

pub mod greeting;
pub mod startup;
pub mod wish;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use dotkey_proto::zone::Provider;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use self::greeting::{Borders, Fatal, Greeting};
use self::startup::{BackendKey, First, Startup, StartupError};
use super::super::counters::{add, count};
use super::super::dial::{Opening, dial};
use super::super::listener::{Closed, Phase, Shared};
use super::super::pipe::{End, Passed, Watcher, carry};
use super::super::sni::closed;
use super::{Place, Shards, Target, Unplaced, displaced};

/// "I have none", to the question for encryption.
const NO_ENCRYPTION: u8 = b'N';
/// A client asks for TLS and for GSSAPI once each.
const QUESTIONS_MAX: usize = 2;

/// The shards and who can be cancelled where.
pub(in crate::tcp) struct Service {
    shards: Shards,
    sessions: Mutex<HashMap<BackendKey, (u64, Provider)>>,
    session: AtomicU64,
}

impl Service {
    pub(in crate::tcp) fn new(shards: Shards) -> Self {
        Self {
            shards,
            sessions: Mutex::default(),
            session: AtomicU64::new(0),
        }
    }
}

pub(in crate::tcp) async fn serve(
    shared: &Arc<Shared>,
    service: &Service,
    mut client: TcpStream,
) -> Closed {
    let first = match timeout(shared.config.bounds.begin, first(&mut client)).await {
        Ok(Ok(first)) => first,
        Ok(Err(Unread::Gone(why))) => return Closed::early(why),
        Ok(Err(Unread::Wrong(error))) => {
            count(&shared.counters.unreadable);
            let hint = "Connect with a PostgreSQL client of version 3 of the protocol.";
            return refuse(client, fatal("08P01", error.to_string(), hint)).await;
        }
        Err(_) => {
            count(&shared.counters.unreadable);
            return Closed::early("its startup message did not come in time");
        }
    };
    match first {
        First::Start(startup) => session(shared, service, client, startup).await,
        First::Cancel(key) => cancel(shared, service, &key).await,
        First::Encrypt => unreachable!("questions are answered where they are read"),
    }
}

enum Unread {
    Gone(String),
    Wrong(StartupError),
}

/// The first message that is no question about encryption.
async fn first(client: &mut TcpStream) -> Result<First, Unread> {
    let gone = |error: std::io::Error| Unread::Gone(error.to_string());
    let mut held = Vec::new();
    let mut questions = 0;
    loop {
        match startup::read(&held).map_err(Unread::Wrong)? {
            Some((First::Encrypt, length)) => {
                // Whoever sends more before he has the answer thinks that it is encrypted.
                if held.len() > length || questions == QUESTIONS_MAX {
                    return Err(Unread::Wrong(StartupError::Broken(
                        "more than a question about encryption",
                    )));
                }
                questions += 1;
                held.clear();
                client.write_u8(NO_ENCRYPTION).await.map_err(gone)?;
            }
            Some((first, length)) => {
                // No client speaks on before the server has asked for its password.
                return match held.len() == length {
                    true => Ok(first),
                    false => Err(Unread::Wrong(StartupError::Broken(
                        "more after the startup message",
                    ))),
                };
            }
            None => {
                let mut buffer = [0; 1024];
                match client.read(&mut buffer).await.map_err(gone)? {
                    0 => {
                        return Err(Unread::Gone(
                            "it ended before its startup message did".to_owned(),
                        ));
                    }
                    count => held.extend_from_slice(&buffer[..count]),
                }
            }
        }
    }
}

async fn session(
    shared: &Arc<Shared>,
    service: &Service,
    mut client: TcpStream,
    mut startup: Startup,
) -> Closed {
    let wanted = match wish::take(&mut startup) {
        Ok(wanted) => wanted,
        Err(error) => {
            count(&shared.counters.unroutable);
            return refuse(client, fatal("08004", error.to_string(), KEY_HINT)).await;
        }
    };
    let target = Target::Key(wanted.key.as_deref());
    let reaching = service
        .shards
        .reach(shared, target, wanted.wish, Opening::PostgresTls);
    let (reached, place) = match reaching.await {
        Ok(reached) => reached,
        Err(error) => {
            count(match error {
                Unplaced::NoKey { .. } | Unplaced::NoShard { .. } => &shared.counters.unroutable,
                Unplaced::Unresolved { .. } | Unplaced::Unreached { .. } => {
                    &shared.counters.unreached
                }
            });
            return refuse(client, unplaced(&error)).await;
        }
    };
    let mut stream = reached.stream;
    let message = startup.write();
    if let Err(error) = stream.write_all(&message).await {
        count(&shared.counters.unreached);
        let tried = format!("{}: {error}", place.provider.id);
        let shard = place.shard.to_string();
        return refuse(client, unplaced(&Unplaced::Unreached { shard, tried })).await;
    }
    add(&shared.counters.bytes_up, message.len());
    let mut watcher = Session {
        service,
        id: service.session.fetch_add(1, Relaxed),
        provider: place.provider.clone(),
        key: None,
        greeting: Greeting::new(stream.is_encrypted()),
        borders: Borders::default(),
    };
    let passed = Passed::default();
    let cut = cut(shared, service, &place);
    let end = carry(
        &mut client,
        &mut stream,
        &mut watcher,
        shared.config.bounds.idle,
        &passed,
        cut,
    )
    .await;
    drop((stream, reached.hold));
    let is_between = watcher.borders.is_between();
    drop(watcher);
    let url = place.provider.url.as_str();
    let End::Cut(fatal) = end else {
        return closed(shared, url, &passed, &end, "");
    };
    // In the middle of a message nothing of ours would be understood: the end alone has to say it.
    if is_between {
        farewell(&mut client, &fatal).await;
    }
    closed(shared, url, &passed, &End::Cut(()), &fatal.message)
}

/// Ends when the session has to.
async fn cut(shared: &Shared, service: &Service, place: &Place) -> Fatal {
    tokio::select! {
        () = displaced(service.shards.view(), place) => {
            count(&shared.counters.replaced);
            fatal(
                "57P01",
                format!("{} serves the shard {} no more", place.provider.id, place.shard),
                "Connect again: the gateway knows who does. What was being done may have been done or not.",
            )
        }
        () = shared.phase(Phase::Ended) => fatal("57P01", "the gateway stops".to_owned(), "Connect again later."),
    }
}

const KEY_HINT: &str = "Name one: PGOPTIONS='-c dotkey.shard_key=KEY', or the connection parameter options=-c dotkey.shard_key=KEY.";

fn unplaced(error: &Unplaced) -> Fatal {
    let (code, hint) = match error {
        Unplaced::NoKey { .. } | Unplaced::NoShard { .. } => ("08004", KEY_HINT),
        Unplaced::Unresolved { .. } => (
            "57P03",
            "Look at the name with `dotkey resolve`, or try again later.",
        ),
        Unplaced::Unreached { .. } => (
            "57P03",
            "Try again later; the shard's owner may publish a primary that can be reached, with a higher epoch.",
        ),
    };
    fatal(code, error.to_string(), hint)
}

fn fatal(code: &'static str, message: String, hint: &str) -> Fatal {
    Fatal {
        code,
        message: format!("dotkey gateway: {message}"),
        hint: hint.to_owned(),
    }
}

async fn refuse(mut client: TcpStream, fatal: Fatal) -> Closed {
    farewell(&mut client, &fatal).await;
    Closed::early(fatal.message)
}

/// Best effort: whoever takes nothing does not hear it.
async fn farewell(client: &mut TcpStream, fatal: &Fatal) {
    let said = async {
        client.write_all(&fatal.write()).await?;
        client.shutdown().await
    };
    let _ = timeout(core::time::Duration::from_secs(1), said).await;
}

/// Carries a request to cancel to where its session is. It is never answered, also by a server.
async fn cancel(shared: &Arc<Shared>, service: &Service, key: &BackendKey) -> Closed {
    let provider = {
        let sessions = service
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sessions.get(key).map(|(_, provider)| provider.clone())
    };
    let Some(provider) = provider else {
        count(&shared.counters.unroutable);
        return Closed::early("a request to cancel what is not here");
    };
    let url = provider.url.to_string();
    let carried = async {
        let reached = dial(
            shared,
            service.shards.name(),
            &provider,
            Opening::PostgresTls,
        )
        .await;
        let mut stream = reached.map_err(|error| error.to_string())?.stream;
        let written = stream.write_all(&key.request()).await;
        written.map_err(|error| error.to_string())?;
        // The server closes when it has acted.
        let _ = stream.read_u8().await;
        Ok::<(), String>(())
    };
    let end = match timeout(shared.config.bounds.reach, carried).await {
        Ok(Ok(())) => {
            count(&shared.counters.cancelled);
            "a request to cancel was carried".to_owned()
        }
        Ok(Err(why)) => why,
        Err(_) => "a request to cancel was not taken in time".to_owned(),
    };
    Closed {
        to: Some(url),
        ..Closed::early(end)
    }
}

/// Sees what a session's server says.
struct Session<'a> {
    service: &'a Service,
    id: u64,
    provider: Provider,
    key: Option<BackendKey>,
    greeting: Greeting,
    borders: Borders,
}

impl Watcher for Session<'_> {
    fn change<'b>(&mut self, read: &'b [u8]) -> Cow<'b, [u8]> {
        if self.greeting.is_over() {
            return Cow::Borrowed(read);
        }
        let mut out = Vec::with_capacity(read.len());
        self.greeting.pass(read, &mut out);
        if let Some(key) = self.greeting.take_key() {
            let mut sessions = self
                .service
                .sessions
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            sessions.insert(key.clone(), (self.id, self.provider.clone()));
            self.key = Some(key);
        }
        Cow::Owned(out)
    }

    fn wrote(&mut self, bytes: &[u8]) {
        self.borders.pass(bytes);
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let Some(key) = &self.key else {
            return;
        };
        let mut sessions = self
            .service
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Two servers may have given out the same key; the later session has it then.
        if sessions.get(key).is_some_and(|(id, _)| *id == self.id) {
            sessions.remove(key);
        }
    }
}

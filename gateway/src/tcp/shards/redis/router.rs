//! What one Redis client's next command leads to: which shard it goes to, or what it is answered.
//!
//! Pure. The router owns what the client made of its connection: whether it reads from replicas, who it said it is, and
//! the transaction that it is in. A transaction is in one shard, that of its first key; what cannot be in it makes its `EXEC` fail,
//! so that nothing of it is done. Sending, and the order of replies, are for the driver.

use super::super::map::{Map, Wish};
use super::commands::{self, Keys, Way};
use super::resp::{self, Command};

/// What is remembered for connections that are made later: at most one of each of `HELLO`, `AUTH`, `SELECT`.
const REMEMBERED_BYTES_MAX: usize = 4096;

const ABORTED: &str = "EXECABORT the transaction was discarded because of what was answered before; nothing of it was done, begin it again";

/// What to do with a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The client gets this.
    Answer(Vec<u8>),
    /// The client gets this, and the connection ends.
    AnswerAndClose(Vec<u8>),
    /// It goes to a shard.
    Send {
        /// The shard's id.
        shard: Box<str>,
        /// To its primary, or also to a replica.
        wish: Wish,
        /// Whether the shard must be sent a `MULTI` before, whose reply the client has already.
        opens: bool,
    },
    /// It goes to each shard that is connected, and the client gets the first one's answer; where none is, to this one.
    Everywhere {
        /// The shard's id.
        first: Box<str>,
    },
    /// The shard's transaction or watch is ended, and the client gets this.
    Discard {
        /// The shard's id.
        shard: Box<str>,
        /// The command that ends it.
        by: &'static str,
        /// The answer.
        answer: Vec<u8>,
    },
    /// All connections to shards end; the client gets this.
    Reset(Vec<u8>),
}

/// One client's state.
#[derive(Clone, Debug, Default)]
pub struct Router {
    is_reader: bool,
    hello: Option<Command>,
    auth: Option<Command>,
    select: Option<Command>,
    watched: Option<Watched>,
    transaction: Option<Transaction>,
}

#[derive(Clone, Debug)]
struct Watched {
    shard: Box<str>,
    /// The connection that watched is gone, and what it saw with it.
    is_lost: bool,
}

#[derive(Clone, Debug, Default)]
struct Transaction {
    /// Where it is, once a key said so.
    shard: Option<Box<str>>,
    /// Whether that shard has had the `MULTI`.
    is_open: bool,
    /// Whether something in it cannot be done.
    is_aborted: bool,
}

impl Router {
    /// What a new connection to a shard must hear before anything else.
    pub fn introduction(&self) -> impl Iterator<Item = &Command> {
        [&self.auth, &self.hello, &self.select]
            .into_iter()
            .flatten()
    }

    /// The shard whose connection has a transaction or a watch of this client, which would be lost with it.
    #[must_use]
    pub fn pinned(&self) -> Option<&str> {
        let watched = self.watched.as_ref().map(|it| &*it.shard);
        watched.or_else(|| self.transaction.as_ref()?.shard.as_deref())
    }

    /// The connection to a shard's primary is gone: a transaction there is void.
    pub fn lost(&mut self, shard: &str) {
        if let Some(watched) = self.watched.as_mut().filter(|it| &*it.shard == shard) {
            watched.is_lost = true;
        }
        let transaction = self.transaction.as_mut();
        if let Some(it) = transaction.filter(|it| it.shard.as_deref() == Some(shard)) {
            (it.is_open, it.is_aborted) = (false, true);
        }
    }

    /// What a command leads to.
    pub fn route(&mut self, command: &Command, map: &Map) -> Plan {
        let name = command.word(0);
        match commands::way(&name) {
            Way::Refused(why) => self.refuse(&format!("ERR {name} is not carried: {why}")),
            Way::Transaction => self.transact(&name, command, map),
            Way::Keyed(keys, wish) => self.keyed(&name, command, keys, wish, map),
            Way::Keyless => self.keyless(&name, map),
            _ if self.transaction.is_some() => self.refuse(&format!(
                "ERR {name} is not carried within MULTI; send it before or after"
            )),
            Way::Anywhere => self.send(map.shards()[0].id.clone(), Wish::Write),
            Way::Everywhere => self.everywhere(&name, command, map),
            Way::Here => self.here(&name, command),
        }
    }

    /// An error, which also makes a transaction fail.
    fn refuse(&mut self, text: &str) -> Plan {
        if let Some(transaction) = &mut self.transaction {
            transaction.is_aborted = true;
        }
        Plan::Answer(resp::error(text))
    }

    fn keyed(&mut self, name: &str, command: &Command, keys: Keys, wish: Wish, map: &Map) -> Plan {
        let Some(keys) = commands::keys(command, keys) else {
            return self.keyless(name, map);
        };
        match one_shard(&keys, map) {
            Ok(shard) => self.send(shard, wish),
            Err(text) => self.refuse(&text),
        }
    }

    fn keyless(&mut self, name: &str, map: &Map) -> Plan {
        match map.shard_of(None) {
            Some(only) => self.send(only.id.clone(), Wish::Write),
            None => self.refuse(&format!(
                "ERR {name} names no key that the gateway knows of, so which of {} shards it is for is open; connect to that shard itself",
                map.shards().len()
            )),
        }
    }

    fn send(&mut self, shard: Box<str>, wish: Wish) -> Plan {
        let Some(transaction) = &mut self.transaction else {
            let wish = if self.is_reader { wish } else { Wish::Write };
            return Plan::Send {
                shard,
                wish,
                opens: false,
            };
        };
        let place = transaction.shard.get_or_insert_with(|| shard.clone());
        if *place != shard {
            let text = format!(
                "CROSSSLOT this transaction is in the shard {place}, the key in {shard}; give their keys one {{hash tag}}"
            );
            return self.refuse(&text);
        }
        if transaction.is_aborted {
            return self.refuse("ERR the transaction cannot be done any more; end it with DISCARD or EXEC, and begin it again");
        }
        Plan::Send {
            shard,
            wish: Wish::Write,
            opens: !core::mem::replace(&mut transaction.is_open, true),
        }
    }

    fn transact(&mut self, name: &str, command: &Command, map: &Map) -> Plan {
        let ok = || Plan::Answer(b"+OK\r\n".to_vec());
        match (name, self.transaction.take()) {
            ("multi", None) => {
                let watched = self.watched.as_ref();
                self.transaction = Some(Transaction {
                    shard: watched.map(|it| it.shard.clone()),
                    is_open: false,
                    is_aborted: watched.is_some_and(|it| it.is_lost),
                });
                ok()
            }
            ("multi" | "watch", Some(transaction)) => {
                self.transaction = Some(transaction);
                Plan::Answer(resp::error(&format!(
                    "ERR {} inside MULTI is not allowed",
                    name.to_uppercase()
                )))
            }
            ("exec" | "discard", None) => Plan::Answer(resp::error(&format!(
                "ERR {} without MULTI",
                name.to_uppercase()
            ))),
            ("exec" | "discard", Some(transaction)) => self.end(name == "exec", transaction),
            ("watch", None) => self.watch(command, map),
            (_, transaction) => {
                self.transaction = transaction;
                if self.transaction.is_some() {
                    return self.refuse(
                        "ERR UNWATCH is not carried within MULTI; EXEC and DISCARD end the watch",
                    );
                }
                match self.watched.take().filter(|it| !it.is_lost) {
                    Some(watched) => Plan::Send {
                        shard: watched.shard,
                        wish: Wish::Write,
                        opens: false,
                    },
                    None => ok(),
                }
            }
        }
    }

    /// `EXEC` or `DISCARD`, which also end a watch.
    fn end(&mut self, is_exec: bool, transaction: Transaction) -> Plan {
        let watches = self.watched.take().is_some_and(|it| !it.is_lost);
        let answer = match (is_exec, transaction.is_aborted) {
            (true, true) => resp::error(ABORTED),
            (true, false) => b"*0\r\n".to_vec(),
            (false, _) => b"+OK\r\n".to_vec(),
        };
        match (transaction.shard, transaction.is_open) {
            (Some(shard), true) if transaction.is_aborted => Plan::Discard {
                shard,
                by: "DISCARD",
                answer,
            },
            (Some(shard), true) => Plan::Send {
                shard,
                wish: Wish::Write,
                opens: false,
            },
            // Nothing was sent there but the watch, which must end.
            (Some(shard), false) if watches && transaction.is_aborted => Plan::Discard {
                shard,
                by: "UNWATCH",
                answer,
            },
            (Some(shard), false) if watches => Plan::Send {
                shard,
                wish: Wish::Write,
                opens: true,
            },
            _ => Plan::Answer(answer),
        }
    }

    fn watch(&mut self, command: &Command, map: &Map) -> Plan {
        let keys = commands::keys(command, Keys::Range(1, -1, 1)).unwrap_or_default();
        let shard = match one_shard(&keys, map) {
            Ok(shard) => shard,
            Err(text) => return self.refuse(&text),
        };
        match &self.watched {
            Some(watched) if watched.shard != shard => {
                let text = format!(
                    "CROSSSLOT keys of the shard {} are watched, this one is in {shard}; give them one {{hash tag}}",
                    watched.shard
                );
                Plan::Answer(resp::error(&text))
            }
            watched => {
                let is_lost = watched.as_ref().is_some_and(|it| it.is_lost);
                self.watched = Some(Watched {
                    shard: shard.clone(),
                    is_lost,
                });
                Plan::Send {
                    shard,
                    wish: Wish::Write,
                    opens: false,
                }
            }
        }
    }

    fn everywhere(&mut self, name: &str, command: &Command, map: &Map) -> Plan {
        if command.as_bytes().len() > REMEMBERED_BYTES_MAX {
            return Plan::Answer(resp::error(&format!(
                "ERR {name} has more than {REMEMBERED_BYTES_MAX} bytes"
            )));
        }
        let remembered = Some(command.clone());
        match name {
            "auth" => self.auth = remembered,
            "select" => self.select = remembered,
            // A question without a version changes nothing.
            _ if command.len() > 1 => self.hello = remembered,
            _ => {}
        }
        Plan::Everywhere {
            first: map.shards()[0].id.clone(),
        }
    }

    fn here(&mut self, name: &str, command: &Command) -> Plan {
        let ok = b"+OK\r\n".to_vec();
        let text =
            |bytes: &[u8]| [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        match (name, command.argument(1)) {
            ("ping", None) => Plan::Answer(b"+PONG\r\n".to_vec()),
            ("ping" | "echo", Some(said)) => Plan::Answer(text(said)),
            ("quit", _) => Plan::AnswerAndClose(ok),
            ("readonly" | "readwrite", None) => {
                self.is_reader = name == "readonly";
                Plan::Answer(ok)
            }
            ("reset", None) => {
                *self = Self::default();
                Plan::Reset(b"+RESET\r\n".to_vec())
            }
            ("client", Some(_)) => match &*command.word(1) {
                // What libraries say of themselves, which changes nothing.
                "setinfo" | "setname" | "no-evict" | "no-touch" => Plan::Answer(ok),
                other => self.refuse(&format!("ERR client {other} is not carried: the gateway has connections of its own to the shards")),
            },
            _ => self.refuse(&format!("ERR wrong number of arguments for '{name}' command")),
        }
    }
}

/// The one shard of all these keys.
fn one_shard(keys: &[&[u8]], map: &Map) -> Result<Box<str>, String> {
    let mut found: Option<&str> = None;
    for key in keys {
        let shard = map.shard_of(Some(commands::shard_key(key)));
        let shard = &*shard.ok_or("ERR the name's record has no shards")?.id;
        match found.replace(shard) {
            Some(before) if before != shard => {
                return Err(format!(
                    "CROSSSLOT Keys in request don't hash to the same slot: they are in the shards {before} and {shard}; give them one {{hash tag}}, or send a command for each"
                ));
            }
            _ => {}
        }
    }
    found
        .map(Box::from)
        .ok_or_else(|| "ERR wrong number of arguments".to_owned())
}

#[cfg(test)]
mod tests;

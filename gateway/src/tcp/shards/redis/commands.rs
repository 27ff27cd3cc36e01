//! What each Redis command is to who carries it: where its keys stand, whether it only reads, and whether it can be carried.
//!
//! Pure. The table is that of Redis 7.0; a test compares it with what a real server says of itself. A command that is not in it
//! belongs to a module or a newer Redis: where its keys stand is not known, so it goes through only where there is one shard.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::super::map::Wish;
use super::resp::Command;

/// What is done with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It goes to the shard of its keys.
    Keyed(Keys, Wish),
    /// It has no key: it goes through where there is one shard only.
    Keyless,
    /// Every shard says the same: it goes to the first.
    Anywhere,
    /// It changes what the connection is, so each shard that is used hears of it.
    Everywhere,
    /// It is answered here.
    Here,
    /// It begins, watches or ends a transaction.
    Transaction,
    /// It is never carried, and why.
    Refused(&'static str),
}

/// Where the keys of a command stand. The command's name is argument 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// From the first to the last, counted from the end when negative, each so many from the one before.
    Range(usize, isize, usize),
    /// Behind the argument that says how many, and one more at the place, where there is one.
    Counted(usize, Option<usize>),
    /// The first half of what follows the word `STREAMS`.
    Streams,
    /// The first argument, and those that follow the words `STORE` and `STOREDIST`.
    Store,
}

const ONE: Keys = Keys::Range(1, 1, 1);
const TWO: Keys = Keys::Range(1, 2, 1);
const ALL: Keys = Keys::Range(1, -1, 1);
const BELOW: Keys = Keys::Range(2, 2, 1);

const SUBSCRIBES: &str = "it makes the connection one that listens, which belongs to one shard; connect to that shard itself";
const FOLLOWS: &str = "it is for servers that copy one another; connect to the shard itself";
const CHANGES_ROLES: &str = "who is primary is for the name's record to say; publish the record with a higher epoch, and connect to the server itself";
const NO_CLUSTER: &str = "This instance has cluster support disabled; the gateway finds the shard, use the client without cluster mode";

const READ: Wish = Wish::Read;
const WRITE: Wish = Wish::Write;

/// Command names by what they are.
#[rustfmt::skip]
pub const TABLE: &[(Way, &str)] = &[
    (Way::Keyed(ONE, READ), "bitcount bitfield_ro bitpos dump expiretime geodist geohash geopos georadius_ro georadiusbymember_ro geosearch get getbit getrange hexists hget hgetall hkeys hlen hmget hrandfield hscan hstrlen hvals lindex llen lpos lrange pexpiretime pttl scard sismember smembers smismember sort_ro srandmember sscan strlen substr ttl type xlen xpending xrange xrevrange zcard zcount zlexcount zmscore zrandmember zrange zrangebylex zrangebyscore zrank zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore"),
    (Way::Keyed(ONE, WRITE), "append bitfield decr decrby expire expireat geoadd getdel getex getset hdel hincrby hincrbyfloat hmset hset hsetnx incr incrby incrbyfloat linsert lpop lpush lpushx lrem lset ltrim move persist pexpire pexpireat pfadd psetex restore restore-asking rpop rpush rpushx sadd set setbit setex setnx setrange spop srem xack xadd xautoclaim xclaim xdel xsetid xtrim zadd zincrby zpopmax zpopmin zrem zremrangebylex zremrangebyrank zremrangebyscore"),
    (Way::Keyed(TWO, READ), "lcs"),
    (Way::Keyed(TWO, WRITE), "blmove brpoplpush copy geosearchstore lmove rename renamenx rpoplpush smove zrangestore"),
    (Way::Keyed(ALL, READ), "exists mget pfcount sdiff sinter sunion touch"),
    (Way::Keyed(ALL, WRITE), "del pfmerge sdiffstore sinterstore sunionstore unlink"),
    (Way::Keyed(Keys::Range(1, -1, 2), WRITE), "mset msetnx"),
    (Way::Keyed(Keys::Range(1, -2, 1), WRITE), "blpop brpop bzpopmax bzpopmin"),
    (Way::Keyed(Keys::Range(2, -1, 1), WRITE), "bitop"),
    (Way::Keyed(BELOW, READ), "object xinfo memory"),
    (Way::Keyed(BELOW, WRITE), "pfdebug xgroup"),
    (Way::Keyed(Keys::Counted(1, None), READ), "sintercard zdiff zinter zintercard zunion"),
    (Way::Keyed(Keys::Counted(1, None), WRITE), "lmpop zmpop"),
    (Way::Keyed(Keys::Counted(2, None), READ), "eval_ro evalsha_ro fcall_ro"),
    (Way::Keyed(Keys::Counted(2, None), WRITE), "blmpop bzmpop eval evalsha fcall"),
    (Way::Keyed(Keys::Counted(2, Some(1)), WRITE), "zdiffstore zinterstore zunionstore"),
    (Way::Keyed(Keys::Streams, READ), "xread"),
    (Way::Keyed(Keys::Streams, WRITE), "xreadgroup"),
    (Way::Keyed(Keys::Store, WRITE), "georadius georadiusbymember sort"),
    (Way::Transaction, "discard exec multi unwatch watch"),
    (Way::Everywhere, "auth hello select"),
    (Way::Anywhere, "command info lolwut time"),
    (Way::Here, "client echo ping quit readonly readwrite reset"),
    (Way::Keyless, "acl bgrewriteaof bgsave config dbsize flushall flushdb function keys lastsave latency module publish pubsub randomkey role save scan script slowlog spublish swapdb wait"),
    (Way::Refused(SUBSCRIBES), "monitor psubscribe punsubscribe ssubscribe subscribe sunsubscribe unsubscribe"),
    (Way::Refused(FOLLOWS), "asking migrate pfselftest psync replconf sync"),
    (Way::Refused(CHANGES_ROLES), "debug failover replicaof shutdown slaveof"),
    (Way::Refused(NO_CLUSTER), "cluster"),
];

/// What is done with a command of this name, in lower case.
#[must_use]
pub fn way(name: &str) -> Way {
    static BY_NAME: OnceLock<BTreeMap<&str, Way>> = OnceLock::new();
    let by_name = BY_NAME.get_or_init(|| {
        let names = |(way, names): &(Way, &'static str)| {
            names
                .split(' ')
                .map(|name| (name, *way))
                .collect::<Vec<_>>()
        };
        TABLE.iter().flat_map(names).collect()
    });
    by_name.get(name).copied().unwrap_or(Way::Keyless)
}

/// The keys of a command; none where it has fewer arguments than its form asks for.
#[must_use]
pub fn keys(command: &Command, keys: Keys) -> Option<Vec<&[u8]>> {
    let some = |places: Vec<usize>| -> Option<Vec<&[u8]>> {
        let found: Option<Vec<&[u8]>> = places.into_iter().map(|at| command.argument(at)).collect();
        found.filter(|keys| !keys.is_empty())
    };
    match keys {
        Keys::Range(first, last, step) => {
            let last = match last {
                ..0 => command.len().checked_add_signed(last)?,
                _ => last.unsigned_abs(),
            };
            some((first..=last).step_by(step).collect())
        }
        Keys::Counted(at, another) => {
            let count = command.number(at)?;
            // Before it is believed: there must be as many arguments.
            let end = at.checked_add(count).filter(|end| *end < command.len())?;
            some(another.into_iter().chain(at + 1..=end).collect())
        }
        Keys::Streams => {
            let at = (1..command.len()).find(|at| command.word(*at) == "streams")?;
            let after = command.len() - at - 1;
            some((at + 1..=at + after / 2).collect())
        }
        Keys::Store => {
            let is_store = |at: &usize| matches!(&*command.word(*at), "store" | "storedist");
            let stored = (2..command.len().saturating_sub(1))
                .filter(is_store)
                .map(|at| at + 1);
            some(core::iter::once(1).chain(stored).collect())
        }
    }
}

/// The part of a key that decides its shard: what stands in its first pair of braces, if anything does, as in a Redis Cluster.
#[must_use]
pub fn shard_key(key: &[u8]) -> &[u8] {
    let tag = || {
        let open = key.iter().position(|byte| *byte == b'{')? + 1;
        let length = key[open..].iter().position(|byte| *byte == b'}')?;
        (length > 0).then(|| &key[open..open + length])
    };
    tag().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        let arguments: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
        let command = Command::of(&arguments);
        let Way::Keyed(places, _) = way(&command.word(0)) else {
            panic!("{text} has keys");
        };
        let found = keys(&command, places).map(|keys| {
            keys.iter()
                .map(|it| String::from_utf8_lossy(it).into_owned())
                .collect::<Vec<_>>()
                .join(" ")
        });
        assert_eq!(found.as_deref().unwrap_or("none"), expected, "{text}");
    }

    #[test]
    fn keys_stand_where_the_table_says() {
        check("GET k", "k");
        check("get", "none");
        check("SET k v EX 5", "k");
        check("MGET a b c", "a b c");
        check("MSET a 1 b 2", "a b");
        check("BLPOP a b 0", "a b");
        check("BLPOP", "none");
        check("BITOP AND d a b", "d a b");
        check("OBJECT encoding k", "k");
        check("RENAME a b", "a b");
        check("EVAL s 2 a b x", "a b");
        check("EVAL s 0 x", "none");
        check("EVAL s 9 a", "none");
        check("EVAL s -1 a", "none");
        check("EVAL s 18446744073709551615 a", "none");
        check("ZUNIONSTORE d 2 a b WEIGHTS 1 2", "d a b");
        check("XREAD COUNT 1 STREAMS a b 0 0", "a b");
        check("XREAD STREAMS", "none");
        check("SORT k BY w LIMIT 0 1 STORE d", "k d");
        check("GEORADIUS k 1 2 3 m STOREDIST d", "k d");
        check("SORT k STORE", "k");
        check("LMPOP 2 a b LEFT", "a b");
    }

    #[test]
    fn hash_tags_are_those_of_a_cluster() {
        for (key, expected) in [
            ("user", "user"),
            ("{user}.name", "user"),
            ("a{user}b{c}", "user"),
            ("a{}b{c}", "a{}b{c}"),
            ("a{user", "a{user"),
            ("a}b{c}", "c"),
            ("{{a}}", "{a"),
            ("", ""),
        ] {
            assert_eq!(shard_key(key.as_bytes()), expected.as_bytes());
        }
    }

    #[test]
    fn each_name_stands_in_the_table_once() {
        let mut names: Vec<&str> = TABLE
            .iter()
            .flat_map(|(_, names)| names.split(' '))
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(
            names
                .iter()
                .all(|name| !name.is_empty() && name.to_ascii_lowercase() == *name)
        );
        assert_eq!(way("json.get"), Way::Keyless);
    }

    proptest! {
        #[test]
        fn no_arguments_break_it(
            name in 0_usize..300,
            arguments in proptest::collection::vec(prop_oneof![Just("streams".to_owned()), Just("store".to_owned()), "[0-9]{1,20}", "[a-z{}]{0,3}"], 0..8),
        ) {
            let names: Vec<&str> = TABLE.iter().flat_map(|(_, names)| names.split(' ')).collect();
            let name = names[name % names.len()];
            let mut all = vec![name.as_bytes()];
            all.extend(arguments.iter().map(String::as_bytes));
            let command = Command::of(&all);
            if let Way::Keyed(places, _) = way(name) && let Some(keys) = keys(&command, places) {
                prop_assert!(!keys.is_empty() && keys.len() < command.len());
            }
        }
    }
}

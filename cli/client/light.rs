//! A light client: believes the genesis of a network, and from there on only what its validators have certified.
//!
//! It keeps the validators that it has verified last, with the time of the block that they certified, in `light/NETWORK` of the data
//! folder: the next walk begins there, and nobody can show this data folder anything that is older than what it has seen.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use dotkey_proto::ledger::{Bundle, Freshness, Genesis, Subject, Trusted, VerifiedProof};
use dotkey_proto::limits::{CHECKPOINT_BYTES_MAX, FRESHNESS_SECS_MAX, TRUST_SECS_MAX};
use dotkey_proto::time::Timestamp;
pub(crate) use dotkey_resolver::light::Unproved;

use crate::args::TrustArgs;
use crate::exit::{CliError, Result};
use crate::files;
use crate::network;

/// A light client, and where what it knows is kept.
#[derive(Debug)]
pub(crate) struct LightClient {
    client: dotkey_resolver::light::LightClient,
    path: PathBuf,
    age_secs_max: u64,
}

/// The network that a data folder is part of, unless a flag names another.
pub(crate) fn genesis_of(data: &Path, flag: Option<&Path>) -> Result<Genesis> {
    let genesis = match flag {
        Some(path) => Some(network::read(path)?),
        None => network::of(data)?,
    };
    genesis.ok_or_else(|| {
        CliError::failed(
            "no-network",
            format!(
                "{} follows no network, so that nothing about names can be checked here",
                data.display()
            ),
            "follow one with `dotkey network join FILE`, begin your own with `dotkey up`, or give a network's genesis with --genesis FILE",
        )
    })
}

impl LightClient {
    /// Goes on from what the data folder has verified before, else begins with the genesis.
    pub(crate) fn open(
        data: &Path,
        genesis: Genesis,
        trust: &TrustArgs,
        now: Timestamp,
    ) -> Result<Self> {
        let network = HEXLOWER.encode(&genesis.network());
        let path = data.join("light").join(network);
        let trusted = kept(&path, &genesis)?.unwrap_or_else(|| genesis.trusted());
        if !trust.old_trust && !is_validator(data, &genesis)? {
            trusted.check_age(now, TRUST_SECS_MAX).map_err(|error| {
                CliError::invalid(
                    error.code(),
                    error,
                    "validators that left long ago could deceive who comes back after so long: get a newer genesis or data folder from somebody you trust, or accept that with --old-trust",
                )
            })?;
        }
        let client = dotkey_resolver::light::LightClient::resume(genesis, trusted);
        Ok(Self {
            client: client.expect("`kept` gives this network's"),
            path,
            age_secs_max: trust.max_age.unwrap_or(FRESHNESS_SECS_MAX),
        })
    }

    pub(crate) fn genesis(&self) -> &Genesis {
        self.client.genesis()
    }

    /// What is known of the validators.
    pub(crate) fn trusted(&self) -> &Trusted {
        self.client.trusted()
    }

    /// Takes over what a resolver that began with this has verified since.
    pub(crate) fn learn(&mut self, client: dotkey_resolver::light::LightClient) {
        self.client = client;
    }

    /// From which epoch on handovers are needed.
    pub(crate) fn epoch(&self) -> u64 {
        self.client.epoch()
    }

    pub(crate) fn freshness(&self, now: Timestamp) -> Freshness {
        Freshness {
            now,
            age_secs_max: self.age_secs_max,
        }
    }

    /// What a bundle proves; its record is not looked at. What is known of the validators only ever gets newer.
    pub(crate) fn verify(
        &mut self,
        bundle: &Bundle,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<VerifiedProof, Unproved> {
        let freshness = self.freshness(now);
        self.client.verify(bundle, subject, freshness)
    }

    /// Writes down what is known now, unless somebody else has written something newer.
    pub(crate) fn keep(&self) -> Result<()> {
        let trusted = self.client.trusted();
        let older = |one: &Trusted| (one.epoch, one.since) < (trusted.epoch, trusted.since);
        let Some(folder) = self.path.parent() else {
            return Ok(());
        };
        if *trusted == self.genesis().trusted() {
            return Ok(());
        }
        files::make_private_folder(folder)?;
        // Between the look and the writing nobody else writes.
        let _lock = files::lock(&folder.join("lock"), || {})?;
        if kept(&self.path, self.genesis())?.is_some_and(|one| !older(&one)) {
            return Ok(());
        }
        files::write_private(&self.path, &trusted.encode())
    }
}

impl Drop for LightClient {
    fn drop(&mut self) {
        // What is not written down is walked again.
        let _ = self.keep();
    }
}

/// Whether this data folder is one of the first validators. Such a one knows when it has sold its own keys, and a network of its own
/// may begin long before its first name is claimed.
fn is_validator(data: &Path, genesis: &Genesis) -> Result<bool> {
    let own = network::own_identity(data)?;
    let mut validators = genesis.validators.iter();
    Ok(validators.any(|one| own == Some(*one.validator.identity.as_bytes())))
}

/// What was written down, if it is this network's.
fn kept(path: &Path, genesis: &Genesis) -> Result<Option<Trusted>> {
    let damaged = |why: &dyn std::fmt::Display| {
        CliError::failed(
            "bad-checkpoint",
            format!("{} is damaged: {why}", path.display()),
            "remove that file; the validators are then followed from the genesis again",
        )
    };
    let bytes = match files::read(
        path,
        CHECKPOINT_BYTES_MAX,
        "what is known of the validators",
    ) {
        Err(error) if error.code == "not-found" => return Ok(None),
        read => read?,
    };
    let trusted = Trusted::decode(&bytes).map_err(|error| damaged(&error))?;
    if trusted.network != genesis.network() {
        return Err(damaged(&"it is another network's"));
    }
    Ok(Some(trusted))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The vectors of bundles, which are about one network.
    struct Vectors(Vec<Value>);

    impl Vectors {
        fn load() -> Self {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/bundle.json");
            let file = std::fs::read_to_string(path).expect("the vectors of bundles");
            let mut file: Value = serde_json::from_str(&file).expect("JSON");
            let all = file["vectors"].as_array_mut().expect("a list");
            Self(std::mem::take(all))
        }

        fn genesis(&self) -> Genesis {
            Genesis::decode(&unhex(&self.0[0]["input"]["genesis"])).expect("sound")
        }

        fn named(&self, name: &str) -> &Value {
            let found = self.0.iter().find(|vector| vector["name"] == name);
            &found.expect("a vector")["input"]
        }
    }

    fn unhex(hex: &Value) -> Vec<u8> {
        let text = hex.as_str().expect("text");
        HEXLOWER.decode(text.as_bytes()).expect("hexadecimal")
    }

    fn moment(value: &Value) -> Timestamp {
        Timestamp::from_secs(value.as_u64().expect("a number")).expect("in range")
    }

    fn ask(client: &mut LightClient, vector: &Value) -> Result<VerifiedProof, Unproved> {
        let subject = Subject::Name(vector["subject"].as_str().expect("text").to_owned());
        let bundle = Bundle::decode(&unhex(&vector["hex"])).expect("well formed");
        client.verify(&bundle, &subject, moment(&vector["now"]))
    }

    fn open(
        data: &Path,
        vectors: &Vectors,
        now: Timestamp,
        old_trust: bool,
    ) -> Result<LightClient> {
        let trust = TrustArgs {
            max_age: Some(60),
            old_trust,
            ..TrustArgs::default()
        };
        LightClient::open(data, vectors.genesis(), &trust, now)
    }

    #[test]
    fn from_the_genesis_it_judges_as_everyone_does() {
        let vectors = Vectors::load();
        let data = tempfile::tempdir().expect("a folder");
        let now = moment(&vectors.named("held")["now"]);
        let check = |name: &str, expected: Result<(), &str>| {
            let mut client = open(data.path(), &vectors, now, false).expect("it begins");
            let found = match ask(&mut client, vectors.named(name)) {
                Ok(_) => Ok(()),
                Err(Unproved::Further) => Err("further".to_owned()),
                Err(Unproved::Behind(error)) => Err(format!("behind: {}", error.code())),
                Err(Unproved::Invalid(error)) => Err(error.code().to_owned()),
            };
            assert_eq!(found, expected.map_err(str::to_owned), "{name}");
            // The next one begins with the genesis again.
            std::mem::forget(client);
        };
        for valid in [
            "held",
            "absent-nobody",
            "absent-free",
            "walked",
            "later-epoch",
        ] {
            check(valid, Ok(()));
        }
        check("stale", Err("stale"));
        check("ahead", Err("ahead"));
        check("another-name", Err("other-subject"));
        check("other-holder", Err("path"));
        check("said-to-be-free", Err("path"));
        check("signature-changed", Err("certificate"));
        check("another-network", Err("network"));
        check("walk-not-begun", Err("other-validators"));
        check("walk-forged", Err("signers"));
        check("walk-unfinished", Err("further"));
        check("before-the-genesis", Err("behind: backwards"));
    }

    #[test]
    fn what_was_verified_is_kept_and_never_goes_back() {
        let vectors = Vectors::load();
        let data = tempfile::tempdir().expect("a folder");
        let now = moment(&vectors.named("walked")["now"]);
        let mut client = open(data.path(), &vectors, now, false).expect("it begins");
        assert_eq!(client.epoch(), 0);
        ask(&mut client, vectors.named("walked")).expect("it is valid");
        assert_eq!(client.epoch(), 9);
        drop(client);
        let mut client = open(data.path(), &vectors, now, false).expect("it goes on");
        assert_eq!(client.epoch(), 9);
        // Its handovers are known, and need no walk.
        ask(&mut client, vectors.named("walked")).expect("it is still valid");
        // Valid in itself, but of validators that have handed over since.
        let earlier = ask(&mut client, vectors.named("held"));
        assert!(matches!(earlier, Err(Unproved::Behind(_))), "{earlier:?}");
        // Neither does who knows less write over it.
        let (path, age_secs_max) = (client.path.clone(), 60);
        drop(LightClient {
            client: dotkey_resolver::light::LightClient::new(vectors.genesis()),
            path: path.clone(),
            age_secs_max,
        });
        let client = open(data.path(), &vectors, now, false).expect("it goes on");
        assert_eq!(client.epoch(), 9);
        std::fs::write(path, "damaged").expect("written");
        let error = open(data.path(), &vectors, now, false).expect_err("damaged");
        assert_eq!(error.code, "bad-checkpoint");
    }

    #[test]
    fn trust_ends_after_ninety_days_unless_somebody_says_otherwise() {
        let vectors = Vectors::load();
        let data = tempfile::tempdir().expect("a folder");
        let began = vectors.genesis().began;
        let last = began.saturating_add(TRUST_SECS_MAX);
        let check = |now, old_trust, code: Option<&str>| {
            let opened = open(data.path(), &vectors, now, old_trust);
            assert_eq!(
                opened.err().map(|error| error.code),
                code.map(str::to_owned)
            );
        };
        check(last, false, None);
        check(last.saturating_add(1), false, Some("trust-expired"));
        check(last.saturating_add(1), true, None);
    }
}

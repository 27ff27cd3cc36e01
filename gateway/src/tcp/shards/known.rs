//! What is known of the shards of a name from the records so far, and how a file says it.
//!
//! Pure. A file begins with the BLAKE3 hash of the rest, so that a changed digit is noticed: it could bring an old primary back.

use std::collections::BTreeMap;

use dotkey_proto::identity::KeyId;
use dotkey_proto::limits::RESOURCE_PROVIDERS_MAX;
use dotkey_proto::zone::{Provider, Shard, Url};
use serde_json::{Value, json};

/// A file. What one record has is below 64 KiB in its own form, and some four times that in this one.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// Of each shard that was seen, what came with its highest epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whose records they were.
    pub owner: KeyId,
    /// By their ids.
    pub shards: BTreeMap<Box<str>, Shard>,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// It has more than it can have.
    #[error("it is longer than {FILE_BYTES_MAX} bytes")]
    TooLong,
    /// Its first line is not the hash of the rest.
    #[error("its first line is not the hash of the rest")]
    Changed,
    /// It is whole and not what this version writes.
    #[error("its {0} is not what this version of dotkey writes")]
    Unknown(&'static str),
}

impl Known {
    /// With what another one knows of later epochs of the same owner.
    pub fn merge(&mut self, other: Self) {
        if other.owner != self.owner {
            return;
        }
        for (id, shard) in other.shards {
            let known = self.shards.get(&id).map(|known| known.epoch);
            if known.is_none_or(|epoch| epoch < shard.epoch) {
                self.shards.insert(id, shard);
            }
        }
    }

    /// As a file says it.
    #[must_use]
    pub fn encode(&self) -> String {
        let shards = self.shards.values().map(|shard| {
            json!({
                "id": shard.id,
                "epoch": shard.epoch,
                "primary": provider_json(&shard.primary),
                "replicas": shard.replicas.iter().map(provider_json).collect::<Vec<_>>(),
            })
        });
        let shards: Vec<Value> = shards.collect();
        let known = json!({"owner": hex(self.owner.as_bytes()), "shards": shards}).to_string();
        format!("{}\n{known}\n", blake3::hash(known.as_bytes()).to_hex())
    }

    /// What a file says.
    ///
    /// # Errors
    /// It is damaged, or of another version.
    pub fn decode(file: &[u8]) -> Result<Self, Damaged> {
        if file.len() > FILE_BYTES_MAX {
            return Err(Damaged::TooLong);
        }
        let text = core::str::from_utf8(file).map_err(|_| Damaged::Changed)?;
        let (hash, rest) = text.split_once('\n').ok_or(Damaged::Changed)?;
        let known = rest.strip_suffix('\n').ok_or(Damaged::Changed)?;
        if hash != blake3::hash(known.as_bytes()).to_hex().as_str() {
            return Err(Damaged::Changed);
        }
        let known: Value = serde_json::from_str(known).map_err(|_| Damaged::Unknown("form"))?;
        let owner = known["owner"].as_str().and_then(unhex);
        let shards = known["shards"].as_array();
        let shards = shards.ok_or(Damaged::Unknown("list of shards"))?;
        let shards = shards.iter().map(shard_of).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            owner: KeyId::from_bytes(owner.ok_or(Damaged::Unknown("owner"))?),
            shards: shards.into_iter().map(|it| (it.id.clone(), it)).collect(),
        })
    }
}

/// What matters for reaching it. Its protocol and its checks are for HTTP.
fn provider_json(provider: &Provider) -> Value {
    json!({
        "id": provider.id,
        "url": provider.url.to_string(),
        "region": provider.region,
        "weight": provider.weight,
        "priority": provider.priority,
        "pins": provider.pins.iter().map(hex).collect::<Vec<_>>(),
    })
}

fn shard_of(value: &Value) -> Result<Shard, Damaged> {
    let unknown = Damaged::Unknown("shard");
    let id = value["id"].as_str().ok_or(unknown.clone())?;
    let epoch = value["epoch"].as_u64().ok_or(unknown.clone())?;
    let replicas = value["replicas"].as_array().ok_or(unknown.clone())?;
    if replicas.len() > RESOURCE_PROVIDERS_MAX {
        return Err(unknown);
    }
    Ok(Shard {
        id: id.into(),
        epoch,
        primary: provider_of(&value["primary"])?,
        replicas: replicas.iter().map(provider_of).collect::<Result<_, _>>()?,
        // Which keys it has is the next record's to say.
        start: None,
        weight: None,
        extension: Default::default(),
    })
}

fn provider_of(value: &Value) -> Result<Provider, Damaged> {
    let unknown = || Damaged::Unknown("provider");
    let text = |key: &str| value[key].as_str();
    let number = |key: &str| match &value[key] {
        Value::Null => Ok(None),
        number => {
            let number = number.as_u64().and_then(|number| number.try_into().ok());
            number.map(Some).ok_or_else(unknown)
        }
    };
    let url = text("url").and_then(|url| Url::parse(url).ok());
    let mut provider = Provider::new(text("id").ok_or_else(unknown)?, url.ok_or_else(unknown)?);
    provider.region = match &value["region"] {
        Value::Null => None,
        region => Some(region.as_str().ok_or_else(unknown)?.into()),
    };
    (provider.weight, provider.priority) = (number("weight")?, number("priority")?);
    let pins = value["pins"].as_array().ok_or_else(unknown)?;
    let pin = |pin: &Value| pin.as_str().and_then(unhex).ok_or_else(unknown);
    provider.pins = pins.iter().map(pin).collect::<Result<_, _>>()?;
    Ok(provider)
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(text)
        .ok()
        .map(|bytes| *bytes.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shard(id: &str, epoch: u64, pins: Vec<[u8; 32]>, replicas: usize) -> Shard {
        let provider = |id: &str| {
            let url = format!("redis://{id}.example.net:7000");
            let mut provider = Provider::new(id, url.parse().expect("a URL"));
            provider.region = Some("eu \"west\"\n".into());
            (provider.weight, provider.priority) = (Some(7), None);
            provider.pins.clone_from(&pins);
            provider
        };
        Shard {
            id: id.into(),
            epoch,
            primary: provider("one"),
            replicas: (0..replicas)
                .map(|at| provider(&format!("r{at}")))
                .collect(),
            start: None,
            weight: None,
            extension: Default::default(),
        }
    }

    fn known(owner: u8, shards: impl IntoIterator<Item = Shard>) -> Known {
        let shards = shards.into_iter().map(|it| (it.id.clone(), it));
        Known {
            owner: KeyId::from_bytes([owner; 32]),
            shards: shards.collect(),
        }
    }

    #[test]
    fn the_higher_epoch_of_both_is_known() {
        let mut mine = known(1, [shard("a", 3, vec![], 0), shard("b", 9, vec![], 0)]);
        mine.merge(known(
            1,
            [shard("a", 4, vec![], 1), shard("b", 8, vec![], 1)],
        ));
        mine.merge(known(1, [shard("c", 1, vec![], 0)]));
        mine.merge(known(2, [shard("a", 99, vec![], 0)]));
        let epochs: Vec<u64> = mine.shards.values().map(|it| it.epoch).collect();
        assert_eq!(epochs, [4, 9, 1]);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(epochs in prop::collection::btree_map("[a-z]{1,9}", any::<u64>(), 0..9), pins: Vec<[u8; 32]>) {
            let known = known(7, epochs.iter().map(|(id, epoch)| shard(id, *epoch, pins.clone(), 2)));
            prop_assert_eq!(Known::decode(known.encode().as_bytes()), Ok(known));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, rest: String) {
            let _ = Known::decode(&bytes);
            // Whole, and something else.
            let whole = format!("{}\n{rest}\n", blake3::hash(rest.as_bytes()).to_hex());
            prop_assert!(matches!(Known::decode(whole.as_bytes()), Err(Damaged::Unknown(_))));
        }

        #[test]
        fn a_changed_bit_and_a_lost_end_are_noticed(at: prop::sample::Index, bit in 0..8_u8) {
            let whole = known(7, [shard("a", 4, vec![[9; 32]], 1)]).encode().into_bytes();
            let mut changed = whole.clone();
            changed[at.index(whole.len())] ^= 1 << bit;
            prop_assert!(Known::decode(&changed).is_err());
            prop_assert!(Known::decode(&whole[..at.index(whole.len())]).is_err());
        }
    }
}

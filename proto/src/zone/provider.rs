//! A provider: one party that serves a resource at one address.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::words::{self, words};
use super::{Path, Url, fields};
use crate::cbor::{CborError, Extension, MapWriter, Reader, Writer};
use crate::limits::{ID_BYTES_MAX, PROVIDER_PINS_MAX, REGION_BYTES_MAX, URL_BYTES_MAX};

words! {
    /// What a provider speaks, where the URL's scheme leaves it open.
    Protocol {
        /// HTTP/1.1.
        Http1 = 1 "http/1.1",
        /// HTTP/2.
        Http2 = 2 "http/2",
        /// HTTP/3.
        Http3 = 3 "http/3",
        /// gRPC.
        Grpc = 4 "grpc",
        /// Bytes over TCP.
        Tcp = 5 "tcp",
        /// PostgreSQL.
        Postgres = 6 "postgres",
        /// Redis.
        Redis = 7 "redis",
    }
}

/// One party that serves a resource at one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// What logs and metrics call it; unique among those beside it.
    pub id: Box<str>,
    /// Where it is.
    pub url: Url,
    /// What it speaks, where the URL's scheme leaves it open.
    pub protocol: Option<Protocol>,
    /// Where in the world it is, in the owner's words.
    pub region: Option<Box<str>>,
    /// Its share of requests among those of its priority.
    pub weight: Option<u16>,
    /// Lower is tried first.
    pub priority: Option<u16>,
    /// SHA-256 of the SubjectPublicKeyInfo of the keys that it may present; any key will do when empty.
    pub pins: Vec<[u8; 32]>,
    /// What to ask it for to find out whether it is well, before that of the policy.
    pub health: Option<Path>,
    /// What version 1 does not know.
    pub extension: Extension,
}

impl Provider {
    /// The weight where the zone says nothing.
    pub const WEIGHT_DEFAULT: u16 = 100;
    /// The priority where the zone says nothing.
    pub const PRIORITY_DEFAULT: u16 = 0;

    /// One with nothing but an id and an address. Whether the id is valid is for the zone's rules.
    #[must_use]
    pub fn new(id: &str, url: Url) -> Self {
        Self {
            id: id.into(),
            url,
            protocol: None,
            region: None,
            weight: None,
            priority: None,
            pins: Vec::new(),
            health: None,
            extension: Extension::default(),
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, CborError> {
        let mut map = reader.map("provider")?;
        Ok(Self {
            id: map
                .required(1, |r| r.text("provider id", 1, ID_BYTES_MAX))?
                .into(),
            url: Url::unchecked(map.required(2, |r| r.text("url", 1, URL_BYTES_MAX))?),
            protocol: map.optional(3, |r| words::read(r, "protocol", Protocol::ALL))?,
            region: fields::text(&mut map, 4, "region", REGION_BYTES_MAX)?,
            weight: fields::number(&mut map, 5, "weight", 1, 65_535)?,
            priority: fields::number(&mut map, 6, "priority", 0, 65_535)?,
            pins: fields::list(&mut map, 7, "pins", PROVIDER_PINS_MAX, |r| {
                r.array_of("pin")
            })?,
            health: fields::path(&mut map, 8, "health path")?,
            extension: map.extension()?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let mut map = MapWriter::new();
        fields::set_text(&mut map, 1, Some(&self.id));
        fields::set_text(&mut map, 2, Some(self.url.as_str()));
        fields::set_number(&mut map, 3, self.protocol.map(Protocol::number));
        fields::set_text(&mut map, 4, self.region.as_deref());
        fields::set_number(&mut map, 5, self.weight);
        fields::set_number(&mut map, 6, self.priority);
        fields::set_list(&mut map, 7, &self.pins, |w, pin| {
            w.bytes(pin);
        });
        fields::set_path(&mut map, 8, self.health.as_ref());
        map.extend(&self.extension).write(writer);
    }
}

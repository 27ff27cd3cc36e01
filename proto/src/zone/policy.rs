//! How requests for a resource are spread, retried and given up.
//!
//! Every part is optional; what an absent one means is up to the gateway, but for the balance.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::words::{self, words};
use super::{Path, fields};
use crate::cbor::{CborError, Extension, MapReader, MapWriter, Reader, Writer};
use crate::limits::{REGIONS_MAX, STICKY_NAME_BYTES_MAX};

words! {
    /// How one of several providers is chosen.
    Balance {
        /// The one that answers best; the default.
        Quality = 1 "quality",
        /// One after the other.
        RoundRobin = 2 "round-robin",
        /// At random, in proportion to the weights.
        WeightedRandom = 3 "weighted-random",
        /// By the hash of the sticky key.
        Hash = 4 "hash",
    }
}

words! {
    /// What keeps the requests of one client together.
    StickyBy {
        /// The client's address.
        Address = 1 "address",
        /// A cookie.
        Cookie = 2 "cookie",
        /// A header.
        Header = 3 "header",
    }
}

words! {
    /// Whether a provider must pin its keys.
    Pins {
        /// One without pins is believed as far as a public authority vouches for it; the default.
        Optional = 1 "optional",
        /// One without pins gets nothing.
        Required = 2 "required",
    }
}

/// How requests for a resource are spread, retried and given up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourcePolicy {
    /// How a provider is chosen; [`Balance::Quality`] when absent.
    pub balance: Option<Balance>,
    /// When a second provider is asked while the first has not answered.
    pub hedge: Option<Hedge>,
    /// Retries, as a percentage of requests.
    pub retry_percent: Option<u8>,
    /// When to give up.
    pub timeouts: Option<Timeouts>,
    /// How to find out whether a provider is well.
    pub health: Option<HealthCheck>,
    /// What keeps the requests of one client together.
    pub sticky: Option<Sticky>,
    /// Regions, the preferred first.
    pub regions: Vec<Box<str>>,
    /// With fewer healthy providers than this an operator is warned.
    pub least_healthy: Option<u8>,
    /// Whether a provider without pins gets nothing; [`Pins::Optional`] when absent.
    pub pins: Option<Pins>,
    /// What version 1 does not know.
    pub extension: Extension,
}

/// When a second provider is asked while the first has not answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hedge {
    /// After this many milliseconds.
    pub after_ms: Option<u32>,
    /// For at most this percentage of requests.
    pub percent: Option<u8>,
    /// What version 1 does not know.
    pub extension: Extension,
}

/// When to give up, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands.
    pub connect_ms: Option<u32>,
    /// Until the first byte of an answer.
    pub first_byte_ms: Option<u32>,
    /// Until the whole answer is there.
    pub whole_ms: Option<u32>,
    /// What version 1 does not know.
    pub extension: Extension,
}

/// How to find out whether a provider is well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthCheck {
    /// What to ask for.
    pub path: Option<Path>,
    /// How often, in milliseconds.
    pub interval_ms: Option<u32>,
    /// How long to wait for an answer, in milliseconds.
    pub timeout_ms: Option<u32>,
    /// Good answers in a row that make a provider well.
    pub rise: Option<u8>,
    /// Failures in a row that make it unwell.
    pub fall: Option<u8>,
    /// What version 1 does not know.
    pub extension: Extension,
}

/// What keeps the requests of one client together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// What identifies a client.
    pub by: StickyBy,
    /// The cookie's or header's name.
    pub name: Option<Box<str>>,
    /// What version 1 does not know.
    pub extension: Extension,
}

impl ResourcePolicy {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, CborError> {
        let mut map = reader.map("policy")?;
        Ok(Self {
            balance: map.optional(1, |r| words::read(r, "balance", Balance::ALL))?,
            hedge: map.optional(2, Hedge::read)?,
            retry_percent: fields::number(&mut map, 3, "retry percentage", 0, 100)?,
            timeouts: map.optional(4, Timeouts::read)?,
            health: map.optional(5, HealthCheck::read)?,
            sticky: map.optional(6, Sticky::read)?,
            regions: fields::list(&mut map, 7, "regions", REGIONS_MAX, fields::region)?,
            least_healthy: fields::number(&mut map, 8, "least healthy providers", 1, 64)?,
            pins: map.optional(9, |r| words::read(r, "pins", Pins::ALL))?,
            extension: map.extension()?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let mut map = MapWriter::new();
        fields::set_number(&mut map, 1, self.balance.map(Balance::number));
        map.set_some(2, self.hedge.as_ref(), |w, hedge| hedge.write(w));
        fields::set_number(&mut map, 3, self.retry_percent);
        map.set_some(4, self.timeouts.as_ref(), |w, timeouts| timeouts.write(w));
        map.set_some(5, self.health.as_ref(), |w, health| health.write(w));
        map.set_some(6, self.sticky.as_ref(), |w, sticky| sticky.write(w));
        fields::set_list(&mut map, 7, &self.regions, |w, region| {
            w.text(region);
        });
        fields::set_number(&mut map, 8, self.least_healthy);
        fields::set_number(&mut map, 9, self.pins.map(Pins::number));
        map.extend(&self.extension).write(writer);
    }
}

impl Hedge {
    fn read(reader: &mut Reader<'_>) -> Result<Self, CborError> {
        let mut map = reader.map("hedge")?;
        Ok(Self {
            after_ms: fields::number(&mut map, 1, "hedge delay", 0, 60_000)?,
            percent: fields::number(&mut map, 2, "hedge percentage", 0, 100)?,
            extension: map.extension()?,
        })
    }

    fn write(&self, writer: &mut Writer) {
        let mut map = MapWriter::new();
        fields::set_number(&mut map, 1, self.after_ms);
        fields::set_number(&mut map, 2, self.percent);
        map.extend(&self.extension).write(writer);
    }
}

impl Timeouts {
    fn read(reader: &mut Reader<'_>) -> Result<Self, CborError> {
        let mut map = reader.map("timeouts")?;
        Ok(Self {
            connect_ms: fields::number(&mut map, 1, "connect timeout", 1, 600_000)?,
            first_byte_ms: fields::number(&mut map, 2, "first byte timeout", 1, 600_000)?,
            whole_ms: fields::number(&mut map, 3, "whole request timeout", 1, 86_400_000)?,
            extension: map.extension()?,
        })
    }

    fn write(&self, writer: &mut Writer) {
        let mut map = MapWriter::new();
        fields::set_number(&mut map, 1, self.connect_ms);
        fields::set_number(&mut map, 2, self.first_byte_ms);
        fields::set_number(&mut map, 3, self.whole_ms);
        map.extend(&self.extension).write(writer);
    }
}

impl HealthCheck {
    fn read(reader: &mut Reader<'_>) -> Result<Self, CborError> {
        let mut map = reader.map("health check")?;
        let count = |map: &mut MapReader<'_, '_>, key, what| fields::number(map, key, what, 1, 100);
        Ok(Self {
            path: fields::path(&mut map, 1, "health path")?,
            interval_ms: fields::number(&mut map, 2, "health interval", 100, 3_600_000)?,
            timeout_ms: fields::number(&mut map, 3, "health timeout", 1, 600_000)?,
            rise: count(&mut map, 4, "rise")?,
            fall: count(&mut map, 5, "fall")?,
            extension: map.extension()?,
        })
    }

    fn write(&self, writer: &mut Writer) {
        let mut map = MapWriter::new();
        fields::set_path(&mut map, 1, self.path.as_ref());
        fields::set_number(&mut map, 2, self.interval_ms);
        fields::set_number(&mut map, 3, self.timeout_ms);
        fields::set_number(&mut map, 4, self.rise);
        fields::set_number(&mut map, 5, self.fall);
        map.extend(&self.extension).write(writer);
    }
}

impl Sticky {
    fn read(reader: &mut Reader<'_>) -> Result<Self, CborError> {
        let mut map = reader.map("sticky")?;
        Ok(Self {
            by: map.required(1, |r| words::read(r, "sticky", StickyBy::ALL))?,
            name: fields::text(&mut map, 2, "sticky name", STICKY_NAME_BYTES_MAX)?,
            extension: map.extension()?,
        })
    }

    fn write(&self, writer: &mut Writer) {
        let mut map = MapWriter::new();
        fields::set_number(&mut map, 1, Some(self.by.number()));
        fields::set_text(&mut map, 2, self.name.as_deref());
        map.extend(&self.extension).write(writer);
    }
}

//! Names in RDATA that are relative to the zone (section 7.2): made absolute for answers, made relative for publishing.

use alloc::borrow::Cow;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::dns::rdata::{self, RdataError, RdataProblem};
use crate::dns::{Labels, NameError, RecordType, WireName};
use crate::limits::{NAME_BYTES_MAX, RDATA_BYTES_MAX};

/// The zone itself as a relative name in wire form: the label `@` below the root.
const ZONE_WIRE: &[u8] = b"\x01@\x00";

/// The name that stands for the zone in RDATA. Master file text that is read with it as the origin has relative names.
#[must_use]
pub fn zone_origin() -> WireName {
    WireName::from_wire(ZONE_WIRE).expect("it is one label and the root")
}

/// Where a name in RDATA leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'z> {
    /// Into the same zone: the labels, without the one that stands for the zone, in the case they were written in.
    InZone(&'z [u8]),
    /// To an absolute name, in wire form.
    Absolute(&'z [u8]),
}

impl<'z> Target<'z> {
    /// Where the name in wire form leads.
    #[must_use]
    pub fn of(name: &'z [u8]) -> Self {
        let mut labels = Labels::new(name);
        loop {
            if labels.remainder() == ZONE_WIRE {
                return Self::InZone(&name[..name.len() - ZONE_WIRE.len()]);
            }
            if labels.next().is_none() {
                return Self::Absolute(name);
            }
        }
    }
}

/// `rdata` with its relative names completed by `origin`.
///
/// # Errors
/// A name that becomes longer than 255 bytes, or RDATA that becomes longer than 65535.
pub fn absolutise<'r>(
    rtype: RecordType,
    rdata: &'r [u8],
    origin: &WireName,
) -> Result<Cow<'r, [u8]>, RdataError> {
    replace(rtype, rdata, |name, out| match Target::of(name) {
        Target::Absolute(_) => Ok(false),
        Target::InZone(labels) => {
            let bytes = labels.len() + origin.as_wire().len();
            if bytes > NAME_BYTES_MAX {
                let max = NAME_BYTES_MAX;
                return Err(NameError::TooLong { bytes, max });
            }
            out.extend_from_slice(labels);
            out.extend_from_slice(origin.as_wire());
            Ok(true)
        }
    })
}

/// `rdata` with its names at or below `origin` made relative. A name that has no relative form, because it would be too
/// long, stays absolute, and so does all RDATA of opaque types.
#[must_use]
pub fn relativise<'r>(rtype: RecordType, rdata: &'r [u8], origin: &WireName) -> Cow<'r, [u8]> {
    let replaced = replace(rtype, rdata, |name, out| {
        let Some(labels) = labels_below(name, origin.as_wire()) else {
            return Ok(false);
        };
        if labels.len() + ZONE_WIRE.len() > NAME_BYTES_MAX {
            return Ok(false);
        }
        out.extend_from_slice(labels);
        out.extend_from_slice(ZONE_WIRE);
        Ok(true)
    });
    // Below the root or another short name, `@` can make RDATA longer than its length field has room for.
    replaced.unwrap_or(Cow::Borrowed(rdata))
}

/// What stands in front of `origin` in a name at or below it.
fn labels_below<'n>(name: &'n [u8], origin: &[u8]) -> Option<&'n [u8]> {
    let mut labels = Labels::new(name);
    while labels.remainder().len() > origin.len() {
        labels.next()?;
    }
    let split = name.len() - labels.remainder().len();
    labels
        .remainder()
        .eq_ignore_ascii_case(origin)
        .then_some(&name[..split])
}

/// Copies RDATA with each name that `write` writes anew; `write` says whether it did.
fn replace<'r>(
    rtype: RecordType,
    rdata: &'r [u8],
    write: impl Fn(&[u8], &mut Vec<u8>) -> Result<bool, NameError>,
) -> Result<Cow<'r, [u8]>, RdataError> {
    let error = |offset, problem| RdataError {
        rtype,
        field: "rdata",
        offset,
        problem,
    };
    let (mut out, mut copied) = (Vec::new(), 0);
    for range in rdata::names(rtype, rdata) {
        let kept = out.len();
        out.extend_from_slice(&rdata[copied..range.start]);
        let written = write(&rdata[range.clone()], &mut out)
            .map_err(|problem| error(range.start, RdataProblem::Name(problem)))?;
        if written {
            copied = range.end;
        } else {
            out.truncate(kept);
        }
    }
    if copied == 0 {
        return Ok(Cow::Borrowed(rdata));
    }
    out.extend_from_slice(&rdata[copied..]);
    if out.len() > RDATA_BYTES_MAX {
        let bytes = out.len();
        return Err(error(0, RdataProblem::TooLong { bytes }));
    }
    Ok(Cow::Owned(out))
}

/// For messages: the name that stands for the zone is not one that DNS knows.
impl core::fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let wire = match self {
            Self::InZone(labels) => [labels, ZONE_WIRE].concat(),
            Self::Absolute(name) => name.to_vec(),
        };
        match WireName::from_wire(&wire) {
            Ok(name) => f.write_str(&name.display_in(&zone_origin()).to_string()),
            Err(_) => f.write_str("(too long)"),
        }
    }
}

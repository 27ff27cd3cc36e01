//! The genesis of a network as people read it and pass it on. Its id is that of its canonical bytes (section 8.11 of the
//! protocol), so that comments and the order of keys change nothing.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::ops::Range;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

use super::error::{Found, TomlError};
use super::section::{At, Read, Section, bad_value};
use super::values;
use super::write::quote;
use crate::ledger::{
    Candidate, Genesis, LedgerError, NETWORK_NAME_BYTES_MAX, PARAMETERS, Parameter, Parameters,
    Terms, Unit, Validator, VotingKey,
};
use crate::limits::{CLAIMABLE_LABEL_BYTES_MAX, VALIDATOR_ADDRESS_BYTES_MAX};
use crate::signature::Ed25519Key;
use crate::time::Timestamp;

/// Reads `genesis.toml`; `file_name` is for errors. All that a genesis is checked for is checked here.
///
/// # Errors
/// The first thing that is wrong, with its line and what would be right.
pub fn parse_genesis(source: &str, file_name: &str) -> Result<Genesis, TomlError> {
    read(source).map_err(|found| TomlError::new(file_name, source, found))
}

fn read(source: &str) -> Read<Genesis> {
    let mut top = Section::whole("genesis", source)?;
    let name = top.text("network", NETWORK_NAME_BYTES_MAX)?;
    let name = top.need("network", name, "the network's name, such as \"alpha\"")?;
    let id = top.text("id", 64)?;
    let began = top.number("began", 0, Timestamp::MAX.as_secs())?;
    let began = top.need("began", began, "a time in seconds since 1970")?;
    let reserved = top.texts("reserved")?.unwrap_or_default();
    let parameters = top.table("parameters", "parameters table")?;
    let parameters = top.need("parameters", parameters, "a table `[parameters]`")?;
    let parameters_at = parameters.span.clone();
    let parameters = read_parameters(parameters)?;
    let validators = top.tables("validator", "validator")?;
    let validators = validators.into_iter().map(|table| {
        let span = table.span.clone();
        read_validator(table).map(|value| At { span, value })
    });
    let mut validators = validators.collect::<Read<Vec<_>>>()?;
    validators.sort_by_key(|candidate| candidate.value.validator.identity);
    top.finish()?;
    let terms = Terms {
        name: name.value,
        began: Timestamp::from_secs(began).expect("in range"),
        validators: validators.iter().map(|one| one.value.clone()).collect(),
        parameters,
        reserved: reserved.iter().map(|label| label.value.clone()).collect(),
    };
    let genesis = Genesis::new(&terms).map_err(|error| {
        let at = match &error {
            LedgerError::Parameters { .. } => Some(parameters_at),
            LedgerError::Possession(_)
            | LedgerError::ValidatorOrder(_)
            | LedgerError::ValidatorTwice => guilty_validator(&error, &validators),
            LedgerError::NetworkName(_) => None,
            // All else was checked while it was read.
            _ => guilty_label(&error, &reserved),
        };
        Found::new(at.unwrap_or(name.span), error)
    })?;
    check_id(id, &genesis)?;
    Ok(genesis)
}

/// Where the validator is that an error is about.
fn guilty_validator(error: &LedgerError, validators: &[At<Candidate>]) -> Option<Range<usize>> {
    let key = |one: &At<Candidate>| one.value.validator.key;
    let at = match error {
        LedgerError::Possession(identity) => validators
            .iter()
            .position(|one| one.value.validator.identity.as_bytes() == identity),
        LedgerError::ValidatorOrder(at) => Some(*at),
        _ => (1..validators.len()).find(|at| {
            let before = &validators[..*at];
            before.iter().any(|one| key(one) == key(&validators[*at]))
        }),
    };
    validators.get(at?).map(|one| one.span.clone())
}

/// Where the reserved label is that an error is about.
fn guilty_label(error: &LedgerError, reserved: &[At<String>]) -> Option<Range<usize>> {
    let mut labels = reserved.iter().enumerate();
    let (_, found) = labels.find(|(at, one)| match error {
        LedgerError::Label { label, .. } => one.value == *label,
        LedgerError::ReservedOrder(label) => {
            let before = at.checked_sub(1).map(|before| &reserved[before].value);
            one.value == *label && before.is_some_and(|before| before >= label)
        }
        _ => !(1..=CLAIMABLE_LABEL_BYTES_MAX).contains(&one.value.len()),
    })?;
    Some(found.span.clone())
}

/// The file may say its id, so that a mistake made while copying shows.
fn check_id(id: Option<At<String>>, genesis: &Genesis) -> Read<()> {
    let found = HEXLOWER.encode(&genesis.network());
    match id {
        Some(id) if id.value != found => {
            let problem = format!(
                "the rest of this file is the genesis of network {found}; something in it was changed, or the id is another network's"
            );
            Err(bad_value(id.span, "id", problem))
        }
        _ => Ok(()),
    }
}

fn read_parameters(mut table: Section<'_>) -> Read<Parameters> {
    let mut numbers = [0; PARAMETERS.len()];
    for (number, one) in numbers.iter_mut().zip(&PARAMETERS) {
        let (found, expected) = match one.unit {
            Unit::Pieces => (table.number(one.key, one.min, one.max)?, "a number"),
            Unit::Seconds => (read_seconds(&mut table, one)?, "a time such as \"24h\""),
            Unit::Milliseconds => (
                table.time(one.key, one.min, one.max)?,
                "a time such as \"5s\"",
            ),
        };
        *number = table.need(one.key, found, expected)?;
    }
    table.finish()?;
    Ok(Parameters::from_numbers(numbers))
}

/// Whole seconds, written with their unit.
fn read_seconds(table: &mut Section<'_>, one: &Parameter) -> Read<Option<u64>> {
    let ms = table.time(one.key, one.min * 1000, one.max * 1000)?;
    match ms {
        Some(ms) if !ms.is_multiple_of(1000) => {
            let problem = "expected whole seconds".to_owned();
            Err(bad_value(table.span.clone(), one.key, problem))
        }
        ms => Ok(ms.map(|ms| ms / 1000)),
    }
}

fn read_validator(mut table: Section<'_>) -> Read<Candidate> {
    let identity = table.parsed("identity", |text| {
        Ed25519Key::from_bytes(hex(text)?).map_err(|error| error.to_string())
    })?;
    let identity = table.need("identity", identity, "64 digits of base 16")?;
    let key = table.parsed("key", |text| {
        VotingKey::from_bytes(&hex(text)?).map_err(|error| error.to_string())
    })?;
    let key = table.need("key", key, "192 digits of base 16")?;
    let possession = table.parsed("possession", hex)?;
    let possession = table.need("possession", possession, "96 digits of base 16")?;
    let address = table.text("address", VALIDATOR_ADDRESS_BYTES_MAX)?;
    table.finish()?;
    Ok(Candidate {
        validator: Validator { identity, key },
        possession,
        address: address.map_or_else(String::new, |address| address.value),
    })
}

fn hex<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| format!("expected {} digits of base 16", 2 * N))
}

/// The genesis as a file that [`parse_genesis`] reads back as the same.
#[must_use]
pub fn write_genesis(genesis: &Genesis) -> String {
    let mut out = String::new();
    let id = HEXLOWER.encode(&genesis.network());
    let reserved: Vec<_> = genesis
        .reserved
        .iter()
        .map(|label| format!("\"{label}\""))
        .collect();
    let mut line = |text: core::fmt::Arguments<'_>| {
        writeln!(out, "{text}").expect("a string takes all that is written");
    };
    line(format_args!(
        "# What this network begins with. Its id is a hash of all of it: whoever has the id can check the rest."
    ));
    line(format_args!("network = \"{}\"", genesis.name));
    line(format_args!("id = \"{id}\""));
    line(format_args!(
        "began = {} # {}",
        genesis.began.as_secs(),
        genesis.began
    ));
    line(format_args!(
        "reserved = [{}]\n\n[parameters]",
        reserved.join(", ")
    ));
    for (number, one) in genesis.parameters.numbers().into_iter().zip(&PARAMETERS) {
        match one.unit {
            Unit::Pieces => line(format_args!("{} = {number}", one.key)),
            Unit::Seconds => line(format_args!(
                "{} = \"{}\"",
                one.key,
                values::show_ms(number * 1000)
            )),
            Unit::Milliseconds => line(format_args!(
                "{} = \"{}\"",
                one.key,
                values::show_ms(number)
            )),
        }
    }
    for candidate in &genesis.validators {
        let Validator { identity, key } = &candidate.validator;
        line(format_args!("\n[[validator]]"));
        line(format_args!(
            "identity = \"{}\"",
            HEXLOWER.encode(identity.as_bytes())
        ));
        line(format_args!(
            "key = \"{}\"",
            HEXLOWER.encode(&key.to_bytes())
        ));
        line(format_args!(
            "possession = \"{}\"",
            HEXLOWER.encode(&candidate.possession)
        ));
        if !candidate.address.is_empty() {
            line(format_args!("address = {}", quote(&candidate.address)));
        }
    }
    out
}

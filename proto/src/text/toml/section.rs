//! One table of a zone file: its keys are taken by those who know them, and what is left over is a mistake.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};
use data_encoding::HEXLOWER_PERMISSIVE;

use super::error::{Found, TomlProblem};
use super::values;
use crate::cbor::Extension;
use crate::limits::ZONE_FILE_BYTES_MAX;

pub(super) type Read<T> = Result<T, Found>;

/// A value and the bytes of the file that it was read from.
#[derive(Debug)]
pub(super) struct At<T> {
    pub(super) span: Range<usize>,
    pub(super) value: T,
}

/// A table whose keys are taken one by one.
#[derive(Debug)]
pub(super) struct Section<'i> {
    what: &'static str,
    pub(super) span: Range<usize>,
    entries: Vec<(At<String>, Spanned<DeValue<'i>>)>,
    known: Vec<&'static str>,
}

impl<'i> Section<'i> {
    /// All of a file.
    pub(super) fn whole(what: &'static str, source: &'i str) -> Read<Self> {
        if source.len() > ZONE_FILE_BYTES_MAX {
            let bytes = source.len();
            return Err(Found::new(0..0, TomlProblem::FileTooLarge { bytes }));
        }
        let table = DeTable::parse(source).map_err(|error| {
            let problem = TomlProblem::Syntax(error.message().to_owned());
            Found::new(error.span().unwrap_or_default(), problem)
        })?;
        Ok(Self::new(what, 0..0, table.into_inner()))
    }

    pub(super) fn new(what: &'static str, span: Range<usize>, table: DeTable<'i>) -> Self {
        let entry = |(key, value): (Spanned<_>, _)| {
            let span = key.span();
            let value_of_key: alloc::borrow::Cow<'_, str> = key.into_inner();
            let key = At {
                span,
                value: value_of_key.into_owned(),
            };
            (key, value)
        };
        let entries = table.into_iter().map(entry).collect();
        let known = Vec::new();
        Self {
            what,
            span,
            entries,
            known,
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'i>>> {
        self.known.push(key);
        let at = self
            .entries
            .iter()
            .position(|(found, _)| found.value == key)?;
        Some(self.entries.swap_remove(at).1)
    }

    /// The value of a key that has to be there.
    pub(super) fn need<T>(
        &self,
        key: &'static str,
        value: Option<T>,
        expected: &'static str,
    ) -> Read<T> {
        value.ok_or_else(|| {
            let section = self.what;
            let missing = TomlProblem::MissingKey {
                key,
                section,
                expected,
            };
            Found::new(self.span.clone(), missing)
        })
    }

    /// A string of 1 to `max` bytes.
    pub(super) fn text(&mut self, key: &'static str, max: usize) -> Read<Option<At<String>>> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let text = string(key, value, "a string in quotes")?;
        if (1..=max).contains(&text.value.len()) {
            return Ok(Some(text));
        }
        let problem = format!("it has {} bytes; write 1 to {max}", text.value.len());
        Err(bad_value(text.span, key, problem))
    }

    /// A string that `parse` reads; its error says what would be right.
    pub(super) fn parsed<T, E: ToString>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Read<Option<T>> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let text = string(key, value, "a string in quotes")?;
        let parsed = parse(&text.value);
        parsed
            .map(Some)
            .map_err(|error| bad_value(text.span, key, error.to_string()))
    }

    /// A string that `parse` reads with an error of its own kind.
    pub(super) fn typed<T, E: Into<TomlProblem>>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Read<Option<T>> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let text = string(key, value, "a string in quotes")?;
        parse(&text.value)
            .map(Some)
            .map_err(|error| Found::new(text.span, error))
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        all: &[T],
        word: impl Fn(T) -> &'static str,
    ) -> Read<Option<T>> {
        self.parsed(key, |text| {
            let found = all.iter().copied().find(|one| word(*one) == text);
            found.ok_or_else(|| {
                let all: Vec<_> = all.iter().map(|one| word(*one)).collect();
                values::advice(text, &all)
            })
        })
    }

    /// An integer; `from_text` reads what strings may stand in its place.
    fn number_or(
        &mut self,
        key: &'static str,
        (min, max): (u64, u64),
        expected: &str,
        from_text: impl Fn(&str) -> Option<u64>,
        from_integer: bool,
    ) -> Read<Option<u64>> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let span = value.span();
        let number = match value.get_ref() {
            DeValue::Integer(integer) if from_integer => {
                let digits = integer.as_str();
                u64::from_str_radix(digits, integer.radix()).ok()
            }
            DeValue::String(text) => from_text(text),
            other => return Err(wrong_type(span, key, other, expected)),
        };
        match number {
            Some(number) if (min..=max).contains(&number) => Ok(Some(number)),
            _ => {
                let problem = format!("expected {expected}");
                Err(bad_value(span, key, problem))
            }
        }
    }

    pub(super) fn number(&mut self, key: &'static str, min: u64, max: u64) -> Read<Option<u64>> {
        let expected = format!("a number from {min} to {max}");
        self.number_or(key, (min, max), &expected, |_| None, true)
    }

    pub(super) fn percent(&mut self, key: &'static str) -> Read<Option<u64>> {
        let expected = "a percentage from 0 to 100, such as \"20%\"";
        let from_text = |text: &str| text.strip_suffix('%')?.parse().ok();
        self.number_or(key, (0, 100), expected, from_text, true)
    }

    /// A time in milliseconds, written with its unit.
    pub(super) fn time(&mut self, key: &'static str, min: u64, max: u64) -> Read<Option<u64>> {
        let (least, most) = (values::show_ms(min), values::show_ms(max));
        let expected = format!(
            "a time with its unit from \"{least}\" to \"{most}\", such as \"80ms\" or \"1m30s\""
        );
        self.number_or(key, (min, max), &expected, values::read_ms, false)
    }

    /// Seconds, as a number or with units.
    pub(super) fn seconds(&mut self, key: &'static str, max: u64) -> Read<Option<u64>> {
        let expected = format!("seconds up to {max}, or a time such as \"1h30m\"");
        let from_text = |text: &str| crate::dns::words::read_seconds(text).map(u64::from);
        self.number_or(key, (0, max), &expected, from_text, true)
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Read<Option<At<bool>>> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let span = value.span();
        match value.get_ref() {
            DeValue::Boolean(value) => {
                let value = *value;
                Ok(Some(At { span, value }))
            }
            other => Err(wrong_type(span, key, other, "true or false")),
        }
    }

    /// An array of strings; one alone may stand without brackets.
    pub(super) fn texts(&mut self, key: &'static str) -> Read<Option<Vec<At<String>>>> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let expected = "a string, or several in brackets";
        let (span, value) = (value.span(), value.into_inner());
        match value {
            DeValue::Array(list) => {
                let text = |one| string(key, one, expected);
                list.into_iter().map(text).collect::<Read<_>>().map(Some)
            }
            value => {
                let one = Spanned::new(span, value);
                string(key, one, expected).map(|one| Some(alloc::vec![one]))
            }
        }
    }

    pub(super) fn table(&mut self, key: &'static str, what: &'static str) -> Read<Option<Self>> {
        self.take(key)
            .map(|value| section(key, what, value))
            .transpose()
    }

    /// An array of tables.
    pub(super) fn tables(&mut self, key: &'static str, what: &'static str) -> Read<Vec<Self>> {
        let Some(value) = self.take(key) else {
            return Ok(Vec::new());
        };
        let (span, value) = (value.span(), value.into_inner());
        match value {
            DeValue::Array(list) => {
                let table = |one| section(key, what, one);
                list.into_iter().map(table).collect()
            }
            other => {
                let expected = format!("one or more tables, each begun by `[[{key}]]`");
                Err(wrong_type(span, key, &other, &expected))
            }
        }
    }

    /// What version 1 does not know: `extension = { 100 = "f6" }`, the values CBOR in base 16. The schema of this table has
    /// the keys 1 to `schema_max`.
    pub(super) fn extension(&mut self, schema_max: u64) -> Read<Extension> {
        let key = "extension";
        let Some(table) = self.table(key, "extension")? else {
            return Ok(Extension::default());
        };
        let mut entries = Vec::new();
        for (name, value) in table.entries {
            let number: Option<u64> = name.value.parse().ok();
            let number = number.filter(|number| number.to_string() == name.value);
            let number = number.filter(|number| *number == 0 || *number > schema_max);
            let number = number.ok_or_else(|| {
                let problem = format!("keys are 0, and numbers above {schema_max}");
                bad_value(name.span, key, problem)
            })?;
            let text = string(key, value, "CBOR in base 16, in quotes")?;
            let bytes = HEXLOWER_PERMISSIVE.decode(text.value.as_bytes()).ok();
            let sound = bytes.filter(|bytes| crate::cbor::check(bytes).is_ok());
            let bytes = sound.ok_or_else(|| {
                let problem = "expected one item of deterministic CBOR in base 16".to_owned();
                bad_value(text.span, key, problem)
            })?;
            entries.push((number, bytes));
        }
        let extension = Extension::from_entries(entries);
        Ok(extension.expect("TOML has each key once, and each value was checked"))
    }

    /// Nothing may be left over.
    pub(super) fn finish(self) -> Read<()> {
        let left = self.entries.into_iter().map(|(key, _)| key);
        let Some(key) = left.min_by_key(|key| key.span.start) else {
            return Ok(());
        };
        let advice = values::advice(&key.value, &self.known);
        let unknown = TomlProblem::UnknownKey {
            key: key.value,
            section: self.what,
            advice,
        };
        Err(Found::new(key.span, unknown))
    }
}

fn section<'i>(
    key: &'static str,
    what: &'static str,
    value: Spanned<DeValue<'i>>,
) -> Read<Section<'i>> {
    let (span, value) = (value.span(), value.into_inner());
    match value {
        DeValue::Table(table) => Ok(Section::new(what, span, table)),
        other => Err(wrong_type(span, key, &other, "a table")),
    }
}

fn string(key: &str, value: Spanned<DeValue<'_>>, expected: &str) -> Read<At<String>> {
    let (span, value) = (value.span(), value.into_inner());
    match value {
        DeValue::String(text) => {
            let value = text.into_owned();
            Ok(At { span, value })
        }
        other => Err(wrong_type(span, key, &other, expected)),
    }
}

fn wrong_type(span: Range<usize>, key: &str, found: &DeValue<'_>, expected: &str) -> Found {
    let problem = TomlProblem::WrongType {
        key: key.to_owned(),
        found: values::type_in_words(found),
        expected: expected.to_owned(),
    };
    Found::new(span, problem)
}

pub(super) fn bad_value(span: Range<usize>, key: &str, problem: String) -> Found {
    let key = key.to_owned();
    Found::new(span, TomlProblem::Value { key, problem })
}

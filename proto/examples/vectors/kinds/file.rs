//! A file of vectors, and its JSON.

use std::fmt::Write;

/// The vectors of one kind.
pub(crate) struct File {
    pub(crate) kind: &'static str,
    about: &'static str,
    pub(crate) vectors: Vec<Vector>,
}

/// One input, and what has to come of it.
pub(crate) struct Vector {
    name: String,
    why: String,
    input: Object,
    outcome: Outcome,
}

/// The facts of a valid input, or the code of the rule that an invalid one breaks.
enum Outcome {
    Valid(Object),
    Invalid(&'static str),
}

/// A JSON value, as far as vectors need one.
#[derive(Clone)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
    Object(Object),
}

/// The members of a JSON object, in the order that they are written.
#[derive(Clone, Default)]
pub(crate) struct Object(Vec<(&'static str, Value)>);

impl File {
    pub(crate) fn new(kind: &'static str, about: &'static str) -> Self {
        let vectors = Vec::new();
        Self {
            kind,
            about,
            vectors,
        }
    }

    /// Adds an input that has to be accepted, with the facts that it has to give.
    pub(crate) fn valid(
        &mut self,
        name: impl Into<String>,
        why: impl Into<String>,
        input: impl Into<Object>,
        facts: impl Into<Object>,
    ) {
        self.add(name.into(), why.into(), input, Outcome::Valid(facts.into()));
    }

    /// Adds an input that has to be refused, with the code of the one rule that it breaks.
    pub(crate) fn invalid(
        &mut self,
        name: impl Into<String>,
        why: impl Into<String>,
        input: impl Into<Object>,
        code: &'static str,
    ) {
        self.add(name.into(), why.into(), input, Outcome::Invalid(code));
    }

    fn add(&mut self, name: String, why: String, input: impl Into<Object>, outcome: Outcome) {
        let vector = Vector {
            name,
            why,
            input: input.into(),
            outcome,
        };
        self.vectors.push(vector);
    }

    /// The file's text.
    pub(crate) fn to_json(&self) -> String {
        let mut out = String::from("{\n  \"about\": ");
        quote(&mut out, self.about);
        out.push_str(",\n  \"vectors\": [");
        for (position, vector) in self.vectors.iter().enumerate() {
            out.push_str(if position == 0 { "\n" } else { ",\n" });
            vector.write(&mut out);
        }
        out.push_str("\n  ]\n}\n");
        out
    }
}

impl Vector {
    /// The code, where the input has to be refused.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        match self.outcome {
            Outcome::Valid(_) => None,
            Outcome::Invalid(code) => Some(code),
        }
    }

    fn write(&self, out: &mut String) {
        out.push_str("    {\n      \"name\": ");
        quote(out, &self.name);
        out.push_str(",\n      \"why\": ");
        quote(out, &self.why);
        out.push_str(",\n      \"input\": ");
        self.input.write(out);
        match &self.outcome {
            Outcome::Valid(facts) => {
                out.push_str(",\n      \"valid\": ");
                facts.write(out);
            }
            Outcome::Invalid(code) => {
                out.push_str(",\n      \"reason\": ");
                quote(out, code);
            }
        }
        out.push_str("\n    }");
    }
}

impl Object {
    /// These members and one more.
    pub(crate) fn and(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((key, value.into()));
        self
    }

    fn write(&self, out: &mut String) {
        out.push('{');
        for (position, (key, value)) in self.0.iter().enumerate() {
            if position > 0 {
                out.push_str(", ");
            }
            quote(out, key);
            out.push_str(": ");
            match value {
                Value::Text(text) => quote(out, text),
                Value::Number(number) => out.push_str(&number.to_string()),
                Value::Object(object) => object.write(out),
            }
        }
        out.push('}');
    }
}

/// Writes a JSON string in ASCII, so that what a name holds shows even where it has no glyph.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a string takes all that is written");
                }
            }
        }
    }
    out.push('"');
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl<const N: usize> From<[(&'static str, Value); N]> for Object {
    fn from(members: [(&'static str, Value); N]) -> Self {
        Self(members.into())
    }
}

/// Bytes as a JSON value.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> Value {
    Value::Text(hex_text(bytes.as_ref()))
}

/// Bytes in base 16.
pub(crate) fn hex_text(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// The input `{"hex": ...}`.
pub(crate) fn hex_input(bytes: impl AsRef<[u8]>) -> Object {
    [("hex", hex(bytes))].into()
}

/// The bytes of base 16 with spaces.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits = text.replace(' ', "");
    data_encoding::HEXLOWER_PERMISSIVE
        .decode(digits.as_bytes())
        .expect("the digits stand in this program")
}

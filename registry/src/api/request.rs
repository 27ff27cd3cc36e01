//! What a request says, parsed once: whose record, which condition, what the client takes. Each refusal says what would be right.

use axum::extract::Query;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use dotkey_proto::identity::{Branch, KeyId};
use dotkey_proto::name::{Name, Root, Suffix};
use dotkey_proto::record::{Kind, SEQUENCE_MAX, place};

use super::problem::{self, Problem};
use crate::dht::core::Effort;
use crate::dht::message::Expected;
use crate::dht::peer::Position;
use crate::hex::unhex;

/// The type of a record's bytes.
pub(crate) const CBOR: &str = "application/cbor";
/// The type of everything else that is no stream.
pub(crate) const JSON: &str = "application/json";
/// The type of a stream of events.
pub(crate) const EVENTS: &str = "text/event-stream";

/// More of a stranger's text than this is not repeated to him.
const QUOTED_CHARACTERS_MAX: usize = 80;

/// Which record is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) key_id: KeyId,
    pub(crate) branch: Option<Branch>,
}

impl Target {
    /// Where it is in the key space.
    pub(crate) fn position(&self) -> Position {
        Position::of_place(&place(Kind::Zone, self.key_id, self.branch.as_ref()))
    }
}

/// The parameters behind `?`, each at most once.
pub(crate) struct Parameters(Vec<(String, String)>);

/// A number as CBOR and JSON have it, in digits alone.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok();
    number.filter(|number| digits && *number <= SEQUENCE_MAX)
}

impl Parameters {
    /// Reads them; those that are not in `known` are refused, because a misspelt `fresh` would else be a stale answer.
    pub(crate) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let wrong = |detail: String| {
            let next = match known {
                [] => "leave the query out".to_owned(),
                known => format!("use each of these at most once: {}", known.join(", ")),
            };
            Problem::new(problem::BAD_PARAMETER, detail, next)
        };
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| wrong("the query is not `name=value` pairs in UTF-8".into()))?;
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(wrong(format!("there is no parameter {}", quoted(name))));
            }
            if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(wrong(format!("{} is given twice", quoted(name))));
            }
        }
        Ok(Self(pairs))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.get("name")
    }

    pub(crate) fn url(&self) -> Option<&str> {
        self.get("url")
    }

    pub(crate) fn branch(&self) -> Result<Option<Branch>, Problem> {
        let parse = |text: &str| {
            text.parse().map_err(|_| {
                Problem::new(
                    problem::BAD_PARAMETER,
                    format!("{} is no branch", quoted(text)),
                    "write a name below the apex in lower-case letters, digits, hyphens and underscores, such as `blog`",
                )
            })
        };
        self.get("branch").map(parse).transpose()
    }

    pub(crate) fn effort(&self) -> Result<Effort, Problem> {
        match self.get("fresh") {
            None | Some("false") => Ok(Effort::Usual),
            Some("true") => Ok(Effort::Fresh),
            Some(other) => Err(Problem::new(
                problem::BAD_PARAMETER,
                format!("{} is neither true nor false", quoted(other)),
                "write `fresh=true` to ask all twenty of the closest nodes",
            )),
        }
    }

    /// Where a page begins.
    pub(crate) fn from(&self) -> Result<u64, Problem> {
        let Some(text) = self.get("from") else {
            return Ok(0);
        };
        number(text).ok_or_else(|| {
            Problem::new(
                problem::BAD_PARAMETER,
                format!("{} is no place to begin", quoted(text)),
                "give the `next` of the page before, or leave it out to begin with the first",
            )
        })
    }

    /// Whose validators a client knows: 0 for those of the genesis.
    pub(crate) fn epoch(&self) -> Result<u64, Problem> {
        let Some(text) = self.get("epoch") else {
            return Ok(0);
        };
        number(text).ok_or_else(|| {
            Problem::new(
                problem::BAD_PARAMETER,
                format!("{} is no epoch", quoted(text)),
                "give the number of the epoch whose validators you trust, or leave it out to begin with the genesis",
            )
        })
    }

    /// Whether the record of who holds a name is to come with the proof.
    pub(crate) fn with_record(&self) -> Result<bool, Problem> {
        match self.get("with") {
            None => Ok(false),
            Some("record") => Ok(true),
            Some(other) => Err(Problem::new(
                problem::BAD_PARAMETER,
                format!("{} does not come with a proof", quoted(other)),
                "write `with=record` for the record of who holds the name, or leave it out",
            )),
        }
    }

    pub(crate) fn key(&self) -> Result<Option<KeyId>, Problem> {
        self.get("key").map(key_id).transpose()
    }
}

/// A key id as its 56-character label or its 64 digits.
pub(crate) fn key_id(text: &str) -> Result<KeyId, Problem> {
    const NEXT: &str = "give the 56-character label that `dotkey key show` prints, or 64 hexadecimal digits, in lower case";
    let wrong = |detail: String| Problem::new(problem::BAD_KEY_ID, detail, NEXT);
    if let Some(bytes) = unhex(text) {
        return Ok(KeyId::from_bytes(bytes));
    }
    let label = |text: &str| {
        text.bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'))
    };
    if text.len() != 56 || !label(text) {
        let characters = text.chars().count();
        return Err(wrong(format!(
            "{} ({characters} characters) is no key id",
            quoted(text)
        )));
    }
    let name = Name::parse(&format!("{text}.key"), &Suffix::KEY);
    match name.as_ref().map(Name::root) {
        Ok(Root::KeyId(key_id)) => Ok(*key_id),
        Ok(_) => Err(wrong(format!("{} is no key id", quoted(text)))),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// The condition of a put.
pub(crate) fn expected(headers: &HeaderMap) -> Result<Expected, Problem> {
    let wrong = |detail: String| {
        Problem::new(
            problem::BAD_CONDITION,
            detail,
            "send `If-Match: \"<digest>\"` with the ETag of the record to replace, or `If-None-Match: *` for the first, or neither",
        )
    };
    let (matching, none) = (
        single(headers, header::IF_MATCH).map_err(wrong)?,
        single(headers, header::IF_NONE_MATCH).map_err(wrong)?,
    );
    match (matching, none) {
        (None, None) => Ok(Expected::Older),
        (None, Some("*")) => Ok(Expected::Nothing),
        (Some(tag), None) => {
            let digest = strong(tag).and_then(unhex);
            let digest = digest.ok_or_else(|| wrong(format!("If-Match is {}", quoted(tag))))?;
            Ok(Expected::Digest(digest))
        }
        (None, Some(other)) => Err(wrong(format!("If-None-Match is {}", quoted(other)))),
        (Some(_), Some(_)) => Err(wrong("If-Match and If-None-Match are both there".into())),
    }
}

fn strong(tag: &str) -> Option<&str> {
    tag.strip_prefix('"')?.strip_suffix('"')
}

/// A header that may be there once, as text.
fn single(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, String> {
    let mut values = headers.get_all(&name).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(format!("{name} is there more than once"));
    }
    let text = first.map(|value| value.to_str().map(str::trim));
    text.transpose()
        .map_err(|_| format!("{name} is not printable ASCII"))
}

/// Whether a client that sends these headers has the record with this digest: `If-None-Match` of a read, RFC 9110 section
/// 13.1.2. Tags that are not ours match nothing.
pub(crate) fn has(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.to_str().expect("a quoted digest is ASCII");
    let mut tags = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    tags.any(|theirs| theirs == "*" || theirs.strip_prefix("W/").unwrap_or(theirs) == tag)
}

/// The first of `offered` that the client likes most: RFC 9110 section 12.5.1.
pub(crate) fn accepted(
    headers: &HeaderMap,
    offered: &'static [&'static str],
) -> Result<&'static str, Problem> {
    let mut ranges = Vec::new();
    for value in headers.get_all(header::ACCEPT) {
        let text = value.to_str().unwrap_or_default();
        ranges.extend(
            text.split(',')
                .map(str::trim)
                .filter(|range| !range.is_empty()),
        );
    }
    if ranges.is_empty() {
        return Ok(offered[0]);
    }
    let mut best = None;
    for kind in offered {
        let liking = liking(&ranges, kind);
        if liking > best.map_or(0, |(_, most)| most) {
            best = Some((*kind, liking));
        }
    }
    best.map(|(kind, _)| kind).ok_or_else(|| {
        Problem::new(
            problem::NOT_ACCEPTABLE,
            format!("Accept is {}", quoted(&ranges.join(", "))),
            format!("accept one of: {}", offered.join(", ")),
        )
    })
}

/// In thousandths; the most specific range that fits decides.
fn liking(ranges: &[&str], kind: &str) -> u32 {
    let mut found = (0, 0);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let pattern = parts.next().unwrap_or_default().to_ascii_lowercase();
        let exactness = match pattern.strip_suffix("/*") {
            _ if pattern == kind => 3,
            Some("*") => 1,
            Some(group) if kind.split('/').next() == Some(group) => 2,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let weight = weight.map_or(1000, thousandths);
        if exactness > found.0 {
            found = (exactness, weight);
        }
    }
    found.1
}

/// RFC 9110 section 12.4.2: 0 to 1 with up to three decimals. What is not such a number likes nothing.
fn thousandths(text: &str) -> u32 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "1" if digits => 1000,
        "0" if digits => format!("{decimals:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

/// The type of a body, without its parameters.
pub(crate) fn takes(headers: &HeaderMap, kind: &'static str) -> Result<(), Problem> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let given = text(header::CONTENT_TYPE).unwrap_or_default();
    let coding = text(header::CONTENT_ENCODING).unwrap_or("identity");
    let media = given.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case(kind) && coding.eq_ignore_ascii_case("identity") {
        return Ok(());
    }
    let detail = match (given, coding) {
        ("", _) => "the body has no Content-Type".to_owned(),
        (given, "identity") => format!("the body is {}", quoted(given)),
        (given, coding) => format!("the body is {} coded as {}", quoted(given), quoted(coding)),
    };
    let next = format!("send it as `Content-Type: {kind}` and without a Content-Encoding");
    Err(Problem::new(problem::WRONG_TYPE, detail, next)
        .with_header(header::ACCEPT, HeaderValue::from_static(kind)))
}

/// A stranger's text, cut and without control characters.
pub(crate) fn quoted(text: &str) -> String {
    let mut cut: String = text.chars().take(QUOTED_CHARACTERS_MAX).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value.parse().expect("a header"));
        }
        headers
    }

    #[test]
    fn a_key_id_has_two_forms() {
        let id = KeyId::from_bytes([7; 32]);
        let label = id.to_string();
        let check = |text: &str, expected: bool| {
            assert_eq!(key_id(text).ok(), expected.then_some(id), "{text}");
        };
        check(&label, true);
        check(&"07".repeat(32), true);
        check(&label.to_ascii_uppercase(), false);
        check(&label.replacen('y', "b", 1), false);
        check(&format!("{label}."), false);
        check(&label[1..], false);
        check(&"0A".repeat(32), false);
        check(&"é".repeat(28), false);
        check("", false);
    }

    #[test]
    fn parameters_are_known_and_single() {
        let check = |query: &str, expected: Option<Effort>| {
            let uri: Uri = format!("/v1?{query}").parse().expect("a URI");
            let effort =
                Parameters::read(&uri, &["branch", "fresh"]).and_then(|given| given.effort());
            assert_eq!(effort.ok(), expected, "{query}");
        };
        check("", Some(Effort::Usual));
        check("fresh=true", Some(Effort::Fresh));
        check("branch=blog&fresh=false", Some(Effort::Usual));
        check("fresh=1", None);
        check("fresh=true&fresh=true", None);
        check("frehs=true", None);
        check("fresh=%ff", None);
    }

    #[test]
    fn a_record_comes_with_a_proof_where_it_is_asked_for() {
        let check = |query: &str, expected: Option<bool>| {
            let uri: Uri = format!("/v1?{query}").parse().expect("a URI");
            let with = Parameters::read(&uri, &["with"]).and_then(|given| given.with_record());
            assert_eq!(with.ok(), expected, "{query}");
        };
        check("", Some(false));
        check("with=record", Some(true));
        check("with=", None);
        check("with=records", None);
        check("with=record&with=record", None);
    }

    #[test]
    fn conditions_compare_and_swap() {
        let check = |matching: Option<&str>, none: Option<&str>, expected_: Option<Expected>| {
            let lines: Vec<_> = [(header::IF_MATCH, matching), (header::IF_NONE_MATCH, none)]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            assert_eq!(expected(&headers(&lines)).ok(), expected_, "{lines:?}");
        };
        let tag = format!("\"{}\"", "ab".repeat(32));
        check(None, None, Some(Expected::Older));
        check(None, Some("*"), Some(Expected::Nothing));
        check(Some(&tag), None, Some(Expected::Digest([0xab; 32])));
        check(Some(&format!("W/{tag}")), None, None);
        check(Some(&format!("{tag}, {tag}")), None, None);
        check(Some("*"), None, None);
        check(Some(&tag), Some("*"), None);
        check(None, Some(&tag), None);
    }

    #[test]
    fn the_client_chooses_what_it_gets() {
        let check = |accept: &[&str], expected: Option<&str>| {
            let lines: Vec<_> = accept
                .iter()
                .map(|value| (header::ACCEPT, *value))
                .collect();
            assert_eq!(
                accepted(&headers(&lines), &[JSON, EVENTS]).ok(),
                expected,
                "{accept:?}"
            );
        };
        check(&[], Some(JSON));
        check(&["*/*"], Some(JSON));
        check(&["text/event-stream"], Some(EVENTS));
        check(&["text/*", "application/json;q=0.5"], Some(EVENTS));
        check(&["application/json, text/event-stream"], Some(JSON));
        check(
            &["application/json;q=0.2, text/event-stream; q=0.25"],
            Some(EVENTS),
        );
        check(&["*/*, application/json;q=0"], Some(EVENTS));
        check(&["application/cbor"], None);
        check(&["*/*;q=0"], None);
        check(&["*/*;q=2"], None);
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        let tag = HeaderValue::from_static("\"aa\"");
        let check = |value: &str, expected: bool| {
            let headers = headers(&[(header::IF_NONE_MATCH, value)]);
            assert_eq!(has(&headers, &tag), expected, "{value}");
        };
        check("\"aa\"", true);
        check("W/\"aa\"", true);
        check("\"bb\", \"aa\"", true);
        check("*", true);
        check("aa", false);
        check("\"bb\"", false);
    }
}

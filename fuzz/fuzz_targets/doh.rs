//! A request of DoH, whichever HTTP it came over: a line for the method, one for the path, one for each header, an empty one, the body.
#![no_main]

use dotkey_fuzz::asked::{client, run, service};
use dotkey_resolver::server::fuzzed::of_request;
use dotkey_resolver::transport::Transport;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use libfuzzer_sys::fuzz_target;

/// The statuses that docs/architecture/dns-server.md lists.
const STATUSES: [u16; 7] = [200, 400, 404, 405, 413, 414, 415];

fuzz_target!(|data: &[u8]| {
    let Some((method, uri, headers, body)) = request(data) else {
        return;
    };
    let asking = of_request(
        (&method, &uri, &headers),
        body,
        client(Transport::Https),
        service(),
    );
    let (status, said) = run(asking);
    assert!(STATUSES.contains(&status), "{status}");
    assert!(!said.is_empty());
    if status == 200 {
        let is_json = serde_json::from_slice::<serde_json::Value>(&said).is_ok();
        assert!(is_json || said[2] & 0x80 != 0, "JSON, or an answer");
    } else {
        assert!(said.is_ascii() && said.len() < 200, "a line for people");
    }
});

fn request(data: &[u8]) -> Option<(Method, Uri, HeaderMap, &[u8])> {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let method = Method::from_bytes(lines.next()?).ok()?;
    let mut lines = lines.next()?.splitn(2, |byte| *byte == b'\n');
    let uri = Uri::try_from(lines.next()?).ok()?;
    let mut rest = lines.next().unwrap_or_default();
    let mut headers = HeaderMap::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            break;
        };
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        headers.append(name, HeaderValue::from_bytes(&line[colon + 1..]).ok()?);
    }
    Some((method, uri, headers, rest))
}

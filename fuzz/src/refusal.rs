//! What every error owes: a stable code, and a message that is safe to show.

use std::fmt::Display;

/// Where the protocol lists its codes.
const PAGES: [&str; 10] = [
    include_str!("../../docs/protocol/1-encoding.md"),
    include_str!("../../docs/protocol/2-names.md"),
    include_str!("../../docs/protocol/3-identities.md"),
    include_str!("../../docs/protocol/4-signatures.md"),
    include_str!("../../docs/protocol/5-records.md"),
    include_str!("../../docs/protocol/7-zones.md"),
    include_str!("../../docs/protocol/8-ledger.md"),
    include_str!("../../docs/protocol/9-record-exchange.md"),
    include_str!("../../docs/protocol/10-ledger-rules.md"),
    include_str!("../../docs/protocol/11-ledger-exchange.md"),
];

/// A message repeats at most what it is about, which is one item of the input.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Asserts that a refusal has a code in the form that codes have, and a message that a terminal can show: foreign bytes in
/// it must not be able to move the cursor about or to recolour the screen. A line of a file is shown with its tabs.
///
/// # Panics
/// It has not.
pub fn refused(error: &impl Display, code: &str) {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    assert!(
        !code.is_empty() && code.bytes().all(plain),
        "{code:?} is no code"
    );
    let message = error.to_string();
    assert!(
        !message.is_empty() && message.len() <= MESSAGE_BYTES_MAX,
        "{code}: {} bytes",
        message.len()
    );
    let hidden = message
        .chars()
        .find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
    assert_eq!(
        hidden, None,
        "the message of {code} holds a control character: {message:?}"
    );
}

/// As [`refused`], of an error that other implementations give as well: its code stands in `docs/protocol/`.
///
/// # Panics
/// It has not, or does not.
pub fn refused_by_protocol(error: &impl Display, code: &str) {
    refused(error, code);
    let listed = format!("`{code}`");
    assert!(
        PAGES.iter().any(|page| page.contains(&listed)),
        "{listed} is on no page of docs/protocol"
    );
}

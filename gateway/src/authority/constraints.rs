//! What an authority may sign: names under one suffix, and nothing of any other kind.
//!
//! Pure: the name constraints of RFC 5280 section 4.2.1.10 as the bytes of their extension. They are written here and not by rcgen,
//! which knows none for URIs; and an authority is believed to have them only if it has these very bytes.

use dotkey_proto::name::Suffix;

/// `id-ce-nameConstraints`.
pub(super) const OID: &[u64] = &[2, 5, 29, 30];

/// A constraint on DNS names says nothing about other kinds. This host is all that e-mail addresses and URIs are left, and
/// it never exists (RFC 6761 section 6.4). Excluding every host instead is understood by some verifiers only.
pub(super) const NOWHERE: &str = "invalid";

/// An address and its mask, all zero: every IPv4 address.
const EVERY_IPV4: [u8; 8] = [0; 8];
/// Every IPv6 address.
const EVERY_IPV6: [u8; 32] = [0; 32];

const SEQUENCE: u8 = 0x30;
const PERMITTED: u8 = 0xa0;
const EXCLUDED: u8 = 0xa1;
const EMAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
const ADDRESS: u8 = 0x87;

/// The extension's content for a suffix.
pub(super) fn of(suffix: &Suffix) -> Vec<u8> {
    let permitted = [
        subtree(DNS, suffix.as_ascii().as_bytes()),
        subtree(EMAIL, NOWHERE.as_bytes()),
        subtree(URI, NOWHERE.as_bytes()),
    ];
    let excluded = [subtree(ADDRESS, &EVERY_IPV4), subtree(ADDRESS, &EVERY_IPV6)];
    let both = [
        element(PERMITTED, &permitted.concat()),
        element(EXCLUDED, &excluded.concat()),
    ];
    element(SEQUENCE, &both.concat())
}

/// `minimum` and `maximum` are left out, as RFC 5280 has it.
fn subtree(kind: u8, base: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &element(kind, base))
}

/// One element of DER. A suffix has less than 256 bytes, and so have all of these but the outermost.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a suffix and a few constants");
    let [high, low] = length.to_be_bytes();
    let mut bytes = match length {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    bytes.extend_from_slice(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use x509_parser::extensions::{GeneralName, NameConstraints};
    use x509_parser::prelude::FromDer;

    fn check(suffix: &Suffix) {
        let bytes = of(suffix);
        let (rest, read) = NameConstraints::from_der(&bytes).expect("they can be read");
        assert!(rest.is_empty());
        let bases = |subtrees: Option<Vec<x509_parser::extensions::GeneralSubtree<'_>>>| {
            let shown = |name: &GeneralName<'_>| name.to_string();
            let subtrees = subtrees.expect("there are some");
            subtrees
                .iter()
                .map(|one| shown(&one.base))
                .collect::<Vec<_>>()
        };
        let dns = GeneralName::DNSName(suffix.as_ascii()).to_string();
        let email = GeneralName::RFC822Name(NOWHERE).to_string();
        let uri = GeneralName::URI(NOWHERE).to_string();
        assert_eq!(bases(read.permitted_subtrees), [dns, email, uri]);
        let addresses =
            [&[0; 8][..], &[0; 32][..]].map(|it| GeneralName::IPAddress(it).to_string());
        assert_eq!(bases(read.excluded_subtrees), addresses);
    }

    #[test]
    fn the_suffix_is_all_that_is_permitted() {
        check(&Suffix::KEY);
    }

    proptest! {
        #[test]
        fn every_suffix_is_written_so_that_others_read_it(text in "[a-z]{1,60}(\\.[a-z]{1,60}){0,2}") {
            if let Ok(suffix) = Suffix::parse(&text) {
                check(&suffix);
            }
        }
    }
}

//! Messages repeat what they refuse. Whoever wrote that must not be able to write to the terminal of whoever reads it.

use dotkey_proto::dns::RecordType;
use dotkey_proto::identity::{KeyId, PublicKey, Role};
use dotkey_proto::ledger::{Action, LedgerError, Transaction};
use dotkey_proto::name::{KeyUri, Suffix};
use dotkey_proto::text::toml;
use dotkey_proto::zone::Url;

/// Clears a screen.
const HOSTILE: &str = "\u{1b}[2J";

fn check(message: &str) {
    assert!(
        message.contains("\\u{1b}"),
        "{message:?} does not show what it refuses"
    );
    assert!(!message.contains('\u{1b}'), "{message:?}");
}

fn transaction(label: &str) -> LedgerError {
    let action = Action::Release {
        label: label.into(),
    };
    let chain = vec![Vec::new()];
    let transaction = Transaction {
        network: [0; 32],
        key_id: KeyId::from_bytes([0; 32]),
        nonce: 0,
        chain,
        action,
        opening: None,
    };
    transaction.draft().expect_err("no label")
}

#[test]
fn show_control_characters_instead_of_sending_them() {
    check(
        &HOSTILE
            .parse::<RecordType>()
            .expect_err("no type")
            .to_string(),
    );
    check(&HOSTILE.parse::<Role>().expect_err("no role").to_string());
    check(
        &HOSTILE
            .parse::<PublicKey>()
            .expect_err("no key")
            .to_string(),
    );
    check(&transaction(HOSTILE).to_string());
    for url in [format!("http://{HOSTILE}/"), format!("http://a:{HOSTILE}")] {
        check(&Url::parse(&url).expect_err("no URL").to_string());
    }
    let uri = format!("key://_{HOSTILE}.key/");
    check(
        &KeyUri::parse(&uri, &Suffix::KEY)
            .expect_err("no URI")
            .to_string(),
    );
    let resource = "[[resource]]\nkind = \"backend\"\nhost = \"a\"\n";
    for line in [
        "path = \"/\\u001b[2J\"",
        "[[resource.provider]]\nid = \"\\u001b[2J\"\nurl = \"https://a\"",
        "[[resource.provider]]\nid = \"a\"\nurl = \"https://\\u001b[2J\"",
        "\"\\u001b[2J\" = 1",
    ] {
        check(
            &toml::parse(&format!("{resource}{line}\n"), "mysite.toml")
                .expect_err("refused")
                .problem
                .to_string(),
        );
    }
}

//! What holds for every text.

use alloc::vec;

use proptest::prelude::*;

use super::*;

/// Text that gets past the first checks more often than chance would have it.
fn name_like() -> impl Strategy<Value = String> {
    let label = prop_oneof![
        "[a-zA-Z0-9_-]{1,12}",
        "(xn|XN)--[a-z0-9-]{0,12}",
        "[а-яӏіј]{1,6}",
        "[א-ת0-9٠-٩\u{301}]{1,5}",
        "[ｘ\u{AD}xn]{1,3}--[ａ-ｚ3ü]{1,5}",
        "\\PC{1,4}",
        "0x[0-9a-f]{38,41}",
        "[ybndrfg8ejkmcpqxot1uwisza345h769]{52}",
        Just(encode_key_id(&KeyId::from_bytes([3; 32]))),
    ];
    let dot = prop_oneof![8 => Just("."), 1 => Just("。"), 1 => Just("..")];
    prop::collection::vec((label, dot), 1..4).prop_map(|labels| {
        let text: String = labels
            .iter()
            .flat_map(|(label, dot)| [label.as_str(), dot])
            .collect();
        text + "key"
    })
}

proptest! {
    #[test]
    fn any_text_is_a_stable_name_or_an_error(text in prop_oneof![".*", name_like()]) {
        for suffix in [Suffix::KEY, Suffix::parse("key.example.net").expect("a suffix")] {
            match Name::parse(&text, &suffix) {
                Ok(name) => {
                    prop_assert!(name.as_ascii().len() <= 253);
                    prop_assert!(name.as_ascii().bytes().all(|b| !b.is_ascii_uppercase()));
                    assert_stable(&name, &suffix);
                }
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
        let uri = format!("key://{text}");
        let _ = (KeyUri::parse(&text, &Suffix::KEY), KeyUri::parse(&uri, &Suffix::KEY));
        let _ = Suffix::parse(&text);
    }

    #[test]
    fn the_plain_way_is_a_shortcut(text in name_like()) {
        if text.is_ascii() && !text.starts_with('@') {
            let carefully = crate::name::parse::parse_carefully(&text, &Suffix::KEY);
            prop_assert_eq!(Name::parse(&text, &Suffix::KEY), carefully);
        }
    }

    #[test]
    fn ascii_case_means_nothing(text in name_like()) {
        let code = |text: &str| Name::parse(text, &Suffix::KEY).map_err(|e| e.code());
        prop_assert_eq!(code(&text), code(&text.to_ascii_uppercase()));
    }

    #[test]
    fn labels_of_keys_round_trip(bytes: [u8; 32], address: [u8; 20]) {
        let names = vec![
            Name::of_key_id(&KeyId::from_bytes(bytes), &Suffix::KEY),
            Name::of_ed25519(&bytes, &Suffix::KEY),
            Name::of_wallet(&address, &Suffix::KEY),
        ];
        for name in names {
            assert_stable(&name, &Suffix::KEY);
        }
    }

    #[test]
    fn suggestions_are_names(text in "[ -~]{1,50}\\.key") {
        if let Err(
            NameError::BadCharacter { suggestion: Some(name), .. }
            | NameError::HyphenAtEdge { suggestion: Some(name), .. }
        ) = Name::parse(&text, &Suffix::KEY) {
            prop_assert!(Name::parse(&name, &Suffix::KEY).is_ok(), "{}", name);
        }
    }
}

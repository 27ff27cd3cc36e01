//! The file of an authority: made once, kept private, and never replaced because it is damaged.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::*;
use crate::authority::file::{decode, in_folder};

fn open(world: &World) -> Result<Option<Authority>, AuthorityError> {
    Authority::open(world.folder.path(), &Suffix::KEY)
}

#[test]
fn it_is_made_once_and_found_again() {
    let world = World::new();
    let found = open(&world).expect("sound").expect("there");
    assert_eq!(found.described(), world.authority.described());
    let again = Authority::open_or_make(world.folder.path(), &Suffix::KEY, now());
    let again = again.expect("the same");
    assert_eq!(again.described(), world.authority.described());
    assert_ne!(
        World::new().authority.described().fingerprint,
        again.described().fingerprint
    );
}

#[test]
fn the_key_is_its_owners_and_the_roots_is_nowhere() {
    let world = World::new();
    let files: Vec<_> = fs::read_dir(world.folder.path())
        .expect("a folder")
        .collect();
    let [Ok(file)] = &files[..] else {
        panic!("one file, not {files:?}");
    };
    assert_eq!(file.path(), world.authority.file());
    let mode = file.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let text = fs::read_to_string(file.path()).expect("text");
    assert_eq!(
        text.matches("PRIVATE KEY").count(),
        2,
        "one key, its begin and its end"
    );
    // It is the intermediate's: with the root's, a leaf would not hold.
    let contents = decode(text.as_bytes()).expect("whole");
    let key = PrivatePkcs8KeyDer::from(contents.key.as_slice());
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256).expect("a key");
    let is_of = |certificate: &[u8]| {
        let public = key.public_key_der();
        certificate
            .windows(public.len())
            .any(|window| window == public)
    };
    assert!(is_of(&contents.intermediate) && !is_of(&contents.root));
}

#[test]
fn where_there_is_none_none_is_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = Authority::open(folder.path(), &Suffix::KEY).expect("nothing wrong");
    assert!(opened.is_none());
    let missing = folder.path().join("missing");
    let error = Authority::open_or_make(&missing, &Suffix::KEY, now()).expect_err("no folder");
    assert!(
        matches!(error, AuthorityError::Unwritable { .. }),
        "{error}"
    );
}

#[test]
fn all_who_make_one_at_once_have_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let make = || Authority::open_or_make(folder.path(), &Suffix::KEY, now());
    let made: Vec<Fingerprint> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
        let made = threads.into_iter().map(|one| one.join().expect("no panic"));
        made.map(|one| one.expect("an authority").described().fingerprint)
            .collect()
    });
    assert!(made.iter().all(|one| *one == made[0]), "{made:?}");
    let left = fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 1, "nothing is left beside it");
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_replaced() {
    let world = World::new();
    let file = in_folder(world.folder.path());
    let whole = fs::read(&file).expect("there");
    let other = fs::read(World::new().authority.file()).expect("there");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    // Another's key behind our certificates.
    let at = |text: &str| text.find("-----BEGIN PRIVATE").expect("a key");
    let (whole_text, other_text) = (text(&whole), text(&other));
    let mixed = [
        &whole_text[..at(&whole_text)],
        &other_text[at(&other_text)..],
    ]
    .concat();
    for (bytes, expected) in [
        (Vec::new(), "two certificates"),
        (whole[..whole.len() / 2].to_vec(), "not a whole authority"),
        (whole_text[..at(&whole_text)].into(), "two certificates"),
        (mixed.into_bytes(), "does not hold"),
        ([whole.clone(), whole.clone()].concat(), "two certificates"),
        (vec![b'a'; file::FILE_BYTES_MAX + 1], "more than"),
    ] {
        fs::write(&file, &bytes).expect("written");
        for opened in [
            open(&world).map(|_| ()),
            Authority::open_or_make(world.folder.path(), &Suffix::KEY, now()).map(|_| ()),
        ] {
            let error = opened.expect_err(expected).to_string();
            assert!(error.contains(expected), "{expected}: {error}");
            assert!(
                error.contains("gateway-authority.pem") && error.contains("dotkey trust install"),
                "{error}"
            );
        }
        assert_eq!(fs::read(&file).expect("there"), bytes, "it stays as it is");
    }
    fs::write(&file, &whole).expect("written");
    assert!(open(&world).is_ok());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("ours");
    let error = open(&world).expect_err("open to others").to_string();
    assert!(error.contains("mode 640"), "{error}");
}

#[test]
fn one_for_another_suffix_says_so() {
    let world = World::new();
    let suffix = Suffix::parse("key.example.net").expect("a suffix");
    let error = Authority::open(world.folder.path(), &suffix).expect_err("another suffix");
    assert!(error.to_string().contains("under `key` only"), "{error}");
}

#[test]
fn one_that_has_ended_is_opened_still() {
    let folder = tempfile::tempdir().expect("a folder");
    let long_ago = Timestamp::from_secs(1_000_000_000).expect("a time");
    Authority::open_or_make(folder.path(), &Suffix::KEY, long_ago).expect("made");
    let opened = Authority::open(folder.path(), &Suffix::KEY)
        .expect("sound")
        .expect("there");
    assert!(!opened.validity().holds(now()));
    assert_eq!(
        opened.validity().ends,
        long_ago.saturating_add(3_653 * 86_400)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One bit, anywhere: it is refused, or it was in what is no part of the certificates and the key.
    #[test]
    fn a_flipped_bit_makes_no_other_authority(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let world = World::new();
        let file = in_folder(world.folder.path());
        let mut bytes = fs::read(&file).expect("there");
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        fs::write(&file, &bytes).expect("written");
        if let Ok(Some(opened)) = open(&world) {
            prop_assert_eq!(opened.described(), world.authority.described());
            prop_assert_eq!(opened.intermediate(), world.authority.intermediate());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), cut in any::<prop::sample::Index>()) {
        let _ = decode(&bytes);
        let world = World::new();
        let whole = fs::read(world.authority.file()).expect("there");
        let cut = cut.index(whole.len());
        let torn = [&whole[..cut], &bytes].concat();
        let _ = decode(&torn);
        fs::write(world.authority.file(), &torn).expect("written");
        if let Ok(Some(opened)) = open(&world) {
            prop_assert_eq!(opened.described(), world.authority.described());
        }
    }
}

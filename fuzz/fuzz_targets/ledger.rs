//! Ledger items from their parts: each comes back from its bytes, and a changed byte is refused or seen.
#![no_main]

use arbitrary::{Result, Unstructured};
use dotkey_fuzz::{changed, refused_by_protocol};
use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Certificate, Entry, Finding, Header, Pin, Proof, Subject};
use dotkey_proto::limits::PROOF_BYTES_MAX;
use dotkey_proto::record::SEQUENCE_MAX;
use dotkey_proto::time::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = run(&mut Unstructured::new(data));
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let header = header(input)?;
    let certificate = certificate(input)?;
    assert_eq!(Header::decode(&header.encode()).as_ref(), Ok(&header));
    assert_eq!(
        Certificate::decode(&certificate.encode()).as_ref(),
        Ok(&certificate)
    );
    let finding = match input.int_in_range(0..=2)? {
        0 => Finding::Empty,
        1 => Finding::OtherLeaf {
            key: input.arbitrary()?,
            value: input.arbitrary()?,
        },
        _ => Finding::Held(entry(input)?.encode()),
    };
    let label = *input.choose(&["mysite", "a", "xn--bcher-kva"])?;
    let siblings = (0..input.int_in_range(0..=100)?)
        .map(|_| input.arbitrary())
        .collect::<Result<_>>()?;
    let proof = Proof {
        subject: Subject::Name(label.into()),
        header,
        certificate,
        siblings,
        finding,
    };
    let bytes = proof.encode();
    match Proof::decode(&bytes) {
        Ok(decoded) => assert_eq!(decoded, proof),
        Err(error) => {
            let empty = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";
            let expected = if bytes.len() > PROOF_BYTES_MAX {
                "too-large"
            } else {
                assert!(proof.siblings.contains(&Some(empty)), "{error}");
                "empty-sibling"
            };
            assert_eq!(error.code(), expected);
            refused_by_protocol(&error, error.code());
        }
    }
    let changed =
        changed(&bytes, input.arbitrary()?, input.arbitrary()?).expect("a proof is not empty");
    match Proof::decode(&changed) {
        Ok(other) => assert!(other != proof && other.encode() == changed),
        Err(error) => refused_by_protocol(&error, error.code()),
    }
    Ok(())
}

fn header(input: &mut Unstructured<'_>) -> Result<Header> {
    Ok(Header {
        network: input.arbitrary()?,
        height: input.int_in_range(0..=SEQUENCE_MAX)?,
        time: time(input)?,
        parent: input.arbitrary()?,
        state_root: input.arbitrary()?,
        transactions: input.arbitrary()?,
        epoch: input.int_in_range(0..=SEQUENCE_MAX)?,
        validators: input.arbitrary()?,
        next_validators: input.arbitrary()?,
    })
}

fn certificate(input: &mut Unstructured<'_>) -> Result<Certificate> {
    Ok(Certificate {
        view: input.int_in_range(0..=SEQUENCE_MAX)?,
        parent_view: input.int_in_range(0..=SEQUENCE_MAX)?,
        signers: vec![input.arbitrary()?; input.int_in_range(1..=32)?],
        signature: [input.arbitrary()?; 48],
    })
}

fn entry(input: &mut Unstructured<'_>) -> Result<Entry> {
    let (claimed, lease_ends) = (time(input)?, time(input)?);
    let pin = if input.arbitrary()? {
        let least_sequence = if input.arbitrary()? {
            Some(input.int_in_range(1..=SEQUENCE_MAX)?)
        } else {
            None
        };
        Some(Pin {
            number: input.arbitrary()?,
            digest: input.arbitrary()?,
            least_sequence,
        })
    } else {
        None
    };
    let entry = Entry {
        key_id: KeyId::from_bytes(input.arbitrary()?),
        claimed: claimed.min(lease_ends).saturating_sub(1),
        lease_ends: claimed
            .max(lease_ends)
            .max(Timestamp::from_secs(1).expect("in range")),
        pin,
    };
    assert_eq!(Entry::decode(&entry.encode()).as_ref(), Ok(&entry));
    Ok(entry)
}

fn time(input: &mut Unstructured<'_>) -> Result<Timestamp> {
    Ok(Timestamp::from_secs(input.int_in_range(0..=Timestamp::MAX.as_secs())?).expect("in range"))
}

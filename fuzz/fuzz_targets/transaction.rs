//! A transaction's payload has one encoding, and its text for a wallet names what it does.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::ledger::Transaction;
use dotkey_proto::signature::{Envelope, Subject};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let transaction = match within(64 * data.len() + 8192, || Transaction::decode(data)) {
        Ok(transaction) => transaction,
        Err(error) => return refused_by_protocol(&error, error.code()),
    };
    let envelope = Envelope::decode(data).expect("it was decoded");
    let draft = transaction.draft().expect("what can be read can be signed");
    assert_eq!(draft.payload(), envelope.payload);
    let Subject::Transaction { action, .. } = draft.subject() else {
        unreachable!("the draft of a transaction is about one");
    };
    assert!(
        action.starts_with(transaction.action.word()) && !action.contains('\n'),
        "{action:?}"
    );
});

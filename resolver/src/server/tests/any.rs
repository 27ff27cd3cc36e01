//! Whatever is sent, and whatever is asked.

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..200), keep in 0_usize..80, flip in any::<(usize, u8)>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let service = service(gateway());
        let client = Client { address: LOOPBACK, transport: Transport::Udp };
        // Foreign bytes, and a query that is cut, changed and added to.
        let mut near = query(&site("x."), "A", true).to_vec().expect("it encodes");
        near.truncate(keep.max(1));
        let at = flip.0 % near.len();
        near[at] ^= flip.1;
        for bytes in [bytes.clone(), [&near[..], &bytes].concat()] {
            if let Some(reply) = runtime.block_on(service.answer(&bytes, client)) {
                prop_assert!(reply.bytes.len() <= 1232);
                prop_assert!(reply.bytes[2] & 0x80 != 0);
                prop_assert_eq!(&reply.bytes[..2], &bytes[..2]);
            }
        }
    }

    #[test]
    fn whatever_is_asked_is_signed_and_holds(labels in proptest::collection::vec("[a-zA-Z0-9_*-]{1,12}", 0..4), rtype in 1_u16..70) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let service = service(gateway());
            let dnskey = dnskey(&service).await;
            let below: String = labels.iter().map(|label| format!("{label}.")).collect();
            let mut asked = query(&site(&below), "A", true);
            asked.queries[0].set_query_type(Type::from(rtype));
            let answer = ask_over(&service, &asked, Transport::Tcp).await.expect("an answer");
            if !matches!(rtype, 41) {
                assert!(verify(&answer, &dnskey) >= 1, "{answer}");
            }
        });
    }
}

//! Who asks too much over UDP, and who is let through all the same.

use super::*;

#[tokio::test]
async fn a_network_that_asks_too_much_is_cut_short_unless_it_shows_a_cookie() {
    let mut config = config(gateway());
    config.answers_per_sec = 1;
    let service = Arc::new(Service::new(config, [7; 32]));
    let client = Client {
        address: [10, 1, 2, 3].into(),
        transport: Transport::Udp,
    };
    let ask = async |query: &Message, client| {
        let bytes = query.to_vec().expect("it encodes");
        let reply = service.answer(&bytes, client).await?;
        Some(Message::from_vec(&reply.bytes).expect("hickory reads it"))
    };
    let with_cookie = |cookie: Vec<u8>| {
        let mut asked = query(&site(""), "A", false);
        let options = asked.edns.as_mut().expect("it has some").options_mut();
        options.insert(EdnsOption::Unknown(10, cookie));
        asked
    };
    let asked = with_cookie(vec![1; 8]);
    let mut cookie = Vec::new();
    for _ in 0..5 {
        let answer = ask(&asked, client).await.expect("within its burst");
        assert_eq!(answer.answers.len(), 1);
        let edns = answer.edns.expect("EDNS");
        if let Some(EdnsOption::Unknown(_, given)) = edns.option(EdnsCode::Cookie) {
            cookie.clone_from(given);
        }
    }
    // Of those beyond, some are dropped and some are told to come by TCP; none is answered more than the bucket fills.
    let mut outcomes = [0; 3];
    for _ in 0..20 {
        match ask(&asked, client).await {
            None => outcomes[0] += 1,
            Some(answer) if answer.metadata.truncation => outcomes[1] += 1,
            Some(_) => outcomes[2] += 1,
        }
    }
    assert!(outcomes[0] > 0 && outcomes[1] > 0, "{outcomes:?}");
    // Over TCP, and with the cookie of its address, it is answered.
    let over_tcp = Client {
        transport: Transport::Tcp,
        ..client
    };
    assert_eq!(
        ask(&asked, over_tcp)
            .await
            .expect("an answer")
            .answers
            .len(),
        1
    );
    let asked = with_cookie(cookie);
    for _ in 0..20 {
        assert_eq!(
            ask(&asked, client).await.expect("an answer").answers.len(),
            1
        );
    }
}

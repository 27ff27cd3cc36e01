//! Who asks too much over UDP, and who is let through all the same.

use super::*;

#[tokio::test]
async fn a_network_that_asks_too_much_is_cut_short_unless_it_shows_a_cookie() {
    let mut config = config(gateway());
    config.rules.answers_per_sec = 1;
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

#[tokio::test]
async fn what_is_no_query_is_answered_no_oftener_over_udp() {
    let mut config = config(gateway());
    config.rules.answers_per_sec = 1;
    let service = Arc::new(Service::new(config, [7; 32]));
    let notify = {
        let mut message = Message::new(7, MessageType::Query, OpCode::Notify);
        message.add_query(query(&site(""), "A", false).queries[0].clone());
        message.to_vec().expect("it encodes")
    };
    let two_questions = {
        let mut message = query(&site(""), "A", false);
        message.add_query(message.queries[0].clone());
        message.to_vec().expect("it encodes")
    };
    let short_cookie = {
        let mut message = query(&site(""), "A", false);
        let options = message.edns.as_mut().expect("it has some").options_mut();
        options.insert(EdnsOption::Unknown(10, vec![1; 3]));
        message.to_vec().expect("it encodes")
    };
    for (network, bytes) in [notify, two_questions, short_cookie].iter().enumerate() {
        let over = |transport| Client {
            address: [10, 1, network as u8, 3].into(),
            transport,
        };
        let mut answered = 0;
        for _ in 0..50 {
            let reply = service.answer(bytes, over(Transport::Udp)).await;
            answered += usize::from(reply.is_some());
        }
        // Its burst, and what the bucket has earned since.
        assert!((5..40).contains(&answered), "{answered}");
        let over_tcp = service.answer(bytes, over(Transport::Tcp)).await;
        assert!(over_tcp.is_some(), "nobody forges an address over TCP");
    }
    let limited = service
        .counters
        .limited
        .load(std::sync::atomic::Ordering::Relaxed);
    assert!(limited >= 30, "{limited}");
}

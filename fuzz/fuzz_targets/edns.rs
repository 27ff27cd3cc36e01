//! The options of a query's OPT record, cookies among them: the name, how it is asked for, then the options as they come.
#![no_main]

use dotkey_fuzz::asked::{answers, client, key_id, run, service};
use dotkey_resolver::transport::Transport;
use libfuzzer_sys::fuzz_target;

const TRANSPORTS: [Transport; 4] = [
    Transport::Udp,
    Transport::Tcp,
    Transport::Tls,
    Transport::Https,
];

fuzz_target!(|data: &[u8]| {
    let Some((head, options)) = data.split_first_chunk::<6>() else {
        return;
    };
    let Ok(length) = u16::try_from(options.len()) else {
        return;
    };
    let [transport, rtype, payload_high, payload_low, version, flags] = *head;
    let mut query = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    let label = key_id().to_string();
    query.push(u8::try_from(label.len()).expect("short"));
    query.extend(label.as_bytes());
    query.extend(b"\x03key\0\0");
    query.extend([rtype, 0, 1]);
    query.extend([
        0,
        0,
        41,
        payload_high,
        payload_low,
        0,
        version % 2,
        flags,
        0,
    ]);
    query.extend(length.to_be_bytes());
    query.extend(options);
    let transport = TRANSPORTS[usize::from(transport) % TRANSPORTS.len()];
    let bytes_max = match transport {
        Transport::Udp => 1232,
        _ => 65_535,
    };
    let reply = run(service().answer(&query, client(transport)));
    let reply = reply.expect("a whole question is answered, or refused");
    answers(&query, &reply.bytes, bytes_max);
});

//! One question to one upstream and its answer, over the upstream's transport: a packet, or a connection that is kept.

use core::time::Duration;
use std::sync::Arc;

use hickory_net::NetError;
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::xfer::{DnsExchange, DnsHandle, FirstAnswer};
use hickory_proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_resolver::config::ResolverOpts;
use hickory_resolver::{ConnectionProvider, PoolContext, TlsConfig};
use tokio::sync::Mutex;

use super::address::Address;
use super::pool::{Ask, Asked, Fault, TRY_TIMEOUT};
use crate::edns::{QUERY_PADDING_BYTES, UDP_ANSWER_BYTES_MAX};
use crate::transport::Transport;

/// Questions under way on one connection.
const PIPELINED_MAX: usize = 1024;

/// A connection takes some questions at a time into its queue; who finds it full waits this long, and again.
const QUEUE_WAIT: Duration = Duration::from_millis(2);

/// A connection that ended says `Busy` too: after this often a new one is made.
const QUEUE_WAITS_MAX: usize = 16;

/// An upstream that is spoken to.
pub(crate) struct Exchange {
    address: Address,
    provider: TokioRuntimeProvider,
    context: Arc<PoolContext>,
    /// Of the upstream's own transport, and TCP beside packets.
    kept: [Mutex<Option<DnsExchange<TokioRuntimeProvider>>>; 2],
}

/// What all exchanges have in common.
pub(super) fn context(tls: rustls::ClientConfig) -> Arc<PoolContext> {
    let mut options = ResolverOpts::default();
    options.timeout = TRY_TIMEOUT;
    options.max_active_requests = PIPELINED_MAX;
    Arc::new(PoolContext::new(options, TlsConfig { config: tls }))
}

impl Ask for Exchange {
    async fn ask(&self, asked: Asked) -> Result<Message, Fault> {
        let mut message = self.say(&asked, true).await?;
        // RFC 6891 section 7: it does not know EDNS, so it is asked without. Signatures are then not to be had.
        let unknown = [ResponseCode::FormErr, ResponseCode::NotImp];
        if unknown.contains(&message.metadata.response_code) && message.edns.is_none() {
            message = self.say(&asked, false).await?;
        }
        match message.metadata.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain | ResponseCode::YXDomain => Ok(message),
            rcode => Err(Fault::Refused(rcode)),
        }
    }
}

impl Exchange {
    pub(super) fn new(address: Address, context: &Arc<PoolContext>) -> Self {
        Self {
            address,
            provider: TokioRuntimeProvider::default(),
            context: Arc::clone(context),
            kept: [Mutex::new(None), Mutex::new(None)],
        }
    }

    async fn say(&self, asked: &Asked, edns: bool) -> Result<Message, Fault> {
        let transport = self.address.transport();
        let response = match self.over(transport, asked, edns).await {
            // RFC 7766 section 5: what is cut is asked for over TCP. So is what came back in another case than it was sent: it
            // may be an old server or a forger, and over TCP the latter has no chance.
            Ok(response) if transport == Transport::Udp && response.truncation => {
                self.over(Transport::Tcp, asked, edns).await
            }
            Err(NetError::QueryCaseMismatch) => self.over(Transport::Tcp, asked, edns).await,
            other => other,
        };
        let message = response.map_err(fault)?.into_message();
        if message.queries.len() != 1 || message.queries.first() != Some(&asked.query) {
            return Err(Fault::Broken(
                "its answer is to another question".to_owned(),
            ));
        }
        if message.metadata.truncation {
            return Err(Fault::Broken(
                "its answer is cut, and over TCP too".to_owned(),
            ));
        }
        Ok(message)
    }

    async fn over(
        &self,
        transport: Transport,
        asked: &Asked,
        edns: bool,
    ) -> Result<DnsResponse, NetError> {
        let kept = &self.kept[usize::from(transport != self.address.transport())];
        let mut waits = 0;
        // A connection that was kept may have been closed by the other side meanwhile: no fault of the upstream's.
        loop {
            let (connection, is_new) = {
                let mut kept = kept.lock().await;
                match &*kept {
                    Some(connection) => (connection.clone(), false),
                    None => {
                        let config = self.address.connection(transport);
                        let (ip, context) = (self.address.ip(), &self.context);
                        let connection =
                            self.provider.new_connection(ip, &config, context)?.await?;
                        *kept = Some(connection.clone());
                        (connection, true)
                    }
                }
            };
            let request = request(asked, transport, edns);
            let answer = connection.send(request).first_answer().await;
            match answer {
                Err(NetError::Busy) if waits < QUEUE_WAITS_MAX => {
                    waits += 1;
                    tokio::time::sleep(QUEUE_WAIT).await;
                }
                Err(NetError::QueryCaseMismatch) => return Err(NetError::QueryCaseMismatch),
                Err(error) => {
                    *kept.lock().await = None;
                    if is_new || matches!(error, NetError::Timeout) {
                        return Err(error);
                    }
                }
                Ok(response) => return Ok(response),
            }
        }
    }
}

fn request(asked: &Asked, transport: Transport, edns: bool) -> DnsRequest {
    let mut options = DnsRequestOptions::default();
    options.use_edns = edns;
    options.edns_payload_len = UDP_ANSWER_BYTES_MAX;
    options.edns_set_dnssec_ok = asked.dnssec;
    // 0x20: a forged answer must guess the case of the question too.
    options.case_randomization = transport == Transport::Udp;
    let mut request = DnsRequest::from_query(asked.query.clone(), options);
    request.metadata.checking_disabled = asked.unchecked;
    if transport.is_encrypted() {
        pad(&mut request);
    }
    request
}

/// RFC 8467 section 4.1: questions that the path cannot see into come in few lengths.
fn pad(request: &mut Message) {
    /// A code and a length.
    const OPTION_HEAD_BYTES: usize = 4;
    let Ok(bytes) = request.to_vec() else {
        return;
    };
    let least = bytes.len() + OPTION_HEAD_BYTES;
    let zeros = vec![0; least.next_multiple_of(QUERY_PADDING_BYTES) - least];
    if let Some(edns) = &mut request.edns {
        let padding = EdnsOption::Unknown(EdnsCode::Padding.into(), zeros);
        edns.options_mut().insert(padding);
    }
}

fn fault(error: NetError) -> Fault {
    match error {
        NetError::Timeout => Fault::Silent,
        NetError::Busy => Fault::Busy,
        error => Fault::Broken(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::Query;
    use hickory_proto::rr::{Name, RecordType};

    #[test]
    fn questions_say_what_is_wanted_and_are_padded_where_that_helps() {
        let name = Name::from_ascii("www.example.net.").expect("a name");
        let asked = Asked {
            query: Query::query(name, RecordType::A),
            dnssec: true,
            unchecked: true,
        };
        for transport in Transport::ALL {
            let request = request(&asked, transport, true);
            assert!(request.metadata.checking_disabled);
            let edns = request.edns.as_ref().expect("EDNS");
            assert!(edns.flags().dnssec_ok && edns.max_payload() == UDP_ANSWER_BYTES_MAX);
            let length = request.to_vec().expect("it encodes").len();
            let is_padded = length.is_multiple_of(QUERY_PADDING_BYTES);
            assert_eq!(is_padded, transport.is_encrypted(), "{transport:?}");
        }
        assert!(request(&asked, Transport::Udp, false).edns.is_none());
    }
}

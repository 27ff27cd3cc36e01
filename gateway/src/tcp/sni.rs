//! TLS connections to any name: the ClientHello is read, the name resolved, and the bytes go to a provider as they came.
//!
//! A provider is one of the name's resource at `/` whose URL is `tls://`, or `https://` with the protocol `tcp`, by which the owner says
//! that whole connections may come there. The TLS is between the client and the provider: we have no key and see no content. So the
//! record's pins cannot be held here; the client's own check of the certificate does.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use dotkey_proto::zone::{Protocol, Provider, Scheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{timeout, timeout_at};

use super::counters::{add, count};
use super::dial::{Opening, Reached, dial};
use super::hello::{Alert, HelloReader};
use super::listener::{Closed, Phase, Shared};
use super::pipe::{End, Passed, carry};

pub(super) async fn serve(shared: &Arc<Shared>, mut client: TcpStream) -> Closed {
    let begin = tokio::time::Instant::now() + shared.config.bounds.begin;
    let mut hello = HelloReader::default();
    let name = match timeout_at(begin, read(&mut client, &mut hello)).await {
        Ok(Ok(name)) => name,
        Ok(Err((alert, why))) => {
            count(&shared.counters.unreadable);
            return refuse(client, alert, why).await;
        }
        Err(_) => {
            count(&shared.counters.unreadable);
            return Closed::early("its ClientHello did not come in time");
        }
    };
    let providers = match timeout_at(begin, providers(shared, &name)).await {
        Ok(Ok(providers)) => providers,
        Ok(Err(why)) => {
            count(&shared.counters.unroutable);
            return refuse(client, Some(Alert::UnrecognizedName), why).await;
        }
        Err(_) => {
            count(&shared.counters.unroutable);
            return refuse(
                client,
                Some(Alert::InternalError),
                format!("{name} was not resolved in time"),
            )
            .await;
        }
    };
    match reach(shared, &name, &providers, hello.received()).await {
        Ok((reached, url)) => pass(shared, client, reached, &url).await,
        Err(why) => {
            count(&shared.counters.unreached);
            refuse(client, Some(Alert::InternalError), why).await
        }
    }
}

/// The name, or why not and what to tell the client.
async fn read(
    client: &mut TcpStream,
    hello: &mut HelloReader,
) -> Result<String, (Option<Alert>, String)> {
    let mut buffer = [0; 2048];
    loop {
        let count = match client.read(&mut buffer).await {
            Ok(0) => return Err((None, "it ended before its ClientHello did".to_owned())),
            Ok(count) => count,
            Err(error) => return Err((None, error.to_string())),
        };
        match hello.push(&buffer[..count]) {
            Ok(Some(hello)) => return Ok(hello.name),
            Ok(None) => {}
            Err(error) => return Err((Some(error.alert()), error.to_string())),
        }
    }
}

/// Who may have whole TLS connections of this name.
async fn providers(shared: &Shared, name: &str) -> Result<Vec<Provider>, String> {
    let resolution = shared
        .resolver
        .resolve(name)
        .await
        .map_err(|error| error.to_string())?;
    let resource = resolution.resource("/");
    let all = resource
        .map(|resource| &resource.providers[..])
        .unwrap_or_default();
    let takes_tls = |provider: &&Provider| match provider.url.parts().scheme {
        Scheme::Tls => true,
        Scheme::Https => provider.protocol == Some(Protocol::Tcp),
        _ => false,
    };
    let found: Vec<Provider> = all.iter().filter(takes_tls).cloned().collect();
    match found.is_empty() {
        true => Err(format!(
            "{name} has no provider at `/` with a `tls://` URL; its owner may add one"
        )),
        false => Ok(found),
    }
}

/// Connects to the first that can be reached, and gives it what the client has sent.
async fn reach(
    shared: &Arc<Shared>,
    name: &str,
    providers: &[Provider],
    sent: &[u8],
) -> Result<(Reached, String), String> {
    let order = shared.standings().order(
        shared.since_start(),
        shared.config.region.as_deref(),
        providers,
    );
    let order: Vec<Provider> = order.into_iter().cloned().collect();
    let mut tried = Vec::new();
    let trying = async {
        for provider in &order {
            match dial(shared, name, provider, Opening::Untouched).await {
                // It has seen nothing until this is written; from then on it is its connection.
                Ok(mut reached) => match reached.stream.write_all(sent).await {
                    Ok(()) => return Some((reached, provider.url.to_string())),
                    Err(error) => tried.push(format!("{}: {error}", provider.id)),
                },
                Err(error) => tried.push(format!("{}: {error}", provider.id)),
            }
        }
        None
    };
    let reached = timeout(shared.config.bounds.reach, trying).await;
    if let Ok(Some((reached, url))) = reached {
        add(&shared.counters.bytes_up, sent.len());
        return Ok((reached, url));
    }
    Err(format!("no provider was reached ({})", tried.join("; ")))
}

async fn pass(shared: &Arc<Shared>, mut client: TcpStream, reached: Reached, url: &str) -> Closed {
    let Reached { mut stream, hold } = reached;
    let passed = Passed::default();
    let idle = shared.config.bounds.idle;
    let ended = shared.phase(Phase::Ended);
    let end = carry(&mut client, &mut stream, &mut (), idle, &passed, ended).await;
    drop(hold);
    closed(shared, url, &passed, &end, "the gateway stops")
}

/// The end of a connection that went somewhere.
pub(super) fn closed<C>(
    shared: &Shared,
    url: &str,
    passed: &Passed,
    end: &End<C>,
    cut: &str,
) -> Closed {
    let (up, down) = (passed.up.load(Relaxed), passed.down.load(Relaxed));
    shared.counters.bytes_up.fetch_add(up, Relaxed);
    shared.counters.bytes_down.fetch_add(down, Relaxed);
    let end = match end {
        End::Done => "both sides ended it".to_owned(),
        End::Idle => {
            count(&shared.counters.idle);
            "nothing moved for too long".to_owned()
        }
        End::Broken(error) => error.to_string(),
        End::Cut(_) => cut.to_owned(),
    };
    Closed {
        to: Some(url.to_owned()),
        up,
        down,
        end,
    }
}

async fn refuse(mut client: TcpStream, alert: Option<Alert>, why: String) -> Closed {
    if let Some(alert) = alert {
        // Best effort: whoever is not waiting for it does not get it.
        let _ = timeout(core::time::Duration::from_secs(1), async {
            client.write_all(&alert.record()).await?;
            client.shutdown().await
        })
        .await;
    }
    Closed::early(why)
}

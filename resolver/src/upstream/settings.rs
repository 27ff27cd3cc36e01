//! What the ways to ordinary names are put together from.

use std::sync::Arc;

use dotkey_proto::dns::WireName;
use hickory_proto::rr::Name;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::exchange::{Exchange, context};
use super::pool::Pool;
use super::trail::Kept;
use super::way::Way;
use super::{Address, Anchors, Upstream};
use crate::rebinding::Rebinding;
use crate::server::name_of;
use crate::tls::install_provider;

/// Upstreams of one way. More are not faster, and each is raced at first.
const UPSTREAMS_MAX: usize = 16;

/// Ways beside the one for all names.
const ROUTES_MAX: usize = 256;

/// Names below a suffix that have upstreams of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The suffix.
    pub suffix: WireName,
    /// Who is asked for it.
    pub upstreams: Vec<Address>,
}

/// What the ways are put together from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who is asked for all names that have no route.
    pub upstreams: Vec<Address>,
    /// Names with upstreams of their own. Their answers may have private addresses, and are validated only below an anchor that is
    /// at or below the suffix.
    pub routes: Vec<Route>,
    /// Where validation begins; [`Anchors::none`] believes the upstreams.
    pub anchors: Anchors,
    /// Names below which nothing is validated (RFC 7646).
    pub negative: Vec<WireName>,
    /// Which foreign names may have private addresses.
    pub rebinding: Rebinding,
    /// The authorities whose certificates are believed, in PEM; else the public ones.
    pub authorities: Option<Vec<u8>>,
    /// Our own suffix, which no upstream is asked for nor believed of.
    pub ours: Option<WireName>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            upstreams: Vec::new(),
            routes: Vec::new(),
            anchors: Anchors::root(),
            negative: Vec::new(),
            rebinding: Rebinding::default(),
            authorities: None,
            ours: None,
        }
    }
}

/// Upstreams that cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The authorities' file.
    #[error(
        "the certificate authorities of the upstreams cannot be used: {0}; give their certificates in PEM"
    )]
    Authorities(String),
    /// Too many.
    #[error("`{suffix}` has {count} upstreams, and may have {UPSTREAMS_MAX}; leave some out")]
    TooMany {
        /// Whose.
        suffix: String,
        /// How many.
        count: usize,
    },
    /// A route that leads nowhere.
    #[error("the route of `{0}` has no upstream; name one after the suffix")]
    Nowhere(String),
    /// A route that another one has taken.
    #[error("`{0}` has two routes; put all its upstreams into one")]
    Twice(String),
    /// Too many routes.
    #[error("there are {0} routes, and may be {ROUTES_MAX}; leave some out")]
    TooManyRoutes(usize),
    /// A route for our own suffix.
    #[error("`{0}` is answered here, and never asked of others; leave its route out")]
    Ours(String),
}

impl Upstream {
    /// The ways that these settings describe.
    ///
    /// # Errors
    /// What keeps them from being used.
    pub fn new(settings: &Settings) -> Result<Self, UpstreamError> {
        let context = context(tls(settings.authorities.as_deref())?);
        let ours = settings.ours.as_ref().map(name_of);
        let negative = names(&settings.negative);
        if settings.routes.len() > ROUTES_MAX {
            return Err(UpstreamError::TooManyRoutes(settings.routes.len()));
        }
        let mut ways: Vec<Way> = Vec::new();
        for route in &settings.routes {
            let suffix = name_of(&route.suffix);
            let shown = || suffix.to_ascii();
            if route.upstreams.is_empty() {
                return Err(UpstreamError::Nowhere(shown()));
            }
            if ways.iter().any(|way| way.suffix == suffix) {
                return Err(UpstreamError::Twice(shown()));
            }
            if ours.as_ref().is_some_and(|ours| ours.zone_of(&suffix)) {
                return Err(UpstreamError::Ours(shown()));
            }
            // What is above is another's: it says that the suffix is not there, or has other keys.
            let anchors = match suffix.is_root() {
                true => settings.anchors.clone(),
                false => settings.anchors.below(&suffix),
            };
            ways.push(way(suffix, &route.upstreams, anchors, &negative, &context)?);
        }
        if !settings.upstreams.is_empty() {
            if ways.iter().any(|way| way.suffix.is_root()) {
                return Err(UpstreamError::Twice(".".to_owned()));
            }
            let anchors = settings.anchors.clone();
            ways.push(way(
                Name::root(),
                &settings.upstreams,
                anchors,
                &negative,
                &context,
            )?);
        }
        ways.sort_by_key(|way| core::cmp::Reverse(way.suffix.num_labels()));
        Ok(Self {
            ways,
            rebinding: settings.rebinding.clone(),
            ours,
        })
    }
}

fn names(names: &[WireName]) -> Vec<Name> {
    names.iter().map(name_of).collect()
}

fn way(
    suffix: Name,
    addresses: &[Address],
    anchors: Anchors,
    negative: &[Name],
    context: &Arc<hickory_resolver::PoolContext>,
) -> Result<Way, UpstreamError> {
    if addresses.len() > UPSTREAMS_MAX {
        let (suffix, count) = (suffix.to_ascii(), addresses.len());
        return Err(UpstreamError::TooMany { suffix, count });
    }
    let servers = addresses
        .iter()
        .map(|one| Exchange::new(one.clone(), context));
    Ok(Way {
        suffix,
        addresses: addresses.to_vec(),
        pool: Arc::new(Pool::new(servers.collect())),
        kept: Arc::new(Kept::new()),
        anchors,
        negative: negative.to_vec(),
    })
}

fn tls(authorities: Option<&[u8]>) -> Result<ClientConfig, UpstreamError> {
    let wrong = |reason: String| UpstreamError::Authorities(reason);
    install_provider();
    let Some(pem) = authorities else {
        return hickory_net::tls::client_config().map_err(|error| wrong(error.to_string()));
    };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        store
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(wrong("there is none".to_owned()));
    }
    Ok(ClientConfig::builder()
        .with_root_certificates(store)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> WireName {
        WireName::parse(text, Some(&WireName::root())).expect(text)
    }

    fn route(suffix: &str, upstreams: &[&str]) -> Route {
        Route {
            suffix: name(suffix),
            upstreams: upstreams
                .iter()
                .map(|one| one.parse().expect(one))
                .collect(),
        }
    }

    #[test]
    fn the_longest_suffix_has_the_name() {
        let upstream = Upstream::new(&Settings {
            routes: vec![
                route("corp.example", &["192.0.2.1"]),
                route("lab.corp.example", &["192.0.2.2", "tcp://192.0.2.3"]),
            ],
            upstreams: vec!["192.0.2.53".parse().expect("one")],
            ..Settings::default()
        });
        let upstream = upstream.expect("it is sound");
        let check = |text: &str, suffix: &str| {
            let way = upstream.way(&name_of(&name(text))).expect("a way");
            assert_eq!(way.suffix.to_ascii(), suffix, "{text}");
            assert_eq!(upstream.is_routed(&name(text)), suffix != ".", "{text}");
        };
        check("a.LAB.corp.example", "lab.corp.example.");
        check("lab.corp.example", "lab.corp.example.");
        check("xlab.corp.example", "corp.example.");
        check("example", ".");
        let health = upstream.health();
        assert_eq!(health.len(), 4);
        assert_eq!(health[0].address.to_string(), "udp://192.0.2.2:53");
        assert!(
            health
                .iter()
                .all(|one| !one.is_dead && one.latency.is_none())
        );
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let check = |settings: Settings, expected: &str| {
            let error = Upstream::new(&settings).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        };
        let routes = |routes: Vec<Route>| Settings {
            routes,
            ours: Some(name("key")),
            ..Settings::default()
        };
        check(routes(vec![route("corp.example", &[])]), "no upstream");
        let one = || route("corp.example", &["192.0.2.1"]);
        check(routes(vec![one(), one()]), "two routes");
        check(
            routes(vec![route("my.key", &["192.0.2.1"])]),
            "answered here",
        );
        check(routes(vec![route("a", &["192.0.2.1"; 17])]), "17 upstreams");
        let pem = Settings {
            authorities: Some(b"nothing".to_vec()),
            ..Settings::default()
        };
        check(pem, "there is none");
    }
}

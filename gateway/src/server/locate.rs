//! From a host and a path to a name that is ready, and to what its provider is asked for.

use std::sync::Arc;

use dotkey_resolver::ResolveError;
use http::StatusCode;
use http::uri::PathAndQuery;

use super::handle::Shared;
use super::page::Problem;
use super::scoped::Place;
use crate::request::{RequestError, RequestKey};
use crate::site::Site;

/// Which name a request is for, and what its provider is asked for.
pub(super) struct Located {
    pub(super) site: Arc<Site>,
    pub(super) path: PathAndQuery,
    pub(super) place: Place,
}

impl Shared {
    /// Which name a request is for.
    pub(super) async fn locate(
        &self,
        host: &str,
        target: PathAndQuery,
    ) -> Result<Located, Problem> {
        let key = RequestKey::read(host, target.as_str(), &self.suffixes)
            .map_err(|error| bad_key(&error))?;
        let suffix = &self.suffixes.own;
        let name = match key {
            RequestKey::Name { host } => host,
            RequestKey::Bridge { name } => format!("{name}.{suffix}"),
            RequestKey::Domain { host } => match self.links.find(&host).await {
                Some(link) => link.name.into(),
                None => return Err(no_link(&host)),
            },
            RequestKey::Path {
                scope,
                inside,
                namespace,
            } => return self.scoped(host, &scope, inside, namespace).await,
        };
        Ok(Located {
            site: self.ready(&name).await?,
            path: target,
            place: Place::default(),
        })
    }

    /// At an address, at `localhost` and at a bridge a scope is a name of its own. On any other host a page of that host could read what this
    /// gateway serves to this machine alone.
    ///
    /// On a domain that is linked to a name, a scope is inside of that name; elsewhere it is a name of its own, and has namespaces. What
    /// its record does not name is a path of the scope's own site, so that the links of its pages lead to others of them.
    async fn scoped(
        &self,
        host: &str,
        scope: &str,
        inside: String,
        namespace: Option<(String, String)>,
    ) -> Result<Located, Problem> {
        let link = match RequestKey::read(host, "/", &self.suffixes) {
            Ok(RequestKey::Domain { host }) if !self.suffixes.has_paths(&host) => {
                let link = self.links.find(&host).await;
                Some(link.ok_or_else(|| no_paths(&host))?)
            }
            _ => None,
        };
        let (under, namespace) = match &link {
            Some(link) => (&*link.name, None),
            None => (&*self.suffixes.own, namespace),
        };
        let scope_name = format!("{scope}.{under}");
        let site = self.ready(&scope_name).await?;
        let place = format!("/@{scope}");
        let named = namespace.filter(|(label, _)| site.state().resolution.has_below(label));
        let (site, path, place) = match named {
            Some((label, rest)) => {
                let site = self.ready(&format!("{label}.{scope_name}")).await?;
                (site, rest, format!("{place}/{label}"))
            }
            None => (site, inside, place),
        };
        let path = PathAndQuery::try_from(path.as_str())
            .map_err(|_| bad_key(&RequestError::BadPath { part: path }))?;
        Ok(Located {
            site,
            path,
            place: Place(place),
        })
    }

    async fn ready(&self, name: &str) -> Result<Arc<Site>, Problem> {
        let found = self.sites.find(name).await;
        found.map_err(|error| unresolved(name, &error))
    }
}

fn no_paths(host: &str) -> Problem {
    Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "no-paths",
        format!("{host} has no `/@scope` paths here"),
        "They are served at an address, at `localhost`, at a bridge, and within the name of a domain that is linked to one.",
    )
}

fn no_link(host: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-link",
        format!("{host} is linked to no name"),
        format!(
            "If it is yours, publish the TXT record `_dotkey.{host}` with the text `dotkey=mysite.key`."
        ),
    )
}

fn bad_key(error: &RequestError) -> Problem {
    let status = match error {
        RequestError::Address { .. } => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    };
    Problem::new(
        status,
        "name",
        "This request names no site",
        format!("{error}."),
    )
}

fn unresolved(name: &str, error: &ResolveError) -> Problem {
    let (status, code, title) = match error {
        ResolveError::Name(_) | ResolveError::OtherSuffix(_) => (
            StatusCode::BAD_REQUEST,
            "name",
            format!("{name} is no name"),
        ),
        ResolveError::NoSuchKey(_) => (
            StatusCode::NOT_FOUND,
            "no-key",
            format!("{name} is nobody's key"),
        ),
        ResolveError::Unclaimed(_) => (
            StatusCode::NOT_FOUND,
            "unclaimed",
            format!("Nobody holds {name}"),
        ),
        ResolveError::NoRecord { .. } => (
            StatusCode::BAD_GATEWAY,
            "no-record",
            format!("No record of {name} was found"),
        ),
        _ => (
            StatusCode::BAD_GATEWAY,
            "unresolved",
            format!("{name} could not be verified"),
        ),
    };
    Problem::new(status, code, title, format!("{error}."))
}

//! What a gateway does and why, for people and programs: the providers of each name, and the way of one request.

use http::uri::PathAndQuery;
use serde_json::{Value, json};

use super::handle::Shared;
use super::locate::Located;
use super::page::Problem;
use crate::carry::Served;
use crate::choose::{Explained, Standing};
use crate::site::{Entry, Site, Sites, State, Target};

/// Calls `each` for every provider of every name that is ready.
pub(super) fn for_each_provider(sites: &Sites, mut each: impl FnMut(&Site, &Entry, Explained)) {
    for site in sites.all() {
        for entry in &site.state().entries {
            if let Target::Providers(served) = &entry.target {
                explained(served)
                    .into_iter()
                    .for_each(|one| each(&site, entry, one));
            }
        }
    }
}

/// Calls `each` for every resource of every name that is ready, with its retries and hedges.
pub(super) fn for_each_resource(sites: &Sites, mut each: impl FnMut(&Site, &Entry, [u64; 2])) {
    for site in sites.all() {
        for entry in &site.state().entries {
            if let Target::Providers(served) = &entry.target {
                let spent = served.pool().budgets().map(crate::choose::Budget::spent);
                each(&site, entry, spent);
            }
        }
    }
}

fn explained(served: &Served) -> Vec<Explained> {
    let now = served.now();
    served.pool().explain(now)
}

/// Every name that is ready, or one: `GET /v1/gateway/providers`.
pub(super) fn providers(sites: &Sites, name: Option<&str>) -> Value {
    let wanted = |site: &Site| name.is_none_or(|name| *site.name == *name);
    let names = sites
        .all()
        .into_iter()
        .filter(|site| wanted(site))
        .map(|site| {
            let state = site.state();
            let resources: Vec<Value> = state.entries.iter().map(resource).collect();
            json!({
                "name": site.name,
                "sequence": state.resolution.record().sequence(),
                "resources": resources,
            })
        });
    json!({"names": names.collect::<Vec<Value>>()})
}

fn resource(entry: &Entry) -> Value {
    let mut shown = json!({"path": entry.prefix, "kind": entry.kind.to_string()});
    match &entry.target {
        Target::Providers(served) => {
            let now = served.now();
            let mut pool = served.pool();
            let hedge_after = pool.hedge_after();
            let [retries, hedges] = pool.budgets();
            shown["balance"] = pool.terms().balance.to_string().into();
            shown["hedge_after_ms"] = (hedge_after.as_secs_f64() * 1000.0).into();
            shown["panics"] = pool.panics(now).into();
            shown["retries"] = json!({"made": retries.spent(), "refused": retries.refused()});
            shown["hedges"] = json!({"made": hedges.spent(), "refused": hedges.refused()});
            let explained = pool.explain(now);
            shown["providers"] = explained.iter().map(provider).collect();
        }
        Target::Shards => shown["served_by"] = "a TCP listener".into(),
        Target::Content => {
            shown["served_by"] =
                "nothing yet: verified content has no providers of its own here".into()
        }
    }
    shown
}

fn provider(one: &Explained) -> Value {
    let mut shown = json!({
        "id": one.id,
        "url": one.url,
        "region": one.region,
        "priority": one.priority,
        "weight": one.weight,
        "share": one.share,
        "standing": one.standing.word(),
        "why": why(one),
        "latency_ms": one.latency_secs * 1000.0,
        "measured": one.measured,
        "score_ms": one.cost * 1000.0,
        "pending": one.pending,
        "taken_over": one.taken_over,
        "failure_points": one.points,
        "pinned": one.pinned,
        "requests": one.counts.requests,
        "failures": one.counts.failures,
        "ejections": one.counts.ejections,
        "ejections_spared": one.counts.spared,
    });
    if let Standing::Ejected { remaining, .. } = one.standing {
        shown["ejected_for_ms"] = (remaining.as_millis() as u64).into();
    }
    shown
}

/// A provider's standing in a sentence.
fn why(one: &Explained) -> String {
    match one.standing {
        Standing::Serving if !one.measured => {
            "it has not answered a request yet, and counts as slow as 100 ms until it has"
                .to_owned()
        }
        Standing::Serving => format!(
            "answers take {:.1} ms, {} in flight: one more would wait {:.1} ms",
            one.latency_secs * 1000.0,
            one.pending,
            one.cost * 1000.0
        ),
        Standing::Starting => format!(
            "it is new or came back, and gets {:.0}% of its share so far",
            one.share * 100.0
        ),
        Standing::Ejected { remaining, failure } => format!(
            "requests failed ({}); it is tried again in {:.1} s",
            failure.map_or("unknown", |failure| failure.word()),
            remaining.as_secs_f64()
        ),
        Standing::Down => "checks of our own fail".to_owned(),
    }
}

/// The way that a request for a URL would take: `GET /v1/gateway/route`.
pub(super) async fn route(
    shared: &Shared,
    host: &str,
    path: PathAndQuery,
) -> Result<Value, Problem> {
    let Located {
        site, path, place, ..
    } = shared.locate(host, path).await?;
    let state: std::sync::Arc<State> = site.state();
    let resolution = &state.resolution;
    let record = resolution.record();
    let steps = resolution.trace().iter().map(|step| {
        json!({
            "stage": format!("{:?}", step.stage).to_lowercase(),
            "origin": step.origin.to_string(),
            "took_ms": step.took.as_secs_f64() * 1000.0,
        })
    });
    let mut shown = json!({
        "name": site.name,
        "place": place.0,
        "path": path.as_str(),
        "record": {
            "key_id": record.key_id().to_string(),
            "sequence": record.sequence(),
            "source": resolution.source().to_string(),
            "age_secs": resolution.age_secs(),
            "holds_secs": resolution.holds_secs(),
            "proved": resolution.proof().is_some(),
            "steps": steps.collect::<Vec<Value>>(),
        },
    });
    let Some(entry) = state.entry(path.as_str()) else {
        shown["resource"] = Value::Null;
        shown["others"] = state
            .entries
            .iter()
            .map(|entry| Value::from(&*entry.prefix))
            .collect();
        return Ok(shown);
    };
    shown["resource"] = resource(entry);
    // The best first, as a request would have it now.
    if let Some(providers) = shown["resource"]["providers"].as_array_mut() {
        let rank = |one: &Value| {
            let serving = matches!(one["standing"].as_str(), Some("serving" | "starting"));
            let cost = one["score_ms"].as_f64().unwrap_or(f64::MAX);
            (!serving, one["priority"].as_u64(), (cost * 1000.0) as u64)
        };
        providers.sort_by_key(rank);
    }
    Ok(shown)
}

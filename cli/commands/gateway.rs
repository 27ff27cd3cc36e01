//! `dotkey gateway`: run a gateway by itself; `dotkey route explain`: what a running one would do with a request.

use serde_json::Value;

use super::Context;
use crate::args::{GatewayRunArgs, RouteCommand};
use crate::client::NodeClient;
use crate::exit::Result;
use crate::gateway;
use crate::output::Answer;

pub(super) fn run(args: &GatewayRunArgs, context: &Context<'_>) -> Result<Answer> {
    gateway::serve(args, &context.settings, context.output)
}

pub(super) fn route(command: &RouteCommand, context: &Context<'_>) -> Result<Answer> {
    let RouteCommand::Explain { url, gateway } = command;
    let client = NodeClient::find_gateway(gateway.as_deref(), &context.settings)?;
    let told = client.route(url, &context.settings)?;
    let text = in_words(&told);
    Ok(Answer::new(told, text))
}

/// Lines with a label each, in a column.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, label: &str, text: &str) {
        let line = format!("{label:<10}{text}");
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn in_words(told: &Value) -> String {
    let mut lines = Lines::default();
    let record = &told["record"];
    let proved = match record["proved"].as_bool() {
        Some(true) => ", proved by the ledger",
        _ => "",
    };
    lines.add("name", &format!("{}{proved}", word(&told["name"])));
    let [sequence, key_id, source] = ["sequence", "key_id", "source"].map(|key| word(&record[key]));
    let [age, holds] = ["age_secs", "holds_secs"].map(|key| word(&record[key]));
    let text =
        format!("sequence {sequence} of {key_id}, from {source}, {age} s old, holds for {holds} s");
    lines.add("record", &text);
    for step in record["steps"].as_array().into_iter().flatten() {
        let took = step["took_ms"].as_f64().unwrap_or_default();
        let [stage, origin] = ["stage", "origin"].map(|key| word(&step[key]));
        lines.add("", &format!("{stage} from {origin} in {took:.1} ms"));
    }
    lines.add("path", &word(&told["path"]));
    if told["resource"].is_null() {
        lines.add("resource", "none at this path");
        for other in told["others"].as_array().into_iter().flatten() {
            lines.add("", &format!("there is one at {}", word(other)));
        }
    } else {
        resource_in_words(&told["resource"], &mut lines);
    }
    lines.0.trim_end().to_owned()
}

fn resource_in_words(resource: &Value, lines: &mut Lines) {
    let [kind, path] = ["kind", "path"].map(|key| word(&resource[key]));
    lines.add("resource", &format!("{kind} at {path}"));
    if let Some(by) = resource["served_by"].as_str() {
        lines.add("", &format!("served by {by}"));
    }
    if let Some(balance) = resource["balance"].as_str() {
        let hedge = resource["hedge_after_ms"].as_f64().unwrap_or_default();
        let text = format!("by {balance}; a second provider is asked after {hedge:.0} ms");
        lines.add("choice", &text);
    }
    let providers = resource["providers"].as_array().into_iter().flatten();
    for (rank, provider) in (1..).zip(providers) {
        let label = if rank == 1 { "providers" } else { "" };
        let [id, url, standing, why] =
            ["id", "url", "standing", "why"].map(|key| word(&provider[key]));
        lines.add(label, &format!("{rank}. {id} ({url}) {standing}: {why}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_way_reads_from_the_name_to_the_provider() {
        let told = json!({
            "name": "mysite.key",
            "path": "/x",
            "record": {"sequence": 3, "key_id": "y1", "source": "the registry here", "age_secs": 2, "holds_secs": 90, "proved": true,
                "steps": [{"stage": "claim", "origin": "the registry here", "took_ms": 1.25}]},
            "resource": {"kind": "frontend", "path": "/", "balance": "quality", "hedge_after_ms": 20.0,
                "providers": [{"id": "a", "url": "http://192.0.2.1", "standing": "serving", "why": "fast"}]},
        });
        assert_eq!(
            in_words(&told),
            "\
name      mysite.key, proved by the ledger
record    sequence 3 of y1, from the registry here, 2 s old, holds for 90 s
          claim from the registry here in 1.2 ms
path      /x
resource  frontend at /
choice    by quality; a second provider is asked after 20 ms
providers 1. a (http://192.0.2.1) serving: fast"
        );
    }
}

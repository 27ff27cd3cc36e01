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

fn in_words(told: &Value) -> String {
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let record = &told["record"];
    let mut lines = Vec::new();
    let mut line =
        |label: &str, text: String| lines.push(format!("{label:<10}{text}").trim_end().to_owned());
    let proved = if record["proved"] == true {
        ", proved by the ledger"
    } else {
        ""
    };
    line("name", format!("{}{proved}", word(&told["name"])));
    line(
        "record",
        format!(
            "sequence {} of {}, from {}, {} s old, holds for {} s",
            word(&record["sequence"]),
            word(&record["key_id"]),
            word(&record["source"]),
            word(&record["age_secs"]),
            word(&record["holds_secs"])
        ),
    );
    for step in record["steps"].as_array().into_iter().flatten() {
        let took = step["took_ms"].as_f64().unwrap_or_default();
        line(
            "",
            format!(
                "{} from {} in {took:.1} ms",
                word(&step["stage"]),
                word(&step["origin"])
            ),
        );
    }
    line("path", word(&told["path"]));
    let resource = &told["resource"];
    if resource.is_null() {
        line("resource", "none at this path".to_owned());
        for other in told["others"].as_array().into_iter().flatten() {
            line("", format!("there is one at {}", word(other)));
        }
        return lines.join("\n");
    }
    line(
        "resource",
        format!("{} at {}", word(&resource["kind"]), word(&resource["path"])),
    );
    if let Some(by) = resource["served_by"].as_str() {
        line("", format!("served by {by}"));
    }
    if let Some(balance) = resource["balance"].as_str() {
        let hedge = resource["hedge_after_ms"].as_f64().unwrap_or_default();
        line(
            "choice",
            format!("by {balance}; a second provider is asked after {hedge:.0} ms"),
        );
    }
    for (rank, provider) in resource["providers"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let label = if rank == 0 { "providers" } else { "" };
        line(
            label,
            format!(
                "{}. {} ({}) {}: {}",
                rank + 1,
                word(&provider["id"]),
                word(&provider["url"]),
                word(&provider["standing"]),
                word(&provider["why"])
            ),
        );
    }
    lines.join("\n")
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

//! `dotkey cache`: the answers that a running resolver keeps.

use dotkey_proto::words::counted;
use serde_json::Value;

use super::Context;
use crate::args::{CacheCommand, bytes_in_words};
use crate::client::NodeClient;
use crate::exit::Result;
use crate::output::Answer;

pub(super) fn run(command: &CacheCommand, context: &Context<'_>) -> Result<Answer> {
    let (CacheCommand::Show { name, ask } | CacheCommand::Flush { name, ask }) = command;
    let client = NodeClient::find_resolver(ask.resolver.as_deref(), &context.settings)?;
    let name = name.as_deref();
    match command {
        CacheCommand::Show { .. } => {
            let told = client.kept_answers(name, &context.settings)?;
            let text = kept_in_words(&told);
            Ok(Answer::new(told, text))
        }
        CacheCommand::Flush { .. } => {
            let told = client.flush_answers(name, &context.settings)?;
            let flushed = counted(told["flushed"].as_u64().unwrap_or_default(), "answer");
            Ok(Answer::new(told, format!("Let go of {flushed}.")))
        }
    }
}

fn kept_in_words(told: &Value) -> String {
    let mut text = String::new();
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    for partition in ["ours", "ordinary"] {
        let level = &told["partitions"][partition];
        let (answers, bytes) = (number(&level["answers"]), number(&level["bytes"]));
        let (answers, bytes) = (counted(answers, "answer"), bytes_in_words(bytes));
        let most = bytes_in_words(number(&level["bytes_max"]));
        text.push_str(&format!("{partition:<9}{answers}, {bytes} of {most}\n"));
    }
    let listed = told["answers"].as_array();
    for one in listed.into_iter().flatten() {
        let word = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let (name, rtype, rcode) = (word("name"), word("type"), word("rcode"));
        let dnssec = if one["dnssec"] == true {
            " +dnssec"
        } else {
            ""
        };
        let secs = number(&one["seconds_left"]);
        text.push_str(&format!("\n{name} {rtype}{dnssec}  {rcode}, {secs} s left"));
    }
    let shown = listed.map_or(0, Vec::len) as u64;
    let more = number(&told["found"]).saturating_sub(shown);
    if more > 0 {
        text.push_str(&format!(
            "\nand {more} more; name one to see those below it"
        ));
    }
    text
}

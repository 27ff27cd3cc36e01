//! What a node refuses, in its own words: RFC 9457.

use serde_json::Value;

use crate::exit::CliError;

/// Members of a problem that are said in words, or are of HTTP alone.
const SAID: [&str; 7] = [
    "type", "title", "status", "detail", "instance", "code", "next",
];

/// The error that a problem is here. What else it says stays with it, for programs.
pub(super) fn error(problem: &Value, url: &str) -> CliError {
    let text = |field: &str| problem[field].as_str().filter(|text| !text.is_empty());
    let code = text("code").unwrap_or("node-failed");
    let what = text("detail").or_else(|| text("title"));
    let message = what.map_or_else(
        || format!("the node at {url} refuses and does not say why"),
        str::to_owned,
    );
    let next = text("next").unwrap_or("see how the node does with `dotkey status`");
    let mut error = CliError::failed(code, message, next);
    for (name, value) in problem.as_object().into_iter().flatten() {
        if !SAID.contains(&name.as_str()) {
            error = error.with(name, value.clone());
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_problem_keeps_its_facts() {
        let told = json!({"type": "about:blank", "title": "Conflict", "status": 409, "code": "older", "detail": "a newer one is there", "next": "sign again", "current": {"sequence": 9}});
        let error = error(&told, "http://node");
        assert_eq!((error.code.as_str(), error.exit), ("older", Exit::Failed));
        assert_eq!(error.message, "a newer one is there");
        assert_eq!(error.next, "sign again");
        assert_eq!(error.facts["current"]["sequence"], 9);
        assert_eq!(error.facts.len(), 1);
    }

    #[test]
    fn a_problem_that_says_nothing_still_ends_with_a_next_step() {
        let error = error(&json!("what?"), "http://node");
        assert!(error.message.contains("http://node"));
        assert!(!error.next.is_empty());
        assert_eq!(error.exit, Exit::Failed);
    }
}

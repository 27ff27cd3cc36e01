//! A name that is watched.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::Place;

#[test]
fn who_watches_a_name_hears_when_it_changes() {
    let (place, _node) = Place::with_names();
    let mut command = place.command(&["name", "watch", "mysite.key", "--once", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut next = || -> Value {
        let line = lines.next().expect("a line").expect("text");
        serde_json::from_str(&line).expect("an object a line")
    };
    assert_eq!(next()["state"], "free");
    let claimed = place.claim("mysite.key");
    let held = next();
    assert_eq!(
        (&held["state"], &held["owner"]),
        (&"held".into(), &claimed["owner"])
    );
    assert!(child.wait().expect("it ends").success());
}

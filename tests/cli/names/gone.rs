//! A node that goes away in the middle of a command, and comes back, there or elsewhere.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::middle::{Fate, Middle};
use super::{Place, Running};

/// Somebody in the middle who closes the first transaction and some requests after it.
fn interrupted(node: &Running, closed: usize) -> Middle {
    let left = AtomicUsize::new(usize::MAX);
    Middle::new(node, move |asked| {
        if asked.what == "POST transactions" && asked.before == 0 {
            left.store(closed, Ordering::SeqCst);
        }
        let is_closed = |left: usize| (left != usize::MAX && left > 0).then(|| left - 1);
        let counted = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, is_closed);
        counted.map_or(Fate::Pass, |_| Fate::Close)
    })
}

#[test]
fn who_is_in_the_middle_of_something_waits_for_the_node() {
    let (place, node) = Place::with_names();
    place.key("bob");
    for command in [
        &["claim", "mysite.key", "--key", "alice"][..],
        &["transfer", "mysite.key", "--to", "bob", "--yes"],
        &["release", "mysite.key", "--yes"],
    ] {
        let middle = interrupted(&node, 3);
        let url = middle.url();
        let run = place.run(&[&["name"], command, &["--node", &url]].concat());
        let said = run.ok().stderr();
        let asks = said.matches("asking again for 30 seconds").count();
        assert_eq!(asks, 1, "{command:?}: {said}");
        assert!(said.contains(&url), "{said}");
    }
}

#[test]
fn a_node_that_was_never_there_is_not_waited_for() {
    let (place, node) = Place::with_names();
    let middle = Middle::new(&node, |_| Fate::Close);
    let claim = ["name", "claim", "mysite.key", "--node"];
    let run = place.run(&[&claim[..], &[&*middle.url()]].concat());
    let said = run.fails(1, "no node answers").stderr();
    assert!(!said.contains("asking again"), "{said}");
}

#[test]
fn a_node_that_comes_back_elsewhere_is_found_by_its_data_folder() {
    let (place, node) = Place::with_names();
    let middle = interrupted(&node, usize::MAX - 1);
    let file = String::from_utf8(place.read("data/run.json")).expect("text");
    let elsewhere = file.replace(node.api(), &middle.url());
    assert_ne!(file, elsewhere);
    place.write("data/run.json", elsewhere);
    let mut command = place.command(&["name", "claim", "mysite.key", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.spawn().expect("it starts");
    let closed = middle.held.recv_timeout(super::super::PATIENCE);
    closed.expect("it comes so far");
    place.write("data/run.json", file);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
}

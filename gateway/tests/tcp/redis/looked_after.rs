//! Listeners that are looked at, started again, and find a damaged folder.

use super::*;
use crate::world::listen_keeping;

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_after_a_listener_sees_its_providers() {
    let (there, gone) = (Server::start(), free_port());
    let site = Site::new(18);
    site.publish(1, &zone(&[("a", 1, there.port, &[gone])]));
    let (listener, _) = listen(&site, redis(&site), Bounds::default()).await;
    let mut client = Client::new(listener.local_addr());
    assert_eq!(client.ask("READONLY"), "+OK");
    // The replica is not there, so that the primary is asked.
    assert_eq!(client.ask("EXISTS k"), ":0");
    let operated = listener.operated();
    let shown = operated.explain(Some(&site.name()));
    let of = |port: u16| {
        let id = format!("p{port}");
        let all = shown["providers"].as_array().expect("a list").clone();
        let found = all.into_iter().find(|one| one["id"] == id);
        found.unwrap_or_else(|| panic!("{id}: {shown}"))
    };
    assert_eq!(of(there.port)["standing"], "serving");
    assert_eq!(of(there.port)["connected"], 1);
    assert_eq!(of(there.port)["open"], 1);
    assert_eq!(of(gone)["failures"], 1);
    assert_eq!(
        operated.explain(Some("other.key"))["providers"],
        serde_json::json!([])
    );
    let page = dotkey_gateway::tcp::metrics(&[operated], true);
    let line = |name: &str, port: u16, value: u64| {
        format!(
            "\ndotkey_gateway_tcp_provider_{name}{{listener=\"{}\",name=\"{}\",resource=\"/\",provider=\"p{port}\"}} {value}\n",
            listener.local_addr(),
            site.name()
        )
    };
    assert!(
        page.contains(&line("connected_total", there.port, 1)),
        "{page}"
    );
    assert!(page.contains(&line("failures_total", gone, 1)), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_was_started_again_refuses_an_older_record() {
    let (old, new) = (Server::start(), Server::start());
    let folder = tempfile::tempdir().expect("a folder");
    let (site, epochs) = (Site::new(17), folder.path().join("epochs"));
    let start = || listen_keeping(&site, redis(&site), Bounds::default(), Some(&epochs));
    let older = site.sign(1, &zone(&[("a", 1, old.port, &[])]));
    site.publish(2, &zone(&[("a", 2, new.port, &[])]));
    let (listener, _) = start().await;
    let listener = listener.expect("it starts");
    assert_eq!(Client::new(listener.local_addr()).ask("SET k 1"), "+OK");
    // As a kill ends it: nothing is written on the way out.
    drop(listener);
    site.give(older);
    let (listener, noticed) = start().await;
    let listener = listener.expect("it starts");
    assert_eq!(Client::new(listener.local_addr()).ask("GET k"), "$1");
    assert_eq!(Client::new(listener.local_addr()).ask("SET k 2"), "+OK");
    assert_eq!(
        (old.ask(&["DBSIZE"]), new.ask(&["GET", "k"])),
        ("0".into(), "2".into())
    );
    assert!(noticed.has_fenced(1, 2));
    drop(listener);
    // A file that somebody has changed is not believed.
    let file = std::fs::read_dir(&epochs).expect("a folder").next();
    let file = file.expect("one file").expect("readable").path();
    let text = std::fs::read_to_string(&file).expect("text");
    std::fs::write(&file, text.replace("\"epoch\":2", "\"epoch\":0")).expect("written");
    let refused = start().await.0.expect_err("it is damaged").to_string();
    assert!(refused.contains("remove it"), "{refused}");
    std::fs::remove_file(file).expect("removed");
    let (listener, _) = start().await;
    let listener = listener.expect("it starts");
    assert_eq!(
        Client::new(listener.local_addr()).ask("DBSIZE"),
        ":0",
        "the older one"
    );
}

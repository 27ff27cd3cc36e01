//! What who looks after a gateway sees and says: logs, metrics, explanations, reload, and a gateway by itself.

use serde_json::Value;

use super::servers::{Kind, Server};
use super::{World, answer};
use crate::cli::Place;
use crate::cli::nodes::{eventually, get, get_as_owner};

fn lines(place: &Place, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(place.path(file)).unwrap_or_default();
    let line =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(line).collect()
}

#[test]
fn requests_are_logged_counted_and_explained() {
    let server = Server::start(Kind::Nginx);
    let world = World::new(&[("one", &server)], "");
    eventually("the name is served", || {
        (world.get("/").0 == 200).then_some(())
    });
    let url = format!("http://{}/x", world.name);
    let told = world.place.run(&["route", "explain", &url]).ok().stdout();
    assert!(
        told.contains("providers 1. one") && told.contains("serving"),
        "{told}"
    );
    let (status, page) = get(&world.running, "/metrics");
    let page = String::from_utf8_lossy(&page).into_owned();
    assert_eq!(status, 200);
    assert!(
        page.contains("dotkey_gateway_requests_total{status=\"2xx\"}"),
        "{page}"
    );
    assert!(
        !page.contains("name="),
        "which names are looked at is for who has the token: {page}"
    );
    let (_, page) = get_as_owner(&world.place, &world.running, "/metrics");
    let page = String::from_utf8_lossy(&page).into_owned();
    assert!(
        page.contains("dotkey_gateway_provider_requests_total{name="),
        "{page}"
    );
    // What people here look at is for who has the token.
    assert_eq!(get(&world.running, "/v1/gateway/providers").0, 401);
    eventually("the ledger has its first certificate", || {
        let failed = world.place.run(&["route", "explain", "http://nobody.key/"]);
        let failed = failed.fails(1, "`nobody.key`");
        failed
            .stderr()
            .contains("nobody holds `nobody.key`")
            .then_some(())
    });
}

#[test]
fn https_records_tell_where_the_gateway_listens() {
    let server = Server::start(Kind::Nginx);
    let world = World::new(&[("one", &server)], "");
    let ready = world.running.ready();
    let https = ready["gateway_https"].as_str().expect("a URL");
    let port = https.rsplit(':').next().expect("a port");
    let dns = ready["dns"].as_str().expect("an address");
    let (_, dns) = dns.rsplit_once(':').expect("a port");
    let asked = std::process::Command::new("dig")
        .args(["@127.0.0.1", "-p", dns, &world.name, "HTTPS", "+short"])
        .output()
        .expect("dig runs");
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(said.contains(&format!(" port={port} ")), "{port}: {said}");
}

#[test]
fn a_gateway_by_itself_asks_a_node_and_reads_its_configuration_again() {
    let server = Server::start(Kind::Caddy);
    let world = World::new(&[("one", &server)], "");
    let node = world.running.ready()["api"].as_str().expect("a URL");
    let place = &world.place;
    place.write("gateway.toml", "");
    let config = place.path("gateway.toml").display().to_string();
    let arguments = [
        "gateway", "--ports", "auto", "--json", "--node", node, "--config", &config, "--data",
        "alone",
    ];
    let running = place.started(place.command(&arguments), "alone");
    let address = running.ready()["gateway_http"].as_str().expect("a URL");
    let address = address.trim_start_matches("http://");
    let head = format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        world.name
    );
    let (status, body) = answer(address, head.as_bytes());
    assert_eq!(status, 502, "{body}");
    assert!(
        body.contains("`127.0.0.1` leads to no public address"),
        "{body}"
    );
    let log = place.path("access.log").display().to_string();
    let name = &world.name;
    place.write(
        "gateway.toml",
        format!("[gateway]\nprivate_names = [\"{name}\"]\naccess_log = \"{log}\"\n"),
    );
    running.signal("-HUP");
    eventually("the new configuration holds", || {
        (answer(address, head.as_bytes()).0 == 200).then_some(())
    });
    let logged = eventually("it is logged", || {
        let logged = lines(place, "access.log");
        logged.into_iter().find(|line| line["status"] == 200)
    });
    assert_eq!(logged["name"], name.as_str());
    assert_eq!(logged["tries"][0]["provider"], "one");
    assert_eq!(logged["trace"].as_str().map(str::len), Some(32));
    // A configuration that is none changes nothing.
    place.write("gateway.toml", "[gateway]\nnothing = 1\n");
    running.signal("-HUP");
    assert_eq!(answer(address, head.as_bytes()).0, 200);
    assert!(running.stop().success());
}

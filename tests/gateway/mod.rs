//! The gateway of the built program between visitors and the servers that people really run: nginx, HAProxy, Caddy and Node, and servers
//! of gRPC and of WebSocket.

mod authority;
mod failover;
mod grpc;
mod operated;
mod parsed;
mod secure;
mod servers;
mod traced;
mod websocket;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::cli::Place;
use crate::cli::nodes::Running;
use servers::Server;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything in one process, with alice's name published, which may lead to this machine.
struct World {
    place: Place,
    running: Running,
    name: String,
}

impl World {
    fn new(providers: &[(&str, &Server)], policy: &str) -> Self {
        Self::of(&zone(providers, policy))
    }

    fn of(zone: &str) -> Self {
        Self::with(zone, &[])
    }

    /// One with these variables besides.
    fn with(zone: &str, variables: &[(&str, &str)]) -> Self {
        let place = Place::with_alice();
        let mut command = place.command(&["up", "--ports", "auto", "--json"]);
        command.env("DOTKEY_GATEWAY_PRIVATE_NAMES", "*");
        command.envs(variables.iter().copied());
        let running = place.started(command, "data");
        let name = place.name_of("alice");
        let world = Self {
            place,
            running,
            name,
        };
        world.publish_zone(zone);
        world
    }

    /// Publishes a zone of one frontend with these providers.
    fn publish(&self, providers: &[(&str, &Server)], policy: &str) {
        self.publish_zone(&zone(providers, policy));
    }

    fn publish_zone(&self, zone: &str) {
        self.place.write("my.toml", zone);
        self.place.publish(&self.running, "alice");
    }

    /// Where the gateway listens for HTTP.
    fn address(&self) -> String {
        let url = self.running.ready()["gateway_http"]
            .as_str()
            .expect("a URL");
        url.trim_start_matches("http://").to_owned()
    }

    /// Where the gateway listens for HTTPS.
    fn address_https(&self) -> String {
        let url = self.running.ready()["gateway_https"]
            .as_str()
            .expect("a URL");
        url.trim_start_matches("https://").to_owned()
    }

    /// One GET over a connection of its own: the status and the body.
    fn get(&self, path: &str) -> (u16, String) {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.name
        );
        answer(&self.address(), head.as_bytes())
    }

    /// What `dotkey route explain` says of the providers, by their ids.
    fn standing(&self, id: &str) -> String {
        let url = format!("http://{}/", self.name);
        let told = self.place.json(&["route", "explain", &url]);
        let providers = told["resource"]["providers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let found = providers
            .into_iter()
            .find(|one| one["id"] == id)
            .unwrap_or(Value::Null);
        found["standing"].as_str().unwrap_or("absent").to_owned()
    }
}

/// A zone of one frontend with these providers.
fn zone(providers: &[(&str, &Server)], policy: &str) -> String {
    let mut zone = format!("[[resource]]\nkind = \"frontend\"\nhost = \"@\"\n{policy}\n");
    for (id, server) in providers {
        let url = server.url();
        zone += &format!("[[resource.provider]]\nid = \"{id}\"\nurl = \"{url}\"\n");
    }
    zone
}

/// Sends bytes, and reads until the other side closes: the status and the body of the first answer.
fn answer(address: &str, bytes: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream.write_all(bytes).expect("written");
    let mut answer = Vec::new();
    // A reset after the answer is an end as well.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.unwrap_or(0), body.to_owned())
}

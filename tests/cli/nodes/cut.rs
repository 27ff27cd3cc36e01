//! Nodes on two machines: the link between them is cut, both sides go on, it heals, and they agree.

use super::super::run;
use super::machines::Machines;
use super::{Place, eventually, text};

#[test]
fn a_link_that_was_cut_heals() {
    let Some(machines) = Machines::new(&["a", "b"]) else {
        return;
    };
    machines.cable(("a", "eth0"), ("b", "eth0"));
    machines.address("a", "eth0", "10.77.0.1/24");
    machines.address("b", "eth0", "10.77.0.2/24");
    let set = |state: &str| {
        for side in ["a", "b"] {
            machines.ip(side, &["link", "set", "eth0", state]);
        }
    };
    let place = Place::with_alice();
    let name = place.name_of("alice");
    let sign = |seq: &str| {
        let args = ["zone", "sign", "my.toml", "--key", "alice", "--seq", seq];
        place.run(&args).ok();
    };
    let publish = || {
        let args = ["zone", "publish", "my.record", "--json", "--data", "a"];
        let published = run(&mut machines.command(&place, "a", &args));
        (published.status() == 0).then(|| text(&published.json()["digest"]).to_owned())
    };
    let first = machines.start(&place, "a", &[]);
    let _second = machines.start(&place, "b", &["--join", &first.run_file()]);

    sign("1");
    let one = publish().expect("it is published");
    eventually("the other machine has it", || {
        (machines.digest(&place, "b", &name)? == one).then_some(())
    });

    set("down");
    // A side alone goes on answering from what it has.
    assert_eq!(machines.digest(&place, "b", &name), Some(one));
    sign("2");
    let two = eventually("a side alone takes a new one", publish);

    set("up");
    eventually("both have the newer one", || {
        (machines.digest(&place, "b", &name)? == two).then_some(())
    });
}

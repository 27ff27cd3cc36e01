//! Which crate may depend on which. A missing arrow is a decision: `registry` and `resolver` never see each other.

use serde_json::Value;

/// Crate, and the siblings it may depend on, also in its tests.
const ARROWS: &[(&str, &[&str])] = &[
    ("dotkey-proto", &[]),
    ("dotkey-registry", &["dotkey-proto"]),
    ("dotkey-resolver", &["dotkey-proto"]),
    ("dotkey-gateway", &["dotkey-resolver", "dotkey-proto"]),
    (
        "dotkey",
        &[
            "dotkey-gateway",
            "dotkey-resolver",
            "dotkey-registry",
            "dotkey-proto",
        ],
    ),
    (
        "dotkey-simulations",
        &[
            "dotkey-gateway",
            "dotkey-resolver",
            "dotkey-registry",
            "dotkey-proto",
        ],
    ),
];

/// Only the program prints errors for people and reads arguments; a library that does cannot be used by another program.
const ONLY_IN_THE_PROGRAM: &[&str] = &["anyhow", "clap", "clap_complete", "clap_mangen"];

/// A library that may all the same, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    // `jmt` asks for a reader of its tree's nodes whose errors are anyhow's. They end in the ledger's own.
    ("dotkey-registry", "anyhow"),
];

/// Packages that are programs.
const PROGRAMS: &[&str] = &["dotkey", "dotkey-simulations"];

/// A workspace member and the names of what it depends on.
pub(super) struct Package {
    name: String,
    dependencies: Vec<String>,
}

/// Reads `cargo metadata --no-deps`.
pub(super) fn packages(metadata: &str) -> Vec<Package> {
    let metadata: Value = serde_json::from_str(metadata).expect("cargo metadata is JSON");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let list = |value: &Value, key: &str| value[key].as_array().expect("a list").clone();
    list(&metadata, "packages")
        .iter()
        .map(|package| Package {
            name: name(package),
            dependencies: list(package, "dependencies").iter().map(name).collect(),
        })
        .collect()
}

pub(super) fn complaints(packages: &[Package]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Package { name, dependencies } in packages {
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| from == name) else {
            complaints.push(format!("{name} has no row in the table of arrows"));
            continue;
        };
        for dependency in dependencies {
            let dependency = dependency.as_str();
            let sibling = packages.iter().any(|package| package.name == dependency);
            if sibling && !allowed.contains(&dependency) {
                complaints.push(format!("{name} -> {dependency} is not an allowed arrow"));
            }
            let excepted = EXCEPTIONS.contains(&(name.as_str(), dependency));
            if ONLY_IN_THE_PROGRAM.contains(&dependency)
                && !PROGRAMS.contains(&name.as_str())
                && !excepted
            {
                complaints.push(format!("{name} is a library and uses {dependency}"));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(members: &[(&str, &[&str])], expected: &[&str]) {
        let packages: Vec<Package> = members
            .iter()
            .map(|(name, dependencies)| Package {
                name: (*name).to_owned(),
                dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
            })
            .collect();
        assert_eq!(complaints(&packages), expected);
    }

    #[test]
    fn forbidden_arrows_are_found() {
        check(
            &[
                ("dotkey-proto", &["blake3"]),
                ("dotkey-registry", &["dotkey-proto", "tokio"]),
            ],
            &[],
        );
        check(
            &[
                ("dotkey-registry", &["dotkey-resolver"]),
                ("dotkey-resolver", &["dotkey-proto"]),
            ],
            &["dotkey-registry -> dotkey-resolver is not an allowed arrow"],
        );
        check(
            &[("dotkey-proto", &["dotkey-proto"])],
            &["dotkey-proto -> dotkey-proto is not an allowed arrow"],
        );
        check(
            &[
                ("dotkey-gateway", &["anyhow"]),
                ("dotkey", &["anyhow", "clap"]),
            ],
            &["dotkey-gateway is a library and uses anyhow"],
        );
        check(
            &[("dotkey-new", &[])],
            &["dotkey-new has no row in the table of arrows"],
        );
    }

    #[test]
    fn metadata_is_read() {
        let packages = packages(
            r#"{"packages": [{"name": "a", "dependencies": [{"name": "b", "kind": null}, {"name": "c", "kind": "dev"}]}]}"#,
        );
        assert_eq!(packages.len(), 1);
        assert_eq!(packages[0].dependencies, ["b", "c"]);
    }
}

//! The demo name: `hello.key`, in the network of a new data folder, so that there is something to look at on the first day.
//!
//! It goes the way of every name, by the commands that its owner would type, each a process of this program. Its key belongs to whoever
//! has the folder: `demo/passphrase` opens it. What is interrupted goes on with the next start.

use std::path::PathBuf;
use std::process::Stdio;

use data_encoding::HEXLOWER;
use tokio::process::Command;

use super::plan::Plan;
use super::run_file::RunFile;
use crate::config::Settings;
use crate::exit::{CliError, Result};
use crate::files;
use crate::gateway::DemoProviders;
use crate::network;
use crate::output::Output;

/// What is kept for the demo, below the data folder.
const FOLDER: &str = "demo";

/// The identity that holds the name.
const KEY: &str = "demo";

/// What its owner may edit. It has no address: names with resources get the gateway's.
const ZONE: &str = r#"# The demo's zone. What you add here is published at the next start, together with the demo's two providers.

[[record]]
owner = "@"
type = "TXT"
data = '"hello from a name that only its key can change"'
"#;

/// Nobody writes a demo this long.
const ZONE_BYTES_MAX: usize = 64 * 1024;

/// A demo that is due.
#[derive(Debug)]
pub(super) struct Demo {
    data: PathBuf,
    suffix: String,
    name: String,
}

impl Demo {
    /// In a data folder that is about to found a network of its own, and in one where it was interrupted.
    pub(super) fn due(plan: &Plan, settings: &Settings) -> Result<Option<Self>> {
        let demo = Self {
            data: plan.data.clone(),
            suffix: settings.suffix.to_string(),
            name: format!("hello.{}", settings.suffix),
        };
        let is_new = network::of(&plan.data)?.is_none() && plan.network.is_none();
        let begins = is_new && plan.join.is_empty() && plan.ledger;
        // Where it was made before, its providers are at other ports now.
        let goes_on = demo.file("passphrase").exists() && plan.ledger;
        Ok((plan.demo && (begins || goes_on)).then_some(demo))
    }

    /// Writes down that it is due, before the network is founded: whatever ends this process, the next goes on.
    pub(super) fn prepare(&self) -> Result<()> {
        self.passphrase().map(drop)
    }

    /// The name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Claims and publishes the name, and says how to look at it. That it failed is said too, and stops nothing else.
    pub(super) async fn show(&self, run: &RunFile, providers: &DemoProviders, output: &Output) {
        let Some(api) = &run.api else { return };
        match self.make(api, providers).await {
            Err(error) => output.note(&format!("{}; {}", error.message, error.next)),
            Ok(()) => {
                let name = &self.name;
                let look = match run.dns.as_deref().and_then(|dns| dns.rsplit_once(':')) {
                    Some((host, port)) => format!("dig @{host} -p {port} {name} TXT"),
                    None => format!("dotkey resolve {name}"),
                };
                output.note(&format!(
                    "{name} is claimed and published, by the identity `{KEY}` here. Look: {look}"
                ));
                if let Some(gateway) = &run.gateway_http {
                    let label = name.split('.').next().unwrap_or(name);
                    output.note(&format!(
                        "http://{name}/ is served by two small providers here. In a browser: {gateway}/@{label}/, or http://{name}:{port}/ \
                         where the browser asks this resolver. Look: curl -H 'Host: {name}' {gateway}/",
                        port = gateway.rsplit(':').next().unwrap_or_default(),
                    ));
                }
            }
        }
    }

    async fn make(&self, api: &str, providers: &DemoProviders) -> Result<()> {
        let passphrase = self.passphrase()?;
        let zone = self.file("hello.toml");
        if !zone.exists() {
            files::write_new(&zone, ZONE.as_bytes(), 0o644)?;
        }
        let run = async |arguments: &[&str]| self.run(arguments, &passphrase).await;
        if run(&["key", "show", KEY]).await.is_err() {
            run(&["key", "new", KEY, "--bare"]).await?;
        }
        let name = &self.name[..];
        if !self.file("done").exists() {
            run(&["name", "claim", name, "--key", KEY, "--node", api]).await?;
        }
        let published = self.file("published.toml");
        let text = files::read_text(&zone, ZONE_BYTES_MAX, "the demo's zone")?;
        files::write_replacing(&published, (text + &providers.in_zone()).as_bytes())?;
        let zone = published.display().to_string();
        run(&["zone", "publish", name, &zone, "--key", KEY, "--node", api]).await?;
        if !self.file("done").exists() {
            files::write_new(&self.file("done"), b"", 0o644)?;
        }
        Ok(())
    }

    /// Nobody types it: it is made once, and opens nothing but the demo's key.
    fn passphrase(&self) -> Result<String> {
        let file = self.file("passphrase");
        if file.exists() {
            return files::read_text(&file, 1024, "the passphrase of the demo's key");
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|error| failed(format!("the system gives no random numbers: {error}")))?;
        let passphrase = HEXLOWER.encode(&random);
        files::make_private_folder(&self.data.join(FOLDER))?;
        files::write_private(&file, passphrase.as_bytes())?;
        Ok(passphrase)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data.join(FOLDER).join(name)
    }

    /// One command of this program, about this data folder.
    async fn run(&self, arguments: &[&str], passphrase: &str) -> Result<()> {
        let program = std::env::current_exe()
            .map_err(|error| failed(format!("this program is not found: {error}")))?;
        let ended = Command::new(program)
            .args(arguments)
            .arg("--data")
            .arg(&self.data)
            .env("DOTKEY_PASSPHRASE", passphrase)
            .env("DOTKEY_SUFFIX", &self.suffix)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| failed(error.to_string()))?;
        if ended.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ended.stderr);
        let last = said.trim_end().rsplit("error: ").next().unwrap_or_default();
        Err(failed(format!("`dotkey {}`: {last}", arguments.join(" "))))
    }
}

fn failed(why: String) -> CliError {
    CliError::failed(
        "demo",
        format!("the demo name was not made: {why}"),
        "all else runs; start again to try again, or leave it out with --no-demo",
    )
}

//! `run.json`: where the node of a data folder is, for the commands that ask it. It is there while the node serves.
//!
//! A resolver by itself may run in a folder of its own or beside a node in the node's. It writes `resolver.json`, which is its alone,
//! and `run.json` besides where no node's is: whoever looks for what runs in a folder finds it there, and no node loses its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exit::{CliError, Result};
use crate::files;

/// A few hundred addresses.
const RUN_FILE_BYTES_MAX: usize = 64 * 1024;

/// Where the system shows its processes.
const PROCESSES: &str = "/proc";

/// What a running process serves. Roles that do not run have no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunFile {
    pub(crate) pid: u32,
    /// When its process began, in the kernel's ticks since the machine did: a number may be another process's by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) began: Option<u64>,
    /// What runs, where it is not a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api: Option<String>,
    /// Addresses with the peer id in them, as `--join` takes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) peers: Vec<String>,
    /// DNS over UDP and TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dns: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) doq: Option<String>,
    /// The URL of DNS over HTTPS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) doh: Option<String>,
    /// Where the gateway listens for HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gateway_http: Option<String>,
    /// The same for HTTPS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gateway_https: Option<String>,
}

/// What runs by itself, without a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// `dotkey gateway`: the same.
    Gateway,
    /// `dotkey resolver`: its `api` is about itself, and answers nothing that is asked of a node.
    Resolver,
}

impl RunFile {
    /// That of a process that serves nothing yet.
    pub(crate) fn of_this_process() -> Self {
        Self {
            pid: std::process::id(),
            began: began(std::process::id()),
            role: None,
            api: None,
            peers: Vec::new(),
            dns: None,
            dot: None,
            doq: None,
            doh: None,
            gateway_http: None,
            gateway_https: None,
        }
    }

    /// Where everything is, in one line.
    pub(crate) fn shown(&self) -> String {
        let peers = (!self.peers.is_empty()).then(|| self.peers.join(","));
        let all = [
            ("api", self.api.clone()),
            ("peers", peers),
            ("dns", self.dns.clone()),
            ("dot", self.dot.clone()),
            ("doq", self.doq.clone()),
            ("doh", self.doh.clone()),
            ("gateway_http", self.gateway_http.clone()),
            ("gateway_https", self.gateway_https.clone()),
        ];
        let shown = all
            .into_iter()
            .filter_map(|(key, value)| Some(format!("{key}={}", value?)));
        shown.collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn path(data: &Path) -> PathBuf {
        data.join("run.json")
    }

    /// Of a resolver by itself.
    pub(crate) fn path_of_resolver(data: &Path) -> PathBuf {
        data.join("resolver.json")
    }

    /// Of a gateway by itself.
    pub(crate) fn path_of_gateway(data: &Path) -> PathBuf {
        data.join("gateway.json")
    }

    /// Whether its process is still there, and not another one of its number; where that cannot be seen, it is taken for running.
    pub(crate) fn runs(&self) -> bool {
        if !Path::new(PROCESSES).join("self").exists() {
            return true;
        }
        let Some(found) = began(self.pid) else {
            return false;
        };
        // Written by an earlier version, it does not say.
        self.began.is_none_or(|began| began == found)
    }

    /// What is there; nothing where nothing runs.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            _ => {}
        }
        let text = files::read_text(path, RUN_FILE_BYTES_MAX, "what a running node wrote")?;
        serde_json::from_str(&text).map(Some).map_err(|error| {
            CliError::failed(
                "bad-run-file",
                format!("{}: {error}", path.display()),
                "start the node again, which writes it anew, or name the node with --node URL",
            )
        })
    }

    /// Writes it whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<Placed> {
        let text = serde_json::to_string(self).expect("numbers and text are JSON");
        files::write_replacing(path, format!("{text}\n").as_bytes())?;
        Ok(Placed {
            path: path.to_owned(),
            pid: self.pid,
        })
    }
}

/// When a process began; nothing where there is none, or the system does not tell.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(Path::new(PROCESSES).join(pid.to_string()).join("stat")).ok()?;
    // proc_pid_stat(5): the second field is a name in parentheses, which may have any characters; the 22nd is wanted.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// Takes the file away again when the process ends in order, unless another has put its own in its place.
#[derive(Debug)]
pub(crate) struct Placed {
    path: PathBuf,
    pid: u32,
}

impl Drop for Placed {
    fn drop(&mut self) {
        let other = RunFile::read(&self.path).ok().flatten();
        if other.is_none_or(|run| run.pid == self.pid) {
            // A file that stays only leads to a node that does not answer.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_while_it_is_held() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = RunFile::path(folder.path());
        assert_eq!(RunFile::read(&path).expect("nothing is fine"), None);
        let run = RunFile {
            pid: 7,
            began: None,
            peers: vec!["/ip4/127.0.0.1/tcp/1/p2p/x".to_owned()],
            ..RunFile::of_this_process()
        };
        let placed = run.write(&path).expect("written");
        assert_eq!(RunFile::read(&path).expect("read"), Some(run));
        let text = fs::read_to_string(&path).expect("text");
        assert_eq!(
            text,
            "{\"pid\":7,\"peers\":[\"/ip4/127.0.0.1/tcp/1/p2p/x\"]}\n"
        );
        // Another process that came after it keeps its own.
        let other = RunFile {
            role: Some(Role::Resolver),
            ..RunFile::of_this_process()
        };
        let others = other.write(&path).expect("written");
        drop(placed);
        assert_eq!(RunFile::read(&path).expect("read"), Some(other.clone()));
        assert!(other.runs());
        // Its number is another process's by now.
        let before = other.began.map(|began| began + 1);
        let stale = RunFile {
            began: before,
            ..other.clone()
        };
        assert_eq!(stale.runs(), before.is_none());
        drop(others);
        assert!(!path.exists());
        fs::write(&path, "{}").expect("written");
        assert_eq!(
            RunFile::read(&path).expect_err("no pid").code,
            "bad-run-file"
        );
    }
}

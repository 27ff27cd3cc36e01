//! `run.json`: where the node of a data folder is, for the commands that ask it. It is there while the node serves.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exit::{CliError, Result};
use crate::files;

/// A few hundred addresses.
const RUN_FILE_BYTES_MAX: usize = 64 * 1024;

/// What a running process serves. Roles that do not run have no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunFile {
    pub(crate) pid: u32,
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
}

impl RunFile {
    /// That of a process that serves nothing yet.
    pub(crate) fn of_this_process() -> Self {
        Self {
            pid: std::process::id(),
            api: None,
            peers: Vec::new(),
            dns: None,
            dot: None,
            doq: None,
            doh: None,
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
        ];
        let shown = all
            .into_iter()
            .filter_map(|(key, value)| Some(format!("{key}={}", value?)));
        shown.collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn path(data: &Path) -> PathBuf {
        data.join("run.json")
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
        Ok(Placed(path.to_owned()))
    }
}

/// Takes the file away again when the process ends in order.
#[derive(Debug)]
pub(crate) struct Placed(PathBuf);

impl Drop for Placed {
    fn drop(&mut self) {
        // A file that stays only leads to a node that does not answer.
        let _ = fs::remove_file(&self.0);
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
        drop(placed);
        assert!(!path.exists());
        fs::write(&path, "{}").expect("written");
        assert_eq!(
            RunFile::read(&path).expect_err("no pid").code,
            "bad-run-file"
        );
    }
}

//! Documents that point at nothing are worse than none: relative links and the folders on the maps must exist.

use std::path::{Component, Path, PathBuf};

/// Documents with a fenced map of the folders: lines that begin with `folder/`.
pub(super) const MAPS: &[&str] = &["README.md", "docs/architecture.md"];

pub(super) fn dead_links(
    document: &str,
    text: &str,
    exists: impl Fn(&Path) -> bool,
) -> Vec<String> {
    let folder = Path::new(document).parent().unwrap_or(Path::new(""));
    let mut dead = Vec::new();
    for (line, link) in links(text) {
        let target = link.split(['#', '?']).next().unwrap_or_default();
        let elsewhere = target.contains("://") || target.starts_with("mailto:");
        if target.is_empty() || elsewhere {
            continue;
        }
        match normal(&folder.join(target)) {
            Some(path) if exists(&path) => {}
            _ => dead.push(format!("{document}:{line}: {link} points at nothing")),
        }
    }
    dead
}

/// Targets of `[text](target)` and `![text](target "title")` outside code, with their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut links = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            // Every second piece between backticks is code.
            for prose in line.split('`').step_by(2) {
                let targets = prose
                    .split("](")
                    .skip(1)
                    .filter_map(|rest| rest.split(')').next());
                links.extend(targets.map(|target| {
                    let target = target.split(' ').next().unwrap_or(target);
                    (number + 1, target.trim_matches(['<', '>']))
                }));
            }
        }
    }
    links
}

/// Without `.` and `..`; `None` for what leaves the repository.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => normal.push(part),
            Component::CurDir => {}
            Component::ParentDir if normal.pop() => {}
            _ => return None,
        }
    }
    Some(normal)
}

pub(super) fn missing_folders(
    map: &str,
    text: &str,
    exists: impl Fn(&Path) -> bool,
) -> Vec<String> {
    let mut folders = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced && let Some((folder, _)) = line.trim_start().split_once("/ ") {
            folders.push(folder.trim_start_matches(['├', '└', '─', '│', ' ']));
        }
    }
    if folders.is_empty() {
        return vec![format!("{map} has no map of the folders")];
    }
    folders
        .into_iter()
        .filter(|folder| !exists(Path::new(folder)))
        .map(|folder| format!("{map} shows {folder}/, which does not exist"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let exists = |path: &Path| {
            ["docs/a.md", "README.md", "docs"]
                .map(Path::new)
                .contains(&path)
        };
        let dead = dead_links("docs/b.md", text, exists);
        let dead: Vec<&str> = dead
            .iter()
            .filter_map(|line| line.split(' ').nth(1))
            .collect();
        assert_eq!(dead, expected, "{text}");
    }

    #[test]
    fn dead_links_are_found() {
        check(
            "[a](a.md), [r](../README.md#top) and [top](#top), [d](.)",
            &[],
        );
        check(
            "[w](https://example.net/x.md) [m](mailto:a@example.net)",
            &[],
        );
        check(
            "[x](x.md) and ![p](../p.png \"title\")",
            &["x.md", "../p.png"],
        );
        check(
            "[up](../../README.md) [root](/README.md)",
            &["../../README.md", "/README.md"],
        );
        check("`[x](x.md)`\n```\n[x](x.md)\n```\n[y](<y.md>)", &["y.md"]);
    }

    #[test]
    fn missing_folders_are_found() {
        let exists = |path: &Path| path == Path::new("proto");
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(missing_folders("M", text, exists), expected, "{text}");
        };
        check("```\nproto/   pure\nREADME.md  words\n```", &[]);
        check(
            "```\nproto/   pure\nporto/   wine\n```",
            &["M shows porto/, which does not exist"],
        );
        check("porto/  outside a fence", &["M has no map of the folders"]);
    }
}

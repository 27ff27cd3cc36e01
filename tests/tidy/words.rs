//! Nothing that is committed may name the machine it was written on or a package registry's host: neither exists for the
//! next person.

/// Top folders of build machines. Written apart from their slashes, so that this file passes its own rule.
const FOLDERS: &[&str] = &["work", "farm", "root"];

/// Registries that tools are configured with, not code.
const HOSTS: &[&str] = &["crates", "npmjs", "pypi", "pythonhosted", "debian"];

pub(super) fn complaints(path: &str, text: &str) -> Vec<String> {
    let complain = |(number, line): (usize, &str)| {
        let word = folder(line).or_else(|| host(line))?;
        Some(format!("{path}:{}: names {word}", number + 1))
    };
    text.lines().enumerate().filter_map(complain).collect()
}

/// An absolute path below one of the folders: at the start of a word and followed by more.
fn folder(line: &str) -> Option<String> {
    FOLDERS
        .iter()
        .map(|folder| format!("/{folder}/"))
        .find(|path| {
            line.match_indices(path.as_str()).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                let after = line[at + path.len()..].chars().next();
                !before.is_some_and(|c| c.is_alphanumeric() || "_.-}".contains(c))
                    && after.is_some_and(|c| c.is_ascii_lowercase() || c == '.')
            })
        })
}

/// A registry's name as the second-level part of a URL's host.
fn host(line: &str) -> Option<String> {
    line.split("://").skip(1).find_map(|rest| {
        let host = rest.split(['/', ':', '"', ' ', ')']).next()?;
        let registrable = host.rsplit('.').nth(1)?;
        HOSTS.contains(&registrable).then(|| host.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        // `~` stands for a slash here, again for this file's own sake.
        let found = complaints("a.md", &line.replace('~', "/")).join("; ");
        assert_eq!(found, expected.replace('~', "/"), "{line}");
    }

    #[test]
    fn words_are_found() {
        check("cd ~work~main", "a.md:1: names ~work~");
        check("cache=\"~root~.cache\"", "a.md:1: names ~root~");
        check("see https:~~pypi.org~project", "a.md:1: names pypi.org");
        check(
            "see https:~~index.crates.io~",
            "a.md:1: names index.crates.io",
        );
    }

    #[test]
    fn other_words_are_not() {
        check("docs~work~plan.md, ~work~ and ~workshop~x", "");
        check(
            "https:~~docs.rs~blake3 https:~~www.rfc-editor.org~rfc~rfc9052",
            "",
        );
        check("crates.io and PyPI, in prose", "");
    }
}

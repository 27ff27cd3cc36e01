//! Whose records may lead to private addresses: names that the operator lists.

/// Names whose records may lead to private addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrivateNames(Vec<Box<str>>);

impl PrivateNames {
    /// Each covers itself and what is below it; `*` covers all.
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let normal = |name: &str| name.trim_end_matches('.').to_ascii_lowercase().into();
        Self(names.into_iter().map(normal).collect())
    }

    pub(crate) fn cover(&self, name: &str) -> bool {
        let covers = |listed: &str| {
            listed == "*"
                || name
                    .strip_suffix(listed)
                    .is_some_and(|below| below.is_empty() || below.ends_with('.'))
        };
        self.0.iter().any(|listed| covers(listed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_covers_itself_and_what_is_below() {
        let names = PrivateNames::new(["Hello.key.", "lab.key"]);
        for (name, expected) in [
            ("hello.key", true),
            ("www.hello.key", true),
            ("ahello.key", false),
            ("lab.key", true),
            ("key", false),
        ] {
            assert_eq!(names.cover(name), expected, "{name}");
        }
        assert!(PrivateNames::new(["*"]).cover("anything.key"));
        assert!(!PrivateNames::default().cover("anything.key"));
    }
}

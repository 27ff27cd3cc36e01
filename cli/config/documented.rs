//! Holds the settings of a table to their rows in `docs/cli.md`: every one is documented, and every documented one is a setting.

use serde::de::DeserializeOwned;

/// Of the settings `T` whose variables begin with `prefix`.
pub(super) fn check<T: DeserializeOwned + std::fmt::Debug>(prefix: &str) {
    let page = include_str!("../../docs/cli.md");
    let table = page.split("## Commands").next().expect("a table");
    let row = |line: &'static str| {
        let mut cells = line.strip_prefix('|')?.split('`').skip(1).step_by(2);
        let (key, variable) = (cells.next()?, cells.next()?);
        variable.starts_with(prefix).then_some((key, variable))
    };
    let documented: Vec<_> = table.lines().filter_map(row).collect();
    for (key, variable) in &documented {
        assert_eq!(*variable, format!("{prefix}{}", key.to_ascii_uppercase()));
        // Of no key's type, so that only an unknown one is refused for its name.
        let error = toml::from_str::<T>(&format!("[{key}.x]\n"));
        let error = error.expect_err(key).to_string();
        assert!(!error.contains("unknown field"), "{error}");
    }
    let error = toml::from_str::<T>("nothing = 1\n").expect_err("no setting");
    let fields = error.to_string();
    let expected = fields.split("expected one of").nth(1).expect("a list");
    assert_eq!(
        expected.matches(", ").count() + 1,
        documented.len(),
        "{fields}"
    );
}

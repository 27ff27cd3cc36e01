//! Files past 500 lines usually hold two ideas and functions past 70 a computation that wants a name. What is longer stands
//! in `tests/ratchet.toml` with its length, which may only fall: growing fails, and so does shrinking without writing it down.

use std::collections::BTreeMap;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// What is longer than the bounds: `path`, or `path::function`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lengths(BTreeMap<String, usize>);

impl Lengths {
    /// Two tables, `files` and `functions`, of name and length.
    pub(super) fn parse(text: &str) -> Self {
        let tables: BTreeMap<String, BTreeMap<String, usize>> =
            toml::from_str(text).expect("tables of lengths");
        Self(tables.into_values().flatten().collect())
    }

    fn longest(&mut self, name: String, lines: usize) {
        let known = self.0.entry(name).or_default();
        *known = lines.max(*known);
    }
}

pub(super) fn measure(files: &[(String, String)]) -> Lengths {
    let mut lengths = Lengths::default();
    for (path, text) in files {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            lengths.longest(path.clone(), lines);
        }
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut functions = Functions(Vec::new());
        functions.visit_file(&file);
        for (name, lines) in functions.0 {
            if lines > FUNCTION_LINES_MAX {
                lengths.longest(format!("{path}::{name}"), lines);
            }
        }
    }
    lengths
}

struct Functions(Vec<(String, usize)>);

impl Functions {
    /// From `fn` to the closing brace: documentation and attributes cost nothing.
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let lines = block.span().end().line - signature.fn_token.span().start().line + 1;
        self.0.push((signature.ident.to_string(), lines));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

pub(super) fn complaints(allowed: &Lengths, real: &Lengths) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, lines) in &real.0 {
        match allowed.0.get(name) {
            Some(allowed) if lines > allowed => {
                complaints.push(format!("{name} grew from {allowed} to {lines} lines: split it"));
            }
            Some(allowed) if lines < allowed => {
                complaints.push(format!("{name} shrank to {lines} lines: lower it in tests/ratchet.toml"));
            }
            Some(_) => {}
            None => complaints.push(format!(
                "{name} has {lines} lines (files {FILE_LINES_MAX}, functions {FUNCTION_LINES_MAX} at most): split it"
            )),
        }
    }
    for name in allowed.0.keys().filter(|name| !real.0.contains_key(*name)) {
        complaints.push(format!(
            "{name} is within bounds: remove it from tests/ratchet.toml"
        ));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(entries: &[(&str, usize)]) -> Lengths {
        let entries = entries
            .iter()
            .map(|(name, lines)| ((*name).to_owned(), *lines));
        Lengths(entries.collect())
    }

    fn check(allowed: &[(&str, usize)], real: &[(&str, usize)], expected: &str) {
        let complaints = complaints(&lengths(allowed), &lengths(real)).join("; ");
        assert!(
            complaints.contains(expected) && complaints.is_empty() == expected.is_empty(),
            "{complaints}"
        );
    }

    #[test]
    fn the_ratchet_holds_both_ways() {
        check(&[], &[], "");
        check(&[("a.rs", 600)], &[("a.rs", 600)], "");
        check(&[("a.rs", 600)], &[("a.rs", 601)], "grew from 600 to 601");
        check(&[("a.rs", 600)], &[("a.rs", 599)], "shrank to 599");
        check(&[("a.rs", 600)], &[], "remove it");
        check(&[], &[("a.rs::f", 71)], "a.rs::f has 71 lines");
    }

    #[test]
    fn lengths_are_measured() {
        let body = "    // \" } a brace in a comment\n".repeat(69);
        let long = format!("/// Docs.\n#[inline]\nfn long() {{\n{body}}}\n");
        let fits = long.replacen("    // \" } a brace in a comment\n", "", 1);
        let method = format!("impl A {{ {} }}\n", long.replace("long", "method"));
        let text = format!("{long}{}{method}", fits.replace("long", "fits"));
        let measured = measure(&[("a.rs".to_owned(), text)]);
        assert_eq!(
            measured,
            lengths(&[("a.rs::long", 71), ("a.rs::method", 71)])
        );
        assert_eq!(measure(&[("a.rs".to_owned(), fits)]), lengths(&[]));
        let file = |lines: usize| [("b.rs".to_owned(), "// One.\n".repeat(lines))];
        assert_eq!(measure(&file(500)), lengths(&[]));
        assert_eq!(measure(&file(501)), lengths(&[("b.rs", 501)]));
    }

    #[test]
    fn the_list_is_read() {
        let read = Lengths::parse("[files]\n\"a.rs\" = 600\n[functions]\n\"a.rs::f\" = 80\n");
        assert_eq!(read, lengths(&[("a.rs", 600), ("a.rs::f", 80)]));
    }
}

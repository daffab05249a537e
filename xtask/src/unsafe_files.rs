// SPDX-License-Identifier: MIT OR Apache-2.0
//! The inventory of unsafe code: `SAFETY.md` lists exactly the files that hold some.
//!
//! Files are read as tokens, not as text, so that comments, strings and documentation do
//! not count, while the bodies of macros do. What counts is what *meets* a contract, because
//! that is what a reviewer has to believe: `unsafe { … }`, `unsafe impl`, the attribute
//! `#[unsafe(…)]`, and `global_asm!(…)`, which is unsafe without the word. What *states* a contract (`unsafe fn`, `unsafe trait`, `unsafe extern`)
//! does not.
//!
//! `SAFETY.md` is a list; each item that begins with a path in backticks names one file.

use std::collections::BTreeSet;
use std::fs;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::site::{Result, Site};
use crate::tree;

const INVENTORY: &str = "SAFETY.md";

/// The stage: the inventory and the tree agree, both ways.
pub fn check(site: &Site) -> Result {
    let text = fs::read_to_string(site.root().join(INVENTORY));
    let listed = listed(&text.map_err(|error| format!("{INVENTORY}: {error}"))?);
    let mut found = BTreeSet::new();
    for path in tree::files(site.root(), "rs")? {
        let tokens: TokenStream = fs::read_to_string(site.root().join(&path))?
            .parse()
            .map_err(|error| format!("{path}: {error}"))?;
        if meets_a_contract(tokens) {
            found.insert(path);
        }
    }
    let faults = differences(&listed, &found);
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
}

/// The paths of the inventory's items.
fn listed(markdown: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for line in markdown.lines() {
        let item = line.trim_start().strip_prefix(['-', '*']).map(str::trim_start);
        let path = item.and_then(|item| item.strip_prefix('`')?.split_once('`'));
        paths.extend(path.map(|(path, _)| path.to_owned()));
    }
    paths
}

fn differences(listed: &BTreeSet<String>, found: &BTreeSet<String>) -> Vec<String> {
    let unlisted = found.difference(listed).map(|path| format!("{INVENTORY} lacks {path}"));
    let idle =
        listed.difference(found).map(|path| format!("{INVENTORY} lists {path}, which holds none"));
    unlisted.chain(idle).collect()
}

fn meets_a_contract(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) if word == "unsafe" => match tokens.peek() {
                Some(TokenTree::Group(group)) if group.delimiter() != Delimiter::Bracket => {
                    return true;
                }
                Some(TokenTree::Ident(next)) if next == "impl" => return true,
                _ => {}
            },
            TokenTree::Ident(word) if word == "global_asm" => match tokens.peek() {
                Some(TokenTree::Punct(mark)) if mark.as_char() == '!' => return true,
                _ => {}
            },
            TokenTree::Group(group) if meets_a_contract(group.stream()) => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(rust: &str) -> bool {
        meets_a_contract(rust.parse().unwrap())
    }

    #[test]
    fn blocks_impls_and_attributes_meet_contracts() {
        assert!(meets("fn f() { if true { unsafe { g() } } }"));
        assert!(meets("unsafe impl Send for T {}"));
        assert!(meets("#[unsafe(no_mangle)] fn f() {}"));
        assert!(meets("macro_rules! m { ($p:expr) => { unsafe { *$p } } }"));
    }

    #[test]
    fn assembly_outside_functions_meets_a_contract_without_saying_so() {
        assert!(meets("core::arch::global_asm!(\"nop\");"));
        assert!(!meets("use core::arch::global_asm;"));
    }

    #[test]
    fn stating_a_contract_is_not_meeting_one() {
        assert!(!meets("unsafe fn f() {} unsafe trait T {} unsafe extern \"C\" {}"));
        assert!(!meets("trait T { unsafe fn f(); }"));
    }

    #[test]
    fn text_is_not_code() {
        assert!(!meets("//! unsafe { }\nfn f() { let s = \"unsafe { }\"; /* unsafe { } */ }"));
    }

    #[test]
    fn only_items_that_begin_with_a_path_are_listed() {
        let text = "# Safety\nSee `a.rs`.\n- `b/c.rs`: why\n  * `d.rs`\n- about `e.rs`\n";
        let paths: Vec<_> = listed(text).into_iter().collect();
        assert_eq!(paths, ["b/c.rs", "d.rs"]);
    }

    #[test]
    fn the_comparison_goes_both_ways() {
        let set = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        let faults = differences(&set(&["a.rs", "b.rs"]), &set(&["b.rs", "c.rs"]));
        assert_eq!(faults, ["SAFETY.md lacks c.rs", "SAFETY.md lists a.rs, which holds none"]);
    }
}

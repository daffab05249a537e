// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paths in documents: every path that a Markdown file of the repository names exists.
//!
//! Two kinds of claim are looked at, fenced code blocks are not:
//!
//! - **Links** without a scheme: relative to the document.
//! - **Code in backticks** that looks like a path: no blanks, and
//!   - it has a slash, and its first name is a folder or file of the root or of the
//!     document's folder; or its last name ends in `/` or in an extension of ours;
//!   - or it has no slash and ends in `.md`.
//!
//!   It may be meant from the root or from the document.
//!
//! So `docs/testing.md` and `fuzz/` are claims, `/proc/meminfo`, `SMP/MMU`, `mod.rs` and
//! `a/*.rs` beyond its first name are not. From a name with `*`, `<`, `{` or `…` on, nothing
//! is claimed. Build results under `target` are not part of the repository.

use std::fs;
use std::path::Path;

use pulldown_cmark::{Event, Parser, Tag};

use crate::site::{Result, Site};
use crate::tree;

/// Files that speak of the past: a path in backticks there may be gone. Links may not.
const HISTORIES: &[&str] = &["CHANGELOG.md"];

/// Extensions of files that only this repository can be meant to have.
const EXTENSIONS: &[&str] = &["md", "rs", "toml", "yml", "sh", "ld"];

/// Folders that every crate may have: named alone, they are nobody's in particular.
const FOLDERS_OF_ANY_CRATE: &[&str] = &["src/", "tests/", "examples/", "benches/"];

/// The stage: every claim holds.
pub fn check(site: &Site) -> Result {
    let mut faults = Vec::new();
    for document in tree::files(site.root(), "md")? {
        let text = fs::read_to_string(site.root().join(&document))?;
        let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
        let places = Places { root: site.root(), folder };
        for claim in claims(&text).iter().filter(|claim| !ignored(&document, claim)) {
            if !places.hold(claim) {
                faults.push(format!("{document} names {}", claim.path()));
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(format!("missing: {}", faults.join("; ")).into()) }
}

#[derive(Debug, PartialEq, Eq)]
enum Claim {
    Link(String),
    Code(String),
}

impl Claim {
    fn path(&self) -> &str {
        match self {
            Claim::Link(path) | Claim::Code(path) => path,
        }
    }
}

fn ignored(document: &str, claim: &Claim) -> bool {
    matches!(claim, Claim::Code(_)) && HISTORIES.contains(&document)
}

/// What `markdown` may be claiming, not yet held against the tree.
fn claims(markdown: &str) -> Vec<Claim> {
    let mut claims = Vec::new();
    for event in Parser::new(markdown) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let path = dest_url.split('#').next().unwrap_or_default();
                if !path.is_empty() && !path.contains(':') && !path.starts_with('/') {
                    claims.push(Claim::Link(path.to_owned()));
                }
            }
            Event::Code(code) => claims.extend(path_in_code(&code).map(Claim::Code)),
            _ => {}
        }
    }
    claims
}

/// The part of a span of code that may be a path of the repository.
fn path_in_code(code: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    // `src/lib.rs:12` names a line, `docs/*.md` a pattern.
    let code = code.split(':').next()?.trim_start_matches("./");
    let end = code.find(['*', '<', '{', '…']);
    let path = match end {
        Some(end) => &code[..code[..end].rfind('/')?],
        None => code,
    };
    let fits = !path.is_empty() && path.chars().all(plain) && !path.starts_with(['/', '-']);
    let is_built = path.starts_with("target/") || path.contains("/target/");
    let fits = fits && !path.contains("..") && !is_built;
    (fits && (path.contains('/') || path.ends_with(".md") || end.is_some()))
        .then(|| path.to_owned())
}

struct Places<'a> {
    root: &'a Path,
    /// The document's folder, relative to the root.
    folder: &'a str,
}

impl Places<'_> {
    fn hold(&self, claim: &Claim) -> bool {
        match claim {
            Claim::Link(path) => self.root.join(self.folder).join(path).exists(),
            Claim::Code(path) => !self.is_ours(path) || self.exists(path),
        }
    }

    fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists() || self.root.join(self.folder).join(path).exists()
    }

    /// Whether a path in backticks can mean nothing but a path of this repository.
    fn is_ours(&self, path: &str) -> bool {
        let first = path.split('/').next().unwrap_or_default();
        let ending = path.rsplit_once('.').is_some_and(|(_, ending)| EXTENSIONS.contains(&ending));
        if FOLDERS_OF_ANY_CRATE.contains(&path) {
            return false;
        }
        ending || path.ends_with('/') || (path.contains('/') && self.exists(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(path: &str) -> Claim {
        Claim::Code(path.to_owned())
    }

    #[test]
    fn links_and_code_are_claims_and_fenced_blocks_are_not() {
        let text = "See [x](../a.md#top), [y](https://e.org/z.md), [z](#here), `docs/b.md`.\n\
                    ```text\n`docs/c.md`\n```\n";
        assert_eq!(claims(text), [Claim::Link("../a.md".to_owned()), code("docs/b.md")]);
    }

    #[test]
    fn code_that_is_no_relative_path_is_no_claim() {
        for text in [
            "/proc/meminfo",
            "cargo test",
            "mod.rs",
            "--json",
            "target/doc/x.md",
            "a::b",
            "firmware/target/x.ld",
        ] {
            assert_eq!(path_in_code(text), None, "{text}");
        }
    }

    #[test]
    fn a_line_number_and_a_pattern_are_cut_off() {
        assert_eq!(path_in_code("src/lib.rs:12").as_deref(), Some("src/lib.rs"));
        assert_eq!(path_in_code("crates/*/src").as_deref(), Some("crates"));
        assert_eq!(
            path_in_code("docs/decisions/<NNNN>-title.md").as_deref(),
            Some("docs/decisions")
        );
    }

    #[test]
    fn a_claim_holds_from_the_root_and_from_the_document() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("docs/deep")).unwrap();
        fs::write(root.path().join("docs/deep/a.md"), "").unwrap();
        let places = Places { root: root.path(), folder: "docs" };

        for held in
            ["docs/deep/a.md", "deep/a.md", "docs/deep/", "SMP/MMU", "percpu/stats", "tests/"]
        {
            assert!(places.hold(&code(held)), "{held}");
        }
        for broken in ["docs/deep/b.md", "fuzz/", "lib/other.rs", "ABSENT.md", "docs/gone"] {
            assert!(!places.hold(&code(broken)), "{broken}");
        }
        assert!(places.hold(&Claim::Link("deep/a.md".to_owned())));
        assert!(!places.hold(&Claim::Link("docs/deep/a.md".to_owned())));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A copy of the repository's files, to be changed without touching the originals.
//!
//! The copy stays from one run to the next, at one place, and only what differs is written: so
//! Cargo recognises what it built from it before.

use std::fs;
use std::path::{Path, PathBuf};

use crate::site::Result;
use crate::tree;

/// A copy of a tree.
pub struct TreeCopy {
    root: PathBuf,
}

impl TreeCopy {
    /// Makes the folder `to` a copy of the files of `from`: what git tracks or would.
    pub fn make(from: &Path, to: &Path) -> Result<TreeCopy> {
        fs::create_dir_all(to)?;
        let wanted = tree::all_files(from)?;
        for path in &wanted {
            write_if_different(&to.join(path), &fs::read(from.join(path))?)?;
        }
        for path in tree::all_files(to)? {
            if wanted.binary_search(&path).is_err() {
                fs::remove_file(to.join(path))?;
            }
        }
        Ok(TreeCopy { root: to.to_path_buf() })
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes one file of it.
    pub fn write(&self, path: &str, text: &str) -> Result {
        write_if_different(&self.root.join(path), text.as_bytes())
    }
}

fn write_if_different(path: &Path, bytes: &[u8]) -> Result {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(path, bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(root: &Path, path: &str) -> Option<String> {
        fs::read_to_string(root.join(path)).ok()
    }

    #[test]
    fn a_copy_holds_the_files_as_they_are_and_no_others() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (path, text) in [(".gitignore", "/target\n"), ("a/b.rs", "new"), ("target/x", "")] {
            write_if_different(&from.path().join(path), text.as_bytes()).unwrap();
        }
        for (path, text) in [("a/b.rs", "mutated"), ("gone.rs", "")] {
            write_if_different(&to.path().join(path), text.as_bytes()).unwrap();
        }
        let copy = TreeCopy::make(from.path(), to.path()).unwrap();
        assert_eq!(tree::all_files(copy.root()).unwrap(), [".gitignore", "a/b.rs"]);
        assert_eq!(read(copy.root(), "a/b.rs").as_deref(), Some("new"));

        copy.write("a/b.rs", "mutated").unwrap();
        assert_eq!(read(copy.root(), "a/b.rs").as_deref(), Some("mutated"));
        assert_eq!(read(from.path(), "a/b.rs").as_deref(), Some("new"));
    }

    #[test]
    fn a_file_that_is_right_already_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.rs");
        fs::write(&path, "same").unwrap();
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        write_if_different(&path, b"same").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
    }
}

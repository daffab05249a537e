// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files of the repository: what git tracks or would, never build results.

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::site::Result;

/// Returns the files whose names end in `.extension`, as paths relative to `root` with
/// forward slashes, sorted.
pub fn files(root: &Path, extension: &str) -> Result<Vec<String>> {
    let mut found = all_files(root)?;
    found.retain(|path| Path::new(path).extension().is_some_and(|found| found == extension));
    Ok(found)
}

/// Returns all files, likewise.
pub fn all_files(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut walk = WalkBuilder::new(root);
    // `.ci` and `.github` are hidden by name only; a copy without `.git` is a tree as well.
    walk.hidden(false).require_git(false).git_global(false).parents(false);
    walk.filter_entry(|entry| entry.file_name() != ".git");
    for entry in walk.build() {
        let path = entry?.into_path();
        if path.is_file() {
            found.push(relative(root, path)?);
        }
    }
    found.sort();
    Ok(found)
}

fn relative(root: &Path, path: PathBuf) -> Result<String> {
    let path = path.strip_prefix(root)?;
    let names = path.components().map(|name| name.as_os_str().to_string_lossy());
    Ok(names.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_results_are_no_files_of_the_repository() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(".gitignore", "/target\n");
        write("target/made.rs", "");
        write("src/written.rs", "");
        write("src/notes.md", "");
        assert_eq!(files(root.path(), "rs").unwrap(), ["src/written.rs"]);
        let all = [".gitignore", "src/notes.md", "src/written.rs"];
        assert_eq!(all_files(root.path()).unwrap(), all);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The site: where the repository is, and a shell that stands in it.

use std::error::Error;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use xshell::{Shell, cmd};

/// What a step gives: nothing, or the sentence that says what went wrong.
pub type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The repository, and a shell whose folder is its root.
pub struct Site {
    /// Runs commands; shows each before it runs.
    pub sh: Shell,
    root: PathBuf,
}

/// What `cargo metadata` says; the part that is needed here.
#[derive(Deserialize)]
pub struct Metadata {
    /// The crates of the workspace.
    pub packages: Vec<Package>,
    /// Where Cargo puts what it builds.
    pub target_directory: PathBuf,
}

/// One crate of the workspace.
#[derive(Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// What it asks for, crates of the workspace and others.
    pub dependencies: Vec<Dependency>,
}

/// One line of a crate's `[dependencies]`, or of its siblings.
#[derive(Deserialize)]
pub struct Dependency {
    /// Name of the crate asked for.
    pub name: String,
    /// `None` for `[dependencies]`, else `dev` or `build`.
    pub kind: Option<String>,
}

impl Site {
    /// Finds the repository that this program was built from.
    pub fn find() -> Result<Site> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .filter(|root| root.join("Cargo.toml").is_file())
            .ok_or("the repository that built xtask has moved; build it again")?
            .to_path_buf();
        let sh = Shell::new()?;
        sh.change_dir(&root);
        Ok(Site { sh, root })
    }

    /// The repository's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Asks Cargo about the workspace, dependencies of dependencies left out.
    pub fn metadata(&self) -> Result<Metadata> {
        metadata(&self.sh)
    }

    /// Path of a program that `cargo build --release` made; `under` is its folder there.
    pub fn release_program(&self, under: &str, name: &str) -> Result<PathBuf> {
        let folder = self.metadata()?.target_directory.join("release").join(under);
        Ok(folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
    }
}

/// Asks Cargo about the workspace that `sh` stands in.
pub fn metadata(sh: &Shell) -> Result<Metadata> {
    let json = cmd!(sh, "cargo metadata --format-version 1 --no-deps").quiet().read()?;
    Ok(serde_json::from_str(&json)?)
}

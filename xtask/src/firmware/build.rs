// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds images: one call of Cargo for each target, in the folder of the firmware's workspace.
//!
//! The folder matters: `firmware/.cargo/config.toml` says how code for each processor is made,
//! and Cargo reads it only when it runs there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use xshell::{Cmd, Shell, cmd};

use super::boards::Board;
use crate::site::{self, Metadata, Result, Site};

/// A workspace of images, and where it puts them.
pub struct Workshop {
    /// Stands in the folder of the workspace.
    sh: Shell,
    target: PathBuf,
}

/// Images that one call of Cargo builds: alike in target and features.
pub type Batch<'a> = Vec<&'a Board>;

impl Workshop {
    /// The repository's own, building where Cargo builds by default.
    pub fn of(site: &Site) -> Result<Workshop> {
        let target = metadata(site)?.target_directory;
        Workshop::at(site.root(), &target)
    }

    /// That of the copy of the repository at `root`, building into `target`.
    pub fn at(root: &Path, target: &Path) -> Result<Workshop> {
        Ok(Workshop { sh: shell_in(root)?, target: target.to_path_buf() })
    }

    /// Where `board`'s image is, once built.
    pub fn image(&self, board: &Board) -> PathBuf {
        self.built(board.target, "release", board.bin)
    }

    /// Where a program is, built for `target` with a profile of its own.
    pub fn built(&self, target: &str, profile: &str, program: &str) -> PathBuf {
        self.target.join(target).join(profile).join(program)
    }

    /// Returns a command of Cargo in the workspace: `build`, `clippy`, ...
    pub fn cargo(&self, subcommand: &str) -> Cmd<'_> {
        // Flags in the environment would replace those of the configuration file.
        cmd!(self.sh, "cargo {subcommand}")
            .env("CARGO_TARGET_DIR", &self.target)
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("CARGO_BUILD_TARGET")
    }

    /// The command that builds one batch.
    pub fn build(&self, batch: &Batch<'_>) -> Cmd<'_> {
        self.cargo("build").arg("--release").args(arguments(batch))
    }
}

/// Asks Cargo about the workspace of images.
pub fn metadata(site: &Site) -> Result<Metadata> {
    site::metadata(&shell_in(site.root())?)
}

fn shell_in(root: &Path) -> Result<Shell> {
    let sh = Shell::new()?;
    sh.change_dir(root.join("firmware"));
    Ok(sh)
}

/// Sorts images into batches.
pub fn batches<'a>(boards: &[&'a Board]) -> Vec<Batch<'a>> {
    let mut batches = BTreeMap::<_, Batch<'a>>::new();
    for board in boards {
        let alike = (board.target, board.features);
        batches.entry(alike).or_default().push(board);
    }
    batches.into_values().collect()
}

fn arguments(batch: &Batch<'_>) -> Vec<String> {
    let mut words = Vec::new();
    let mut option = |name: &str, value: &str| {
        let pair = [name.to_owned(), value.to_owned()];
        if !words.chunks(2).any(|known| known == pair) {
            words.extend(pair);
        }
    };
    for board in batch {
        option("--target", board.target);
        option("--package", board.package);
        option("--bin", board.bin);
        for feature in board.features {
            option("--features", &format!("{}/{feature}", board.package));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::boards::select;
    use super::*;

    fn boards(names: &[&str]) -> Vec<&'static Board> {
        select(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn one_batch_holds_all_images_of_a_target() {
        let batches = batches(&boards(&["an536", "riscv64-m", "an536-up", "riscv64-sv39"]));
        let names: Vec<Vec<_>> =
            batches.iter().map(|batch| batch.iter().map(|board| board.name).collect()).collect();
        assert_eq!(names, [vec!["an536", "an536-up"], vec!["riscv64-m", "riscv64-sv39"]]);
    }

    #[test]
    fn images_with_other_features_are_built_apart() {
        let plain = boards(&["an536"])[0];
        let other = Board { bin: "other", features: &["more"], ..*plain };
        let batches = batches(&[plain, &other]);
        assert_eq!(batches.len(), 2);
        assert!(arguments(&batches[1]).join(" ").ends_with("--features an536/more"));
    }

    #[test]
    fn a_package_with_two_images_is_named_once() {
        let batch = boards(&["an536", "an536-up"]);
        let words = "--target armv7a-none-eabi --package an536 --bin an536 --bin an536-up";
        assert_eq!(arguments(&batch).join(" "), words);
    }
}
